"""What allauth's second step is told by us: how secrets are sealed, and who this site is to a passkey."""

from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.utils.translation import gettext as _

from mumaris.keys import box


class SecondStepAdapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return box("mfa").encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str, *, ttl: int | None = None) -> str:
        """Open what ``encrypt`` has sealed. Raises InvalidToken when its key was retired, or after ``ttl`` seconds."""
        return box("mfa").decrypt(encrypted_text.encode(), ttl=ttl).decode()

    def get_totp_issuer(self) -> str:
        return _("Mumaris Plus")

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        # A key is bound to this name for good: never the Host header, which is the visitor's word.
        return {"id": settings.PUBLIC_HOST, "name": _("Mumaris Plus")}
