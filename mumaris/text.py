"""The one normaliser of typed input.

People paste from mails and PDFs and type on Arabic or Persian keyboards: digits of three scripts,
no-break spaces, invisible marks and full-width forms reach every field. Python's ``\\d`` and
Django's fields accept them as *different* values, which would make two identities of one.
"""

import re
import unicodedata

import idna
from django.utils import timezone
from django.utils.formats import date_format, time_format

# Left-to-right, right-to-left and Arabic letter marks, isolates, zero-width space and no-break space,
# word joiner, soft hyphen: they travel with copied text and mean nothing in an address, code or name.
INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u2060-\u2064\u2066-\u2069\ufeff]")
# Embeddings and overrides change how *other* text reads: nobody types them into a form by accident.
BIDI_OVERRIDES = re.compile("[\u202a-\u202e]")
# Joiners belong to Persian and Urdu words; anywhere else they only hide a difference.
JOINERS = re.compile("[\u200c\u200d]")
DASHES = re.compile("[-\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
DIGITS = {ord(c): str(unicodedata.digit(c)) for c in "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹"}
# Arabic writes at most a shadda, a vowel and a small alef on one letter; more is a picture, not a name.
MARK_PILES = re.compile(r"[\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff]{5,}")
DOMAIN_LABELS = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+")
LOCAL_PART = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# Letters to Unicode, nothing to the eye: Hangul fillers and the Khmer inherent vowels.
BLANK_LETTERS = "\u115f\u1160\u3164\uffa0\u17b4\u17b5"
TATWEEL = "\u0640"
MAX_ADDRESS, MAX_LOCAL_PART = 254, 64


def fold(value: str) -> str:
    """Return ``value`` in compatibility form (full-width becomes ASCII), with ASCII digits and no invisible marks."""
    return INVISIBLE.sub("", unicodedata.normalize("NFKC", value)).translate(DIGITS)


def clean_line(value: str) -> str:
    """Return one line of human text: NFC, no invisible marks, single spaces. Its digits stay as typed."""
    return " ".join(INVISIBLE.sub("", unicodedata.normalize("NFC", value)).split())


def code_digits(value: str) -> str:
    """Return a typed code or number with ASCII digits, without spaces, dashes and invisible marks."""
    visible = BIDI_OVERRIDES.sub("", JOINERS.sub("", fold(value)))
    return "".join(DASHES.sub("", visible).split())


def canonical_address(value: str) -> str:
    """Return the one spelling of an e-mail address that is stored, compared, limited and mailed.

    Lower case, IDNA 2008 domain, no invisible marks. Raises ValueError when no mail could reach it.
    """
    local, at, domain = JOINERS.sub("", fold(value)).strip().lower().rpartition("@")
    if not at or len(local) > MAX_LOCAL_PART or not LOCAL_PART.fullmatch(local):
        raise ValueError("no valid local part")
    address = f"{local}@{canonical_domain(domain)}"
    if len(address) > MAX_ADDRESS:
        raise ValueError("longer than SMTP can carry")
    return address


def canonical_domain(domain: str) -> str:
    """Return a domain in its ASCII form. Raises ValueError for one that DNS cannot hold."""
    if not domain.isascii():
        # idna.IDNAError is a UnicodeError, which is a ValueError.
        domain = idna.encode(domain, uts46=True).decode()
    if not DOMAIN_LABELS.fullmatch(domain) or domain.rpartition(".")[2].isdigit():
        raise ValueError("not a domain")
    return domain


def mailbox_of(address: str) -> str:
    """Return the mailbox behind an address: what follows a plus sign is the reader's own label."""
    local, _at, domain = address.partition("@")
    return f"{local.partition('+')[0]}@{domain}"


def mask_address(address: str) -> str:
    """Return n•••@example.com, which its owner knows and nobody else can write to."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}•••{at}{domain if at else ''}"


def sign_in_name(value: str) -> str:
    """Return how a typed user name is looked up: an address in its one spelling, anything else as bare text."""
    try:
        return canonical_address(value)
    except ValueError:
        return code_digits(value).lower()


def name_fault(value: str) -> str:
    """Return why a cleaned line is no person's name ("bidi", "marks", "letters") or an empty string."""
    if BIDI_OVERRIDES.search(value):
        return "bidi"
    if MARK_PILES.search(unicodedata.normalize("NFD", value)):
        return "marks"
    if not any(c.isalpha() and c != TATWEEL for c in value) or not all(_belongs_in_name(c) for c in set(value)):
        return "letters"
    return ""


def line_fault(value: str) -> str:
    """Return why a cleaned line is no text to show ("bidi", "marks", "hidden", "letters") or an empty string."""
    if BIDI_OVERRIDES.search(value):
        return "bidi"
    if MARK_PILES.search(unicodedata.normalize("NFD", value)):
        return "marks"
    if any(unicodedata.category(c) in {"Cc", "Cf", "Co", "Cs"} for c in set(JOINERS.sub("", value))):
        return "hidden"
    return "" if any(c.isalnum() and c not in BLANK_LETTERS for c in value) else "letters"


def _belongs_in_name(character: str) -> bool:
    if character in BLANK_LETTERS:
        return False
    return unicodedata.category(character)[0] in "LM" or character in " '’.-،\u200c\u200d"


def format_time(moment) -> str:
    """Return the clock time of an aware datetime in Riyadh, in the active language."""
    return time_format(timezone.localtime(moment), "TIME_FORMAT")


def format_moment(moment) -> str:
    """Return date and time of an aware datetime in Riyadh, in the active language."""
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT")
