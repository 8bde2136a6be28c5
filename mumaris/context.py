"""What every page needs besides the user. No SQL, no session: error pages use it too."""

from django.conf import settings
from django.utils.http import escape_leading_slashes
from django.utils.translation import get_language, get_language_bidi

# Each language under its own name, with the direction of that name.
OTHER = {
    "ar": {"code": "en", "name": "English", "direction": "ltr"},
    "en": {"code": "ar", "name": "العربية", "direction": "rtl"},
}


def portal(request) -> dict:
    """Return the Commission's contact details and the page's language, direction and twin in the other language."""
    return describe_page(request.get_full_path())


def describe_page(path: str) -> dict:
    """Return the same for the page at an address, in the language that is active."""
    language = get_language() if get_language() in OTHER else settings.LANGUAGE_CODE
    other = OTHER[language]
    return {
        "CONTACT": settings.CONTACT,
        "LANGUAGE_CODE": language,
        "page_direction": "rtl" if get_language_bidi() else "ltr",
        "other_language": {**other, "url": in_language(escape_leading_slashes(path), other["code"])},
    }


def in_language(path: str, code: str) -> str:
    """Return the address of the same page under another language's prefix; others stay as they are."""
    first, slash, rest = path.removeprefix("/").partition("/")
    return f"/{code}/{rest}" if first in OTHER and slash else path
