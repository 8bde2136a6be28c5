"""Every keyed secret of the product: MACs for codes and links, and a box for values that must be read again.

Each use has its own key, derived by HKDF from CODE_KEY or DATA_KEY, so that a value made for one
purpose is worth nothing in another. ``*_FALLBACKS`` keep older values good after a rotation.
"""

import base64
import hashlib
import hmac
from functools import cache

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def key_id(secret: str) -> str:
    """Name a key without telling it: eight hex digits of its digest."""
    return hashlib.sha256(f"key id {secret}".encode()).hexdigest()[:8]


def current_code_key_id() -> str:
    return key_id(settings.CODE_KEYS[0])


def is_known_key(which: str) -> bool:
    return any(key_id(secret) == which for secret in settings.CODE_KEYS)


def mac(which: str, *parts: object) -> bytes:
    """Return the 32-byte HMAC-SHA256 of ``parts`` under the code key whose id is ``which``.

    Raises LookupError when that key has been retired.
    """
    for secret in settings.CODE_KEYS:
        if key_id(secret) == which:
            message = "\x1f".join(str(part) for part in parts).encode()
            return hmac.new(_derive(secret, "code"), message, hashlib.sha256).digest()
    raise LookupError(f"no code key has the id {which}")


def digest(*parts: object) -> str:
    """Return a keyed digest (64 hex digits): stands for an address or network in rows that need not name it."""
    return mac(current_code_key_id(), "digest", *parts).hex()


def possible_digests(*parts: object) -> list[str]:
    """Return the digest under each key that is still good: what was written before a rotation is found too."""
    return [mac(key_id(secret), "digest", *parts).hex() for secret in settings.CODE_KEYS]


def box(purpose: str) -> MultiFernet:
    """Return the sealed box of a purpose: authenticated encryption with a time stamp (Fernet)."""
    return _box(purpose, tuple(settings.DATA_KEYS))


@cache
def _box(purpose: str, secrets: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(secret, purpose))) for secret in secrets])


@cache
def _derive(secret: str, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"mumaris {purpose}".encode()).derive(secret.encode())
