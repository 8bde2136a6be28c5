"""What the portal holds about somebody, section by section: for a page to read and a file to take away.

accounts knows its own rows; who else holds data about people registers a section in ``AppConfig.ready()``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts import limits
from accounts.events import record_event
from accounts.models import User
from mumaris.text import format_moment


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One value: its name and the value itself for machines, label and words for its owner."""

    name: str
    label: str
    value: object
    shown: str


Record = list[Fact]
Source = Callable[[User], list[Record]]


@dataclass(frozen=True, kw_only=True)
class Section:
    name: str
    title: str
    records: list[Record]


_sources: dict[str, tuple[object, Source]] = {}


def register_own_data(section: str, source: Source, *, title: object) -> None:
    """Make a section known: its name in the file, who returns its records, and its lazy title on the page."""
    _sources[section] = (title, source)


def collect_own_data(user: User) -> list[Section]:
    """Return all that is held about ``user``, in the active language."""
    return [Section(name=name, title=str(title), records=source(user)) for name, (title, source) in _sources.items()]


def export_own_data(*, user: User) -> dict[str, object]:
    """Return the same as JSON-able values, and record that a copy was taken. Raises LimitReached."""
    limits.count(limits.OWN_COPIES, user.pk)
    with transaction.atomic():
        record_event("data.downloaded", user=user)
        sections = collect_own_data(user)
    values = {
        section.name: [{fact.name: fact.value for fact in record} for record in section.records] for section in sections
    }
    return {"made_at": timezone.now(), **values}


# --- Facts --------------------------------------------------------------------------------------


def describe_row(row, *names: str) -> Record:
    """Return columns of a row as facts, under the names that the tables have for them."""
    return [describe_column(row, name) for name in names]


def describe_column(row, name: str) -> Fact:
    value = getattr(row, name)
    choice = getattr(row, f"get_{name}_display", None)
    label = str(row._meta.get_field(name).verbose_name)
    return make_fact(name, label, value, shown=choice() if choice and value else None)


def make_fact(name: str, label: str, value: object, *, shown: str | None = None) -> Fact:
    return Fact(name=name, label=label, value=value, shown=say_value(value) if shown is None else str(shown))


def say_value(value: object) -> str:
    """Return a value in words of the active language."""
    if value in (None, "", []):
        return "—"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, date):
        return date_format(value)
    return _(", ").join(map(str, value)) if isinstance(value, list) else str(value)
