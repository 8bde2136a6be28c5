"""A conversation with the mail server that can be cut from its first byte on, whatever the server does.

EMAIL_TIMEOUT holds for each step; a server that drips bytes would outlast every lease.
"""

import os
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial

from django.core.mail.backends.smtp import EmailBackend

# Seconds between two looks at what takes too long.
LOOK = 0.5


class Transport(EmailBackend):
    """Django's, which shows its conversation before the server has said a word."""

    conversation: smtplib.SMTP | None = None

    @property
    def connection_class(self) -> Callable[..., smtplib.SMTP]:
        return partial(self._converse, super().connection_class)

    def _converse(self, kind: type[smtplib.SMTP], *arguments, **options) -> smtplib.SMTP:
        # The greeting is heard in __init__.
        self.conversation = kind.__new__(kind)
        self.conversation.__init__(*arguments, **options)
        return self.conversation

    @property
    def ssl_context(self) -> ssl.SSLContext:
        return super().ssl_context if self.ssl_certfile or self.ssl_keyfile else _trust()


@cache
def _trust() -> ssl.SSLContext:
    """Whom this machine trusts. Reading it takes longer than a mail does."""
    return ssl.create_default_context()


# --- Those that talk, and until when (time.monotonic) -------------------------------------------

_ends: dict[object, float] = {}
# Held while one is cut: else the cut could hit the next mail of the same conversation.
_cutting = threading.Lock()
_watch: threading.Thread | None = None


def _forget_parent() -> None:
    """What the parent of a fork talks about is not its child's, and nobody here holds its lock."""
    global _cutting  # noqa: PLW0603
    _cutting = threading.Lock()
    _ends.clear()


os.register_at_fork(after_in_child=_forget_parent)


@contextmanager
def deadline(server, seconds: float) -> Iterator[None]:
    """Cut the conversation with the mail server when what is done here takes longer than ``seconds``."""
    _keep_watch()
    _ends[server] = time.monotonic() + seconds
    try:
        yield
    finally:
        with _cutting:
            _ends.pop(server, None)


def _keep_watch() -> None:
    """One thread watches for a whole process, begun where it is missing: a fork has none of its own."""
    global _watch  # noqa: PLW0603
    if _watch is None or not _watch.is_alive():
        _watch = threading.Thread(target=_look, name="mail deadline", daemon=True)
        _watch.start()


def _look() -> None:
    while True:
        with _cutting:
            for server, end in list(_ends.items()):
                if time.monotonic() > end:
                    cut_off(server)
        time.sleep(LOOK)


def cut_off(server) -> None:
    conversation = getattr(server, "conversation", None)
    with suppress(OSError, AttributeError):
        # Not as TLS does it: that would first forget the encryption, and a thread that sends would go on without.
        socket.socket.shutdown(conversation.sock, socket.SHUT_RDWR)
