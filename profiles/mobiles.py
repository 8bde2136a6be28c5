"""Mobile numbers: kept in E.164, shown in groups."""

import re

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from mumaris.text import code_digits

MOBILE_TYPES = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
# No letters: phonenumbers would read them as the keys of a telephone.
DIGITS = re.compile(r"\+?[0-9]{8,20}")
PUNCTUATION = str.maketrans("", "", "().")
# Longer than any number with all its spaces: it is not even normalised.
MAX_TYPED = 200


def clean_mobile(value: str) -> str:
    """Return +966501234567 for a Saudi mobile in any spelling, or another country's with + or 00.

    Raises ValueError when it is no mobile number.
    """
    typed = code_digits(value[: MAX_TYPED + 1]).translate(PUNCTUATION)
    if len(value) > MAX_TYPED or not DIGITS.fullmatch(typed):
        raise ValueError("no telephone number")
    try:
        number = phonenumbers.parse(typed, "SA")
    except phonenumbers.NumberParseException as error:
        raise ValueError("no telephone number") from error
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in MOBILE_TYPES:
        raise ValueError("no mobile number")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def format_mobile(mobile: str) -> str:
    """Return +966 50 123 4567 for a kept number; whatever else is kept is shown as it is."""
    try:
        return phonenumbers.format_number(phonenumbers.parse(mobile), PhoneNumberFormat.INTERNATIONAL)
    except phonenumbers.NumberParseException:
        return mobile
