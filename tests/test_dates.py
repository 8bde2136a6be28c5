"""Two calendars, one day: what documents say, what is stored, what people type."""

from datetime import date

import pytest
import time_machine
from django.utils import translation
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from profiles.dates import (
    GREGORIAN,
    HIJRI,
    DateFault,
    OutsideCalendarError,
    TypedDate,
    birth_date_fault,
    format_both,
    format_gregorian,
    format_hijri,
    from_hijri,
    name_month,
    read_date,
    to_hijri,
)

BORN = date(1985, 4, 5)  # 15 Rajab 1405


def fault_of(typed: str, calendar: str) -> str:
    with pytest.raises(DateFault) as refusal:
        read_date(typed, calendar)
    return refusal.value.code


# --- From one calendar to the other -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("gregorian", "hijri"),
    [
        (BORN, (1405, 7, 15)),
        (date(1924, 8, 1), (1343, 1, 1)),
        (date(2077, 11, 16), (1500, 12, 30)),
        (date(2000, 4, 6), (1421, 1, 1)),
        (date(2026, 11, 22), (1448, 6, 12)),
    ],
)
def test_day_has_one_name_in_each_calendar(gregorian, hijri):
    assert to_hijri(gregorian) == "{:04}-{:02}-{:02}".format(*hijri)
    assert from_hijri(*hijri) == gregorian
    assert type(from_hijri(*hijri)) is date, "no class of the library reaches the database"


@given(st.dates(date(1924, 8, 1), date(2077, 11, 16)))
@effort(max_examples=300, deadline=None)
def test_there_and_back(day):
    assert from_hijri(*map(int, to_hijri(day).split("-"))) == day


@pytest.mark.parametrize("outside", [date(1924, 7, 31), date(2077, 11, 17), date.min, date.max])
def test_day_outside_the_table_is_an_error(outside):
    with pytest.raises(OutsideCalendarError):
        to_hijri(outside)
    with pytest.raises(OutsideCalendarError):
        format_hijri(outside)


@pytest.mark.parametrize("hijri", [(1342, 12, 1), (1501, 1, 1), (0, 1, 1), (10**9, 1, 1)])
def test_hijri_year_outside_the_table_is_an_error(hijri):
    with pytest.raises(OutsideCalendarError):
        from_hijri(*hijri)


@pytest.mark.parametrize("hijri", [(1405, 13, 1), (1405, 0, 1), (1405, 7, 0), (1405, 8, 30)])
def test_hijri_day_that_never_was_is_an_error(hijri):
    with pytest.raises(ValueError, match="must be in"):
        from_hijri(*hijri)


# --- In words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "hijri", "gregorian", "from_hijri_side", "from_gregorian_side"),
    [
        (
            "ar", "15 رجب 1405 هـ", "5 أبريل 1985",
            "15 رجب 1405 هـ يوافق 5 أبريل 1985", "5 أبريل 1985 يوافق 15 رجب 1405 هـ",
        ),
        (
            "en", "15 Rajab 1405 AH", "5 April 1985",
            "15 Rajab 1405 AH, which is 5 April 1985", "5 April 1985, which is 15 Rajab 1405 AH",
        ),
    ],
)  # fmt: skip
def test_day_is_told_in_words(language, hijri, gregorian, from_hijri_side, from_gregorian_side):
    with translation.override(language):
        assert format_hijri(BORN) == hijri
        assert format_gregorian(BORN) == gregorian
        assert format_both(BORN, HIJRI) == from_hijri_side
        assert format_both(BORN, GREGORIAN) == from_gregorian_side
        assert str(TypedDate(BORN, "15/7/1405", HIJRI)) == from_hijri_side


def test_day_before_the_table_is_told_in_gregorian_alone():
    with translation.override("en"):
        assert format_both(date(1910, 1, 2), GREGORIAN) == "2 January 1910"


def test_months_have_names_without_an_active_language():
    with translation.override(None):
        assert name_month(HIJRI, 7) == "Rajab"


# --- What people type -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "1405-07-15", "15/07/1405", "15-7-1405", "15.7.1405", "15 7 1405", "15،7،1405", "15 / 7 / 1405", "1405/7/15",
        "١٥/٠٧/١٤٠٥", "۱۵/۷/۱۴۰۵", "１５/７/１４０５", "\u200f15/07/1405\u200e", "\u202b15/07/1405\u202c",
        "15\u200e/\u200e07\u200e/\u200e1405", "15–07–1405", "15\u00a007\u202f1405", "07/15/1405", "1405/15/07",
        "15071405", "14050715", "١٥٠٧١٤٠٥", "1405-07-15 هـ", "15/7/1405هـ", "15/07/1405 ه", "15/07/1405 AH",
        "15 رجب 1405", "15 رجب 1405 هـ", "15 Rajab 1405", "rajab 15, 1405", "١٥ رَجَب ١٤٠٥", "1405 رجب 15",
    ],
    ids=ascii,
)  # fmt: skip
def test_hijri_date_is_read(typed):
    assert read_date(typed, HIJRI) == BORN


@pytest.mark.parametrize(
    "typed",
    ["15-7-1985", "1985-07-15", "15/07/1985", "7/15/1985", "١٥/٧/١٩٨٥", "15071985", "19850715", "15 July 1985",
     "July 15, 1985", "15 jul 1985", "15 يوليو 1985", "15 يوليو 1985 م", "15/7/1985م", "1985/7/15", "15 JULY 1985 AD"],
)  # fmt: skip
def test_gregorian_date_is_read(typed):
    assert read_date(typed, GREGORIAN) == date(1985, 7, 15)


def test_day_stands_before_the_month_where_both_orders_make_a_date():
    assert read_date("5/4/1985", GREGORIAN) == BORN
    assert read_date("1985-04-05", GREGORIAN) == BORN
    assert read_date("05041985", GREGORIAN) == BORN


@pytest.mark.parametrize("calendar", [HIJRI, GREGORIAN])
@pytest.mark.parametrize("language", ["ar", "en"])
def test_every_month_is_read_by_the_name_we_show(calendar, language):
    year = 1405 if calendar == HIJRI else 1985
    with translation.override(language):
        for month in range(1, 13):
            shown = f"5 {name_month(calendar, month)} {year}"
            expected = from_hijri(year, month, 5) if calendar == HIJRI else date(year, month, 5)
            assert read_date(shown, calendar) == expected, shown


@pytest.mark.parametrize(
    ("typed", "month"),
    [("1 ربيع الآخر 1446", 4), ("1 جمادى الثانية 1446", 6), ("1 ذي القعدة 1446", 11), ("1 ذى الحجه 1446", 12),
     ("1 ramadhan 1446", 9), ("1 Rabi al-Awwal 1446", 3), ("1 Dhu al-Hijjah 1446", 12), ("1 محرّم 1446", 1)],
)  # fmt: skip
def test_months_are_read_by_their_other_names(typed, month):
    assert read_date(typed, HIJRI) == from_hijri(1446, month, 1)


@pytest.mark.parametrize(
    ("typed", "calendar", "code"),
    [
        ("15/07/1405", GREGORIAN, "choose_hijri"),
        ("1405-07-15", GREGORIAN, "choose_hijri"),
        ("15 رجب 1985", GREGORIAN, "choose_hijri"),
        ("15/07/1985", HIJRI, "choose_gregorian"),
        ("15 July 1405", HIJRI, "choose_gregorian"),
        ("1/1/1342", HIJRI, "hijri_years"),
        ("1/1/1501", HIJRI, "hijri_years"),
        ("30/2/1985", GREGORIAN, "last_day"),
        ("29/2/1985", GREGORIAN, "last_day"),
        ("31/4/1985", GREGORIAN, "last_day"),
        ("30/8/1405", HIJRI, "last_day"),
        ("31/1/1405", HIJRI, "last_day"),
        ("15/13/1985", GREGORIAN, "month"),
        ("15/0/1985", GREGORIAN, "month"),
        ("0/7/1985", GREGORIAN, "day"),
        ("32/7/1985", GREGORIAN, "day"),
        ("99999999", GREGORIAN, "month"),
        ("5/4/85", GREGORIAN, "year"),
        ("5/1985/4", GREGORIAN, "year"),
        ("5/4", GREGORIAN, "form"),
        ("1985", GREGORIAN, "form"),
        ("5041985", GREGORIAN, "form"),
        ("5/4/1985/1", GREGORIAN, "form"),
        ("005/4/1985", GREGORIAN, "form"),
        ("5/4/19850", GREGORIAN, "form"),
        ("5 Floréal 1985", GREGORIAN, "form"),
        ("5 April May 1985", GREGORIAN, "form"),
        ("5 4 April 1985", GREGORIAN, "form"),
        ("05041985 April", GREGORIAN, "form"),
        ("April", GREGORIAN, "form"),
        ("+5/4/1985", GREGORIAN, "form"),
        ("<b>5/4/1985</b>", GREGORIAN, "form"),
        ("५/४/१९८५", GREGORIAN, "form"),
        ("²/4/1985", HIJRI, "choose_gregorian"),  # folded to 2, as every width of a digit is
        ("5/4/1985\0", GREGORIAN, "form"),
        ("\ud8005/4/1985", GREGORIAN, "form"),
        ("٪", GREGORIAN, "form"),
        ("5/4/1985" + " " * 100, GREGORIAN, "form"),
        ("ﷺ" * 60, GREGORIAN, "form"),
        ("", GREGORIAN, "form"),
        ("هـ", HIJRI, "form"),
    ],
    ids=ascii,
)
def test_what_is_no_date_of_the_calendar_is_refused_with_its_reason(typed, calendar, code):
    assert fault_of(typed, calendar) == code


def test_last_day_of_the_month_is_read():
    assert read_date("29/2/1984", GREGORIAN) == date(1984, 2, 29)
    assert read_date("29/8/1405", HIJRI) == from_hijri(1405, 8, 29)
    assert read_date("30/7/1405", HIJRI) == from_hijri(1405, 7, 30)


LOOKALIKES = st.text("0123456789/-. ٠١٢٣هرجبAprilHـ\u202e", max_size=30)


@given(st.text(max_size=80) | LOOKALIKES, st.sampled_from([HIJRI, GREGORIAN]))
@effort(max_examples=600, deadline=None)
def test_whatever_is_typed_is_a_date_or_a_fault(typed, calendar):
    try:
        found = read_date(typed, calendar)
    except DateFault:
        return
    assert type(found) is date


@given(st.dates(date(1925, 1, 1), date(2077, 1, 1)))
@effort(max_examples=200, deadline=None)
def test_what_we_show_is_read_as_the_same_day(day):
    for language in ("ar", "en"):
        with translation.override(language):
            assert read_date(format_hijri(day), HIJRI) == day
            assert read_date(format_gregorian(day), GREGORIAN) == day
    assert read_date(to_hijri(day), HIJRI) == day


# --- Birth dates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "fault"),
    [
        (date(2026, 11, 25), "future"),
        (date(2026, 11, 24), "young"),
        (date(2011, 11, 25), "young"),
        (date(2011, 11, 24), ""),
        (BORN, ""),
        (date(1905, 11, 25), ""),
        (date(1905, 11, 24), "old"),
        (date.min, "old"),
        (date.max, "future"),
    ],
)
def test_age_of_a_practitioner(born, fault):
    # 22:30 in London is half past one of the next day in Riyadh.
    with time_machine.travel("2026-11-23T22:30:00Z", tick=False):
        assert birth_date_fault(born) == fault


def test_leap_day_has_a_birthday_on_the_first_of_march():
    with time_machine.travel("2027-02-28T12:00:00+03:00", tick=False):
        assert birth_date_fault(date(2012, 2, 29)) == "young"
    with time_machine.travel("2027-03-01T12:00:00+03:00", tick=False):
        assert birth_date_fault(date(2012, 2, 29)) == ""
