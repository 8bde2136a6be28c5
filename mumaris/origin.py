"""Where the work of this moment comes from: what a record of it may say, without handing requests to services."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.http import HttpRequest


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The request that this work answers; ``None`` stands for a command, a task or a test without one."""

    request: HttpRequest | None = None

    @property
    def actor_id(self) -> int | None:
        """The id of who is signed in, asked only when a record is written."""
        user = getattr(self.request, "user", None)
        return user.pk if user is not None and user.is_authenticated else None


_origin: ContextVar[Origin] = ContextVar("origin")


def current_origin() -> Origin:
    return _origin.get(Origin())


@contextmanager
def working_for(request: HttpRequest) -> Iterator[None]:
    token = _origin.set(Origin(request=request))
    try:
        yield
    finally:
        _origin.reset(token)
