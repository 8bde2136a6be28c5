"""The numbers that tell one practitioner from another: identity documents and membership numbers.

Rules only: forms, import and admin ask the same functions. A fault is a code; its sentence stands in fields.py.
"""

import re
from string import ascii_lowercase, ascii_uppercase

from django.conf import settings

from mumaris.text import code_digits

NATIONAL_ID, IQAMA, PASSPORT = "national_id", "iqama", "passport"
FIRST_DIGITS = {NATIONAL_ID: "1", IQAMA: "2"}
IDENTITY_KINDS = (NATIONAL_ID, IQAMA, PASSPORT)
PASSPORT_NUMBER = re.compile("[A-Z0-9]{5,20}")
MEMBERSHIP_NUMBER_LENGTH = 20

# Only these become upper case: str.upper() would make two letters of ß.
UPPER_CASE = str.maketrans(ascii_lowercase, ascii_uppercase)
# Longer than any number with all its spaces: it is not cleaned, so that it stays no number.
MAX_TYPED = 200
HIDDEN = "••••••"


def clean_identity_number(value: str) -> str:
    """Return the one spelling of a typed number: ASCII digits, upper case, no spaces, dashes and invisible marks."""
    if len(value) > MAX_TYPED:
        return value[:MAX_TYPED]
    return code_digits(value).translate(UPPER_CASE)


def identity_fault(kind: str, number: str) -> str:
    """Return why a cleaned number cannot be of this kind of document, or an empty string.

    Codes: "kind" (no such document), "passport", "digits" (not ten of them), "first_digit", "check_digit".
    """
    if kind == PASSPORT:
        return "" if PASSPORT_NUMBER.fullmatch(number) else "passport"
    if kind not in FIRST_DIGITS:
        return "kind"
    if not re.fullmatch("[0-9]{10}", number):
        return "digits"
    if number[0] != FIRST_DIGITS[kind]:
        return "first_digit"
    return "" if has_check_digit(number) else "check_digit"


def guess_identity_kind(number: str) -> str:
    """Return the kind of document that a cleaned number is read as where nobody asks for the kind.

    No passport number has ten digits: ICAO 9303 leaves nine places for it.
    """
    is_saudi = re.fullmatch("[0-9]{10}", number)
    return next((kind for kind, first in FIRST_DIGITS.items() if is_saudi and number[0] == first), PASSPORT)


def has_check_digit(digits: str) -> bool:
    """Tell whether the last digit is the check digit of the others (Luhn)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        total += sum(divmod(int(digit) * (1 + place % 2), 10))
    return total % 10 == 0


def clean_membership_number(value: str) -> str:
    """Return the one spelling of a typed membership number; its leading zeros belong to it."""
    return clean_identity_number(value)


def membership_fault(number: str) -> str:
    """Return why a cleaned number is no membership number ("digits", "form"), or an empty string."""
    if len(number) <= MEMBERSHIP_NUMBER_LENGTH and re.fullmatch(settings.MEMBERSHIP_NUMBER_PATTERN, number, re.ASCII):
        return ""
    return "form" if number.isascii() and number.isdigit() else "digits"


# --- Shown to whom they belong, and to whoever looks over the shoulder ------------------------------


def mask_identity(number: str) -> str:
    """Return the number with only its last four characters to be seen; nothing of a shorter one."""
    return HIDDEN + (number[-4:] if len(number) > 4 else "")


def mask_mobile(mobile: str) -> str:
    """Return a mobile number with only its last four digits to be seen."""
    return mask_identity(mobile)
