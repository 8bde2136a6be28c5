"""The kinds of mail. Each app registers its own in ``AppConfig.ready()``, so that this room imports neither."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from mumaris.mail.models import Lane, Outbox


@dataclass(frozen=True, kw_only=True)
class Letter:
    """The words of one mail, in the language that is active: one source for its text and its HTML part."""

    subject: str
    # The heading inside the mail; a subject may carry the code, a heading does not.
    title: str
    paragraphs: list[str]
    greeting: str = ""
    code: str = ""
    # (what the button says, where it leads)
    button: tuple[str, str] | None = None
    # Lines of (label, value): values are isolated, so that an address or number keeps its direction.
    facts: list[tuple[str, str]] = field(default_factory=list)
    # (question, answer) in the box at the foot: what to do when this mail was not asked for.
    warning: tuple[str, str] | None = None
    small: list[str] = field(default_factory=list)


def nothing(*args) -> None:
    """Stand in for what a kind of mail does not need."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What the mail room knows of a kind of mail.

    ``write`` returns the letter, or None when the mail is no longer needed; it runs at sending time
    in the recipient's language. ``language`` returns the recipient's stored language, if there is one.
    ``accepted`` and ``failed`` run in the transaction that records the end; ``failed`` gets the state.
    """

    name: str
    lane: Lane
    write: Callable[[Outbox], Letter | None]
    language: Callable[[Outbox], str | None] = nothing
    accepted: Callable[[Outbox], None] = nothing
    failed: Callable[[Outbox, str], None] = nothing
    give_up_after: timedelta = timedelta(hours=24)


_kinds: dict[str, Kind] = {}
_names: dict[str, str] = {}


def register(kind: Kind) -> None:
    _kinds[kind.name] = kind


def name_kinds(names: dict[str, str]) -> None:
    """Say what staff call each kind: {name: lazy words}."""
    _names.update(names)


def list_kinds() -> dict[str, str]:
    """Return what each registered kind is called in the active language, by its name."""
    return {name: str(_names.get(name, name)) for name in _kinds}


def get_kind(name: str) -> Kind:
    """Return the registered kind. Raises LookupError for a name that nobody registered."""
    try:
        return _kinds[name]
    except KeyError:
        raise LookupError(f"no kind of mail is called {name!r}") from None


def find_kind(name: str) -> Kind:
    """Return the registered kind, or a silent one for a row whose kind a newer release took away."""
    return _kinds.get(name) or Kind(name=name, lane=Lane.OTHER, write=nothing)
