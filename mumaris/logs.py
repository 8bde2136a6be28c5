"""What stands in the logs: one line of JSON a record, and none of what must not.

The path of a reset link or of an undo link is a secret, the message of an error may quote what was being
written, and addresses are nobody's business: pages are told by their names, errors by class and place.
"""

import json
import logging
import re
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from http import HTTPStatus

LINK_KEY = re.compile(r"((?:password/reset/key|email/undo|sessions/not-me|claim/objection)/)[^/\s\"']+")
ADDRESS = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
# Of an error, the last places that it came through.
PLACES = 12

# What this thread works on: request_id, and task and task_id in a worker. Every line tells it.
work: ContextVar[dict[str, str]] = ContextVar("work", default={})  # noqa: B039  (never changed, only replaced)


def hide_secrets(text: str) -> str:
    return ADDRESS.sub("…@…", LINK_KEY.sub(r"\1…", text))


class HideSecrets(logging.Filter):
    """Cuts keys and addresses out of every line of a local run."""

    def filter(self, record: logging.LogRecord) -> bool:
        line = record.getMessage()
        if (hidden := hide_secrets(line)) != line:
            record.msg, record.args = hidden, ()
        return True


class JsonLine(logging.Formatter):
    """One object a record: time in UTC, level, logger, message, what was worked on, and ``facts`` if it has some."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": hide_secrets(tell(record)),
            **work.get(),
            **tell_task(record),
            **getattr(record, "facts", {}),
        }
        if request_id := getattr(getattr(record, "request", None), "request_id", ""):
            line["request_id"] = request_id
        if record.exc_info and record.exc_info[0]:
            line |= describe_error(*record.exc_info)
        return json.dumps(line)


def tell(record: logging.LogRecord) -> str:
    """Return the message; without the path where Django tells of a request, without the error where Celery does."""
    request, status = getattr(record, "request", None), getattr(record, "status_code", None)
    if request is not None and status is not None:
        match = getattr(request, "resolver_match", None)
        return f"{HTTPStatus(status).phrase}: {match.view_name if match else 'no page'}"
    if task := tell_task(record):
        return f"Task {task['task']} failed" if record.levelno >= logging.ERROR else record.getMessage()
    return record.getMessage()


def tell_task(record: logging.LogRecord) -> dict[str, str]:
    """Return the task that Celery speaks of, also where it speaks outside of it."""
    told = getattr(record, "data", None)
    if not isinstance(told, dict) or not {"name", "id"} <= set(told):
        return {}
    return {"task": told["name"], "task_id": told["id"]}


def describe_error(kind: type, error: BaseException, trace) -> dict:
    """Return the class of an error and where it came from, never its words."""
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)[-PLACES:]]
    cause = error.__cause__ or error.__context__
    return {"error": kind.__name__, "cause": type(cause).__name__ if cause else "", "places": places}


def describe_logging(*, debug: bool) -> dict:
    """Return the LOGGING of the settings: JSON for machines, and lines for whoever runs a local site."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "plain": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
            "json": {"()": "mumaris.logs.JsonLine"},
        },
        "filters": {"hide_secrets": {"()": "mumaris.logs.HideSecrets"}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "plain" if debug else "json",
                "filters": ["hide_secrets"] if debug else [],
            }
        },
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            "pikepdf": {"level": "WARNING"},
            # Celery's pool, which would else write plain lines.
            "multiprocessing": {"handlers": ["console"], "level": "WARNING"},
            # It would write the number of each passkey.
            "fido2": {"level": "WARNING"},
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            "gunicorn.error": {"handlers": [], "propagate": True, "level": "INFO"},
            # The server of a local run tells its requests itself.
            "mumaris.observation": {"level": "WARNING" if debug else "INFO"},
        },
    }
