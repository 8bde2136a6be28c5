"""The texts that people accept. What is recorded is the digest of exactly what was shown.

Change a text and you change its version: a consent names both.
"""

import hashlib
from dataclasses import asdict, dataclass

from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Consent

VERSION = "1"
DECLARATION = _(
    "I declare that I am a new practitioner, not classified or registered with the Commission, that I have no file "
    "in any of its earlier systems, and that I wish to create a new account to apply for Mumaris services."
)
EMAIL_CONSENT = _("I agree to receive emails from the Saudi Commission for Health Specialties.")


@dataclass(frozen=True)
class Acceptance:
    """One accepted text: kind, version, SHA-256 of the text as shown, its language, and when (ISO 8601)."""

    kind: str
    version: str
    digest: str
    language: str
    accepted_at: str


def shown_text(kind: str) -> str:
    """Return the text of a kind as this page shows it, in the active language."""
    if kind == Consent.Kind.TERMS:
        return render_to_string(f"pages/terms_text.{translation.get_language()}.html")
    return str({Consent.Kind.DECLARATION: DECLARATION, Consent.Kind.EMAIL: EMAIL_CONSENT}[kind])


def text_digest(kind: str) -> str:
    return hashlib.sha256(shown_text(kind).encode()).hexdigest()


def accept_text(kind: str) -> dict:
    """Return the record of a text accepted now, in the active language, as JSON-able values."""
    language = translation.get_language()
    return asdict(Acceptance(kind, VERSION, text_digest(kind), language, timezone.now().isoformat()))


def name_kind(kind: str) -> str:
    return gettext(Consent.Kind(kind).label)
