"""What must not stand in a log: the path of a reset link or of an undo link is a secret."""

import logging
import re

LINK_KEY = re.compile(r"((?:password/reset/key|email/undo|claim/objection)/)[^/\s\"']+")


class HideLinks(logging.Filter):
    """Cuts the key out of every line; Django logs the path of each 4xx and 5xx."""

    def filter(self, record: logging.LogRecord) -> bool:
        line = record.getMessage()
        if LINK_KEY.search(line):
            record.msg, record.args = LINK_KEY.sub(r"\1…", line), ()
        return True
