"""What must not stand in a log: the path of a reset link or of an undo link is a secret."""

import logging
import re

LINK_KEY = re.compile(r"((?:password/reset/key|email/undo|sessions/not-me|claim/objection)/)[^/\s\"']+")


class HideLinks(logging.Filter):
    """Cuts the key out of every line; Django logs the path of each 4xx and 5xx."""

    def filter(self, record: logging.LogRecord) -> bool:
        line = record.getMessage()
        if LINK_KEY.search(line):
            record.msg, record.args = LINK_KEY.sub(r"\1…", line), ()
        return True


def describe_logging() -> dict:
    """Return the LOGGING of the settings: lines for whoever runs the process, without keys and links."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
        "filters": {"hide_links": {"()": "mumaris.logs.HideLinks"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["hide_links"]}},
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            "pikepdf": {"level": "WARNING"},
            # It would write the number of each passkey.
            "fido2": {"level": "WARNING"},
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
        },
    }
