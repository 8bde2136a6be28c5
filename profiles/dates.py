"""Dates in both calendars: Umm al-Qura as Saudi documents write it, and Gregorian as everything is stored.

The table of Umm al-Qura reaches from 1343 to 1500 AH (1 August 1924 to 16 November 2077).
"""

import datetime as dt
import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass
from itertools import chain

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from hijridate import Gregorian, Hijri
from hijridate.locales import get_locale
from hijridate.ummalqura import HIJRI_RANGE

from mumaris import text

HIJRI, GREGORIAN = "hijri", "gregorian"
FIRST_HIJRI_YEAR, LAST_HIJRI_YEAR = HIJRI_RANGE[0][0], HIJRI_RANGE[1][0]
# Nobody who lives was born in a Gregorian year below this one, or in a Hijri year above it.
BETWEEN_CALENDARS = 1700
MIN_AGE, MAX_AGE = 15, 120
TYPED_LENGTH = 60


class OutsideCalendarError(ValueError):
    """The date lies outside the table of Umm al-Qura."""


class DateFault(ValueError):
    """What was typed is no date of the calendar; ``code`` says why, ``params`` are the words of its sentence."""

    def __init__(self, code: str, **params):
        super().__init__(code)
        self.code, self.params = code, params


@dataclass(frozen=True)
class TypedDate:
    """A date beside what a person typed for it: the document in their hand may be in the other calendar."""

    date: dt.date
    typed: str
    calendar: str

    def __str__(self):
        return format_both(self.date, self.calendar)


# --- From one calendar to the other -----------------------------------------------------------------


def to_hijri(date: dt.date) -> str:
    """Return the Umm al-Qura date as 1405-07-15. Raises OutsideCalendarError."""
    return find_hijri(date).isoformat()


def find_hijri(date: dt.date) -> Hijri:
    try:
        return Gregorian.fromdate(date).to_hijri()
    except OverflowError as error:
        raise OutsideCalendarError(str(error)) from error


def from_hijri(year: int, month: int, day: int) -> dt.date:
    """Return the Gregorian date. Raises OutsideCalendarError, or ValueError for a day that the month has not."""
    try:
        return dt.date.fromordinal(Hijri(year, month, day).to_gregorian().toordinal())
    except OverflowError as error:
        raise OutsideCalendarError(str(error)) from error


# --- In words -----------------------------------------------------------------------------------------


def format_gregorian(date: dt.date) -> str:
    """Return «5 أبريل 1985» or "5 April 1985"."""
    return date_format(date, "DATE_FORMAT")


def format_hijri(date: dt.date) -> str:
    """Return «15 رجب 1405 هـ» or "15 Rajab 1405 AH". Raises OutsideCalendarError."""
    hijri = find_hijri(date)
    parts = {"day": hijri.day, "month": name_month(HIJRI, hijri.month), "year": hijri.year}
    return _("%(day)s %(month)s %(year)s AH") % parts


def format_both(date: dt.date, calendar: str) -> str:
    """Return the date in the calendar it was typed in, then in the other one, where Umm al-Qura knows it."""
    try:
        words = [format_hijri(date), format_gregorian(date)]
    except OutsideCalendarError:
        return format_gregorian(date)
    first, second = words if calendar == HIJRI else reversed(words)
    return _("%(date)s, which is %(other)s") % {"date": first, "other": second}


def name_month(calendar: str, month: int) -> str:
    """Return the name of a month in the active language."""
    if calendar == GREGORIAN:
        return date_format(dt.date(2000, month, 1), "F")
    return get_locale("ar" if get_language() == "ar" else "en").month_name(month)


# --- What people type ---------------------------------------------------------------------------------

SEPARATORS = re.compile(r"[\s/\-.,،؛_\\|'’‘]*")
TOKENS = re.compile(r"[0-9]+|[^\W\d_]+")
# هـ, م and their English: the calendar is asked for, and the year tells it anyway.
ERAS = {"ه", "م", "ah", "h", "ad", "ce"}
ONE_SPELLING = str.maketrans("ةى", "هي", text.TATWEEL)
OTHER_NAMES = {
    HIJRI: {"ربيع الآخر": 4, "جمادى الثانية": 6, "ذي القعدة": 11, "ذي الحجة": 12, "Ramadhan": 9},
    GREGORIAN: {
        **{get_locale("en").gregorian_month_name(month)[:3]: month for month in range(1, 13)},
        "Sept": 9,
    },
}


def read_date(typed: str, calendar: str) -> dt.date:
    """Return the date that was typed in ``calendar``, in any digits, with any separators. Raises DateFault.

    The year has four digits and stands first or last. Of day and month the day comes first after a year that
    comes last, unless only the other order makes a date.
    """
    year, month, day = order_parts(*split_typed(clean_typed_date(typed), calendar))
    refuse_other_calendar(year, calendar)
    if not 1 <= month <= 12:
        raise DateFault("month")
    if not 1 <= day <= 31:
        raise DateFault("day")
    last = count_days(year, month, calendar)
    if day > last:
        raise DateFault("last_day", month=name_month(calendar, month), year=year, day=last)
    return from_hijri(year, month, day) if calendar == HIJRI else dt.date(year, month, day)


def clean_typed_date(typed: str) -> str:
    """Return what was typed with ASCII digits and dashes, single spaces and no invisible marks. Raises DateFault."""
    if len(typed) > TYPED_LENGTH:
        raise DateFault("form")
    visible = text.BIDI_OVERRIDES.sub("", text.JOINERS.sub("", text.fold(typed)))
    line = " ".join(text.DASHES.sub("-", visible).split())
    if len(line) > TYPED_LENGTH:  # one character may fold into eighteen
        raise DateFault("form")
    return line


def split_typed(line: str, calendar: str) -> tuple[list[str], int | None]:
    """Return the numbers in their order, and the month where it is named. Raises DateFault."""
    bare = fold_letters(line)
    if not SEPARATORS.fullmatch(TOKENS.sub("", bare)):
        raise DateFault("form")
    tokens = TOKENS.findall(bare)
    numbers = [token for token in tokens if token.isdigit()]
    words = [token for token in tokens if not token.isdigit() and token not in ERAS]
    return numbers, read_month("".join(map(drop_article, words)), calendar) if words else None


def fold_letters(line: str) -> str:
    """Return the line in lower case, without marks and spelling variants."""
    letters = unicodedata.normalize("NFKD", line).casefold().translate(ONE_SPELLING)
    return "".join(c for c in letters if not unicodedata.combining(c))


def drop_article(word: str) -> str:
    return re.sub("^(al|ال)", "", word)


def read_month(word: str, calendar: str) -> int:
    """Return the number of a month's folded name. Raises DateFault for another word."""
    if month := MONTHS[calendar].get(word):
        return month
    other = GREGORIAN if calendar == HIJRI else HIJRI
    raise DateFault(f"choose_{other}" if word in MONTHS[other] else "form")


def list_month_names(calendar: str) -> dict[str, int]:
    """Return the number of each month by its folded names in both languages."""
    locales = [get_locale("ar"), get_locale("en")]
    lists = [locale.month_names if calendar == HIJRI else locale.gregorian_month_names for locale in locales]
    names = chain(*(enumerate(names, 1) for names in lists), ((n, name) for name, n in OTHER_NAMES[calendar].items()))
    return {"".join(map(drop_article, TOKENS.findall(fold_letters(name)))): number for number, name in names}


MONTHS = {calendar: list_month_names(calendar) for calendar in (HIJRI, GREGORIAN)}


def order_parts(numbers: list[str], month: int | None) -> tuple[int, int, int]:
    """Return (year, month, day). Raises DateFault where the numbers make no date in any order."""
    if month is not None:
        numbers = [numbers[0], str(month), numbers[1]] if len(numbers) == 2 else []
    elif len(numbers) == 1 and len(numbers[0]) == 8:
        numbers = split_eight(numbers[0])
    if len(numbers) != 3 or max(map(len, numbers)) > 4:
        raise DateFault("form")
    if len(numbers[0]) == 4:
        numbers = numbers[::-1]
    if len(numbers[2]) != 4:
        raise DateFault("year")
    if max(map(len, numbers[:2])) > 2:
        raise DateFault("form")
    day, second, year = map(int, numbers)
    return (year, day, second) if second > 12 >= day else (year, second, day)


def split_eight(digits: str) -> list[str]:
    """Split 15071405 or 14050715, which phones without separators make: no year begins like a month."""
    if int(digits[4:6]) > 12:
        return [digits[:2], digits[2:4], digits[4:]]
    return [digits[:4], digits[4:6], digits[6:]]


def refuse_other_calendar(year: int, calendar: str) -> None:
    """Raise DateFault where the year tells that the other calendar was meant, or Umm al-Qura does not know it."""
    if calendar == GREGORIAN and year < BETWEEN_CALENDARS:
        raise DateFault("choose_hijri")
    if calendar == HIJRI and year >= BETWEEN_CALENDARS:
        raise DateFault("choose_gregorian")
    if calendar == HIJRI and not FIRST_HIJRI_YEAR <= year <= LAST_HIJRI_YEAR:
        raise DateFault("hijri_years")


def count_days(year: int, month: int, calendar: str) -> int:
    return Hijri(year, month, 1).month_length() if calendar == HIJRI else monthrange(year, month)[1]


# --- Birth dates --------------------------------------------------------------------------------------


def birth_date_fault(date: dt.date) -> str:
    """Return why nobody who is registered was born on this date ("future", "young", "old"), or an empty string."""
    today = timezone.localdate()
    if date > today:
        return "future"
    age = today.year - date.year - ((today.month, today.day) < (date.month, date.day))
    if age < MIN_AGE:
        return "young"
    return "old" if age > MAX_AGE else ""
