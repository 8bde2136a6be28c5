"""One practitioner, one number: how documents and membership numbers are read, refused and shown."""

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from mumaris.text import mask_address
from profiles.identity import (
    IDENTITY_KINDS,
    clean_identity_number,
    clean_membership_number,
    guess_identity_kind,
    identity_fault,
    mask_identity,
    mask_mobile,
    membership_fault,
)

NATIONAL, IQAMA = "1000000008", "2000000006"
SPELLINGS = [
    "1000000008",
    "١٠٠٠٠٠٠٠٠٨",
    "۱۰۰۰۰۰۰۰۰۸",
    "１０００００００08",
    " 1000 000 008 ",
    "1-000-000-008",
    "1000–000–008",
    "\u200f1000000008\u200e",
    "\u20671000000008\u2069",
    "\u202b1000000008\u202c",
    "1\u00a0000\u202f000\u200b008",
]


@pytest.mark.parametrize("typed", SPELLINGS, ids=ascii)
def test_number_has_one_spelling(typed):
    assert clean_identity_number(typed) == NATIONAL
    assert clean_membership_number(typed) == NATIONAL


def test_letters_of_a_passport_become_upper_case_and_no_other_letter_becomes_one():
    assert clean_identity_number(" a1234567 ") == "A1234567"
    assert identity_fault("passport", clean_identity_number("straße7")) == "passport"
    assert identity_fault("passport", clean_identity_number("ıstan7")) == "passport"


@pytest.mark.parametrize(
    ("kind", "number", "fault"),
    [
        ("national_id", NATIONAL, ""),
        ("national_id", "1000000009", "check_digit"),
        ("national_id", "1000000080", "check_digit"),
        ("national_id", IQAMA, "first_digit"),
        ("national_id", "100000000", "digits"),
        ("national_id", "10000000080", "digits"),
        ("national_id", "100000000A", "digits"),
        ("national_id", "१००००००००८", "digits"),  # Devanagari: str.isdigit() and \d would take it
        ("national_id", "1000000008\n", "digits"),
        ("national_id", "", "digits"),
        ("iqama", IQAMA, ""),
        ("iqama", "2000000007", "check_digit"),
        ("iqama", NATIONAL, "first_digit"),
        ("iqama", "3000000004", "first_digit"),
        ("passport", "A1234", ""),
        ("passport", "A" * 20, ""),
        ("passport", "A123", "passport"),
        ("passport", "A" * 21, "passport"),
        ("passport", "a12345", "passport"),
        ("passport", "А12345", "passport"),  # a Cyrillic А
        ("visa", "A12345", "kind"),
        ("", NATIONAL, "kind"),
    ],
)
def test_fault_of_a_number(kind, number, fault):
    assert identity_fault(kind, number) == fault


@pytest.mark.parametrize("kind", ["national_id", "iqama"])
def test_any_one_wrong_digit_is_found(kind):
    number = {"national_id": NATIONAL, "iqama": IQAMA}[kind]
    wrong = [
        number[:place] + digit + number[place + 1 :]
        for place in range(1, 10)
        for digit in "0123456789"
        if digit != number[place]
    ]
    assert len(wrong) == 81
    assert {identity_fault(kind, typed) for typed in wrong} == {"check_digit"}


def test_kind_is_guessed_from_the_number():
    guessed = {number: guess_identity_kind(number) for number in (NATIONAL, IQAMA, "3000000004", "A1234567", "12345")}
    assert list(guessed.values()) == ["national_id", "iqama", "passport", "passport", "passport"]


def test_endless_number_is_not_cleaned_into_a_good_one():
    endless = NATIONAL + " " * 1_000_000
    assert identity_fault("national_id", clean_identity_number(endless)) == "digits"
    assert membership_fault(clean_membership_number(endless)) == "digits"


@given(st.text(max_size=250))
@effort(max_examples=300, deadline=None)
def test_cleaned_number_stays_as_it_is_and_has_a_verdict(typed):
    number = clean_identity_number(typed)
    for kind in IDENTITY_KINDS:
        if identity_fault(kind, number) == "":
            assert number.isascii()
            assert clean_identity_number(number) == number
    assert membership_fault(number) in {"", "digits", "form"}


# --- Membership numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        ("000123", ""),
        ("1234567890", ""),
        ("12345", "form"),
        ("12345678901", "form"),
        ("12345X", "digits"),
        ("१२३४५६", "digits"),
        ("", "digits"),
    ],
)
def test_membership_number_follows_the_setting(number, fault):
    assert membership_fault(number) == fault


def test_leading_zeros_of_a_membership_number_stay():
    assert clean_membership_number(" ٠٠٠١٢٣ ") == "000123"


def test_another_pattern_decides_and_reads_ascii_digits_only(settings):
    settings.MEMBERSHIP_NUMBER_PATTERN = r"[A-Z]{2}\d{4,40}"
    assert membership_fault(clean_membership_number("ab-1234")) == ""
    assert membership_fault("AB१२३४") == "digits"
    assert membership_fault("AB" + "1" * 18) == ""
    assert membership_fault("AB" + "1" * 19) != "", "longer than the column"


# --- Masks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (NATIONAL, "••••••0008"),
        ("A12345", "••••••2345"),
        ("A1234", "••••••1234"),
        ("1234", "••••••"),
        ("", "••••••"),
    ],
)
def test_only_the_last_four_characters_are_shown(number, shown):
    assert mask_identity(number) == shown


def test_only_the_last_four_digits_of_a_mobile_are_shown():
    assert mask_mobile("+966501234567") == "••••••4567"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("nora@example.com", "n•••@example.com"),
        ("n@example.com", "n•••@example.com"),
        ("nora", "•••"),
        ("", "•••"),
    ],
)
def test_only_the_first_letter_of_an_address_is_shown(address, shown):
    assert mask_address(address) == shown
