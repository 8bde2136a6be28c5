"""The rules of one row: those of the forms, with their sentences, at a price that a million rows can pay."""

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django_countries import countries

from mumaris import text
from mumaris.forms import AddressField
from profiles.birth_date import BirthDateField, PostedDate
from profiles.dates import GREGORIAN, TypedDate
from profiles.fields import (
    ArabicNameField,
    IdentityNumberField,
    LatinNameField,
    LineField,
    MembershipNumberField,
    MobileField,
    refuse_identity_fault,
)
from profiles.identity import IDENTITY_KINDS, clean_identity_number, identity_fault
from profiles.import_files import Line
from profiles.models import LINE_LENGTH, Member, Rank, Specialty

# What a spreadsheet would run, also in full-width forms, which some read alike.
FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠﹦﹢﹣﹫]")
# A plus sign begins a mobile number, and of the other two nothing but letters and digits is kept.
NO_TEXT = {"mobile", "membership_number", "identity_number"}
DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
# No registration ends in a Gregorian year outside these: it was meant as Hijri.
YEARS = range(1900, 2200)
# A Saudi mobile as it is mostly written: phonenumbers takes a quarter of a millisecond to say the same.
SAUDI_MOBILE = re.compile(r"(?:\+966|00966|966|0)?(5(?:[013-689][0-9]|7[0-8])[0-9]{6})")
GENDERS, JOB_KINDS = set(Member.Gender.values), set(Member.JobKind.values)
# Values of a registry repeat: places, employers, days of birth.
REMEMBERED = 20_000


class RefusedRow(Exception):
    """The row is not taken: the column and the reason in words."""

    def __init__(self, column: str, reason: str):
        super().__init__(column)
        self.column, self.reason = column, reason


@dataclass(slots=True)
class Row:
    """A row in the spelling of the database; a value that the file leaves empty is not among ``values``."""

    line: int
    number: str
    identity: tuple[str, str]
    email: str
    values: dict


def read_row(line: Line) -> Row:
    """Return the cleaned row. Raises RefusedRow."""
    if line.fault:
        raise RefusedRow("", line.fault)
    cells = line.cells
    for column, value in cells.items():
        if value and not value[0].isalnum() and column not in NO_TEXT and begins_like_formula(value):
            raise RefusedRow(column, _("The value begins like a formula."))
    number = clean("membership_number", cells.get("membership_number", ""))
    kind, identity = read_identity(cells)
    read = {KEPT_AS.get(name, name): reader(name, cells.get(name, "")) for name, reader in READERS.items()}
    values = {name: value for name, value in read.items() if value}
    if not values.get("name_arabic") and not values.get("name_latin"):
        raise RefusedRow("name_arabic", _("The row has no name."))
    values |= {"identity_kind": kind, "identity_number": identity} | read_birth_date(cells)
    return Row(line.number, number, (kind, identity), clean("email", cells.get("email", "")), values)


def begins_like_formula(value: str) -> bool:
    """Tell whether a spreadsheet could run a value, whatever spaces and marks stand before it."""
    return bool(FORMULA.match(text.INVISIBLE.sub("", value).strip()))


def read_identity(cells: dict[str, str]) -> tuple[str, str]:
    kind = cells.get("identity_kind", "").strip().lower()
    if kind not in IDENTITY_KINDS:
        raise RefusedRow("identity_kind", _("Choose the kind of identity document."))
    number = clean_identity_number(cells.get("identity_number", ""))
    if identity_fault(kind, number):
        try:
            refuse_identity_fault(kind, number)
        except ValidationError as refused:
            raise RefusedRow("identity_number", refused.messages[0]) from None
    return kind, number


def read_birth_date(cells: dict[str, str]) -> dict:
    calendar = cells.get("calendar", "").strip().lower() or GREGORIAN
    born = _read_birth_date(cells.get("birth_date", ""), calendar)
    if isinstance(born, str):
        raise RefusedRow("birth_date", born)
    return {"birth_date": born.date, "birth_typed": born.typed, "birth_calendar": born.calendar}


@lru_cache(REMEMBERED)
def _read_birth_date(typed: str, calendar: str) -> TypedDate | str:
    try:
        return FIELDS["birth_date"].clean(PostedDate(typed, calendar))
    except ValidationError as refused:
        return refused.messages[0]


# --- Single values --------------------------------------------------------------------------------

LINES = ("city", "address", "workplace", "job_title")
FIELDS = {
    "membership_number": MembershipNumberField(),
    "identity_number": IdentityNumberField(),
    "birth_date": BirthDateField(),
    "name_arabic": ArabicNameField(required=False),
    "name_latin": LatinNameField(required=False),
    "email": AddressField(required=False),
    "mobile": MobileField(required=False),
    **{name: LineField(max_length=LINE_LENGTH, required=False) for name in LINES},
}


def clean(column: str, value: str):
    """Return what the form field of a column makes of a value. Raises RefusedRow."""
    try:
        return FIELDS[column].clean(value)
    except ValidationError as refused:
        raise RefusedRow(column, refused.messages[0]) from None


@lru_cache(REMEMBERED)
def _clean_line(column: str, value: str) -> tuple[str, str]:
    """Return (cleaned, why not)."""
    try:
        return FIELDS[column].clean(value), ""
    except ValidationError as refused:
        return "", refused.messages[0]


def clean_line(column: str, value: str) -> str:
    cleaned, fault = _clean_line(column, value)
    if fault:
        raise RefusedRow(column, fault)
    return cleaned


def clean_mobile(column: str, value: str) -> str:
    usual = SAUDI_MOBILE.fullmatch(value)
    return f"+966{usual[1]}" if usual else clean(column, value)


def choose(column: str, value: str) -> str:
    value = value.strip().lower()
    if value and value not in {"gender": GENDERS, "job_kind": JOB_KINDS}[column]:
        raise RefusedRow(column, _("This value is not in the list."))
    return value


def read_country(column: str, value: str) -> str:
    value = value.strip().upper()
    if value and value not in _country_codes():
        raise RefusedRow(column, _("Write the country by its two-letter code."))
    return value


@lru_cache(1)
def _country_codes() -> frozenset[str]:
    return frozenset(code for code, _name in countries)


def read_term(column: str, value: str) -> int | None:
    """Return the id of a specialty or rank."""
    code = value.strip().lower()
    if not code:
        return None
    if (term := known_terms(column).get(code)) is None:
        raise RefusedRow(column, _("This code is not in the Commission's list."))
    return term


@lru_cache(2)
def known_terms(column: str) -> dict[str, int]:
    """Return {code: id}; forgotten at the start of every import."""
    return dict({"specialty": Specialty, "rank": Rank}[column].objects.values_list("code", "pk"))


def read_day(column: str, value: str) -> dt.date | None:
    value = text.fold(value.strip()[:40])
    if not value:
        return None
    try:
        day = dt.date.fromisoformat(value) if DAY.fullmatch(value) else None
    except ValueError:
        day = None
    if day is None or day.year not in YEARS:
        raise RefusedRow(column, _("Write the date as YYYY-MM-DD, in the Gregorian calendar."))
    return day


KEPT_AS = {"specialty": "specialty_id", "rank": "rank_id"}
READERS = {
    "name_arabic": clean,
    "name_latin": clean,
    "gender": choose,
    "nationality": read_country,
    "mobile": clean_mobile,
    "city": clean_line,
    "address": clean_line,
    "specialty": read_term,
    "rank": read_term,
    "job_kind": choose,
    "workplace": clean_line,
    "job_title": clean_line,
    "registration_expiry": read_day,
}
