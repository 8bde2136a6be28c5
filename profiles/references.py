"""References of update requests: UPD-7K4M-93QX, read out by phone, written on paper, never guessed in a row.

Crockford's letters (no I, L, O and U); the last character checks the seven before it (Luhn, mod 32).
"""

import re
import secrets
from string import ascii_lowercase, ascii_uppercase

from django.urls import register_converter

from mumaris.text import code_digits

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PREFIX = "UPD"
# Longer than any reference with all its spaces: it is not even normalised.
MAX_TYPED = 200
UPPER_CASE = str.maketrans(ascii_lowercase, ascii_uppercase)
# Crockford reads what people take for each other as one.
LOOK_ALIKES = str.maketrans("OIL", "011")


def new_reference() -> str:
    """Return a new random reference: seven free characters, 34 thousand million of them."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(7))
    return join_reference(body + find_check_character(body))


def clean_reference(value: str) -> str:
    """Return the one spelling of a typed reference: in any case, digits and spacing, with or without UPD-.

    Raises ValueError when it is none, or when its check character says that one was mistyped.
    """
    if len(value) > MAX_TYPED:
        raise ValueError("longer than any reference")
    typed = code_digits(value).translate(UPPER_CASE).removeprefix(PREFIX).translate(LOOK_ALIKES)
    if not re.fullmatch(f"[{ALPHABET}]{{8}}", typed):
        raise ValueError("not eight letters and digits")
    if find_check_character(typed[:-1]) != typed[-1]:
        raise ValueError("wrong check character")
    return join_reference(typed)


def find_check_character(body: str) -> str:
    """Return the character that finds one mistyped or two swapped characters (all but 0 and Z)."""
    total = 0
    for place, character in enumerate(reversed(body)):
        total += sum(divmod(ALPHABET.index(character) * (2 - place % 2), len(ALPHABET)))
    return ALPHABET[-total % len(ALPHABET)]


def join_reference(characters: str) -> str:
    return f"{PREFIX}-{characters[:4]}-{characters[4:]}"


class ReferenceConverter:
    """``<reference:reference>`` in an address: the one spelling only, so that every page has one address."""

    regex = f"{PREFIX}-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}"

    def to_python(self, value: str) -> str:
        return clean_reference(value)  # a wrong check character is a ValueError, which is a 404

    def to_url(self, value: str) -> str:
        return value


register_converter(ReferenceConverter, "reference")
