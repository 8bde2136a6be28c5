"""Reports of errors to a Sentry of the operator's choice (SENTRY_DSN): what failed and where, nothing of whom.

Whatever the library gathers, only what is named here leaves: a new version of it cannot add more.
"""

from django.conf import settings

from mumaris.logs import hide_secrets, work
from mumaris.observation import name_view
from mumaris.origin import current_origin

KEPT = ("event_id", "timestamp", "level", "platform", "logger", "environment", "release", "sdk")
PLACE = ("filename", "function", "module", "lineno", "in_app", "pre_context", "context_line", "post_context")


def start_reports() -> None:
    """Send reports from now on, in a thread that no page waits for; nothing happens without SENTRY_DSN."""
    if not settings.SENTRY_DSN:
        return
    import sentry_sdk

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        propagate_traces=False,
        before_send=keep_little,
    )


def keep_little(event: dict, hint: dict) -> dict:
    """Return a report of the class and places of the errors, the page and the id of the request or task."""
    kept = {name: event[name] for name in KEPT if name in event}
    record = hint.get("log_record")
    if record is not None:
        # What was to be filled in may be anything; the sentence itself stands in the code.
        kept["logentry"] = {"message": hide_secrets(str(record.msg))}
    errors = event.get("exception", {}).get("values", [])
    kept["exception"] = {"values": [keep_places(error) for error in errors]}
    request = current_origin().request
    kept["tags"] = dict(work.get()) | ({"view": name_view(request)} if request is not None else {})
    return kept


def keep_places(error: dict) -> dict:
    """Return an error without its words, which may quote what was being written, and without any variable."""
    frames = error.get("stacktrace", {}).get("frames", [])
    places = [{name: frame[name] for name in PLACE if name in frame} for frame in frames]
    return {"type": error.get("type"), "module": error.get("module"), "stacktrace": {"frames": places}}
