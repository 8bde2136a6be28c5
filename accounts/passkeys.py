"""Passkeys: the two ceremonies of WebAuthn, through allauth's tables and the fido2 library.

A passkey is kept on the person's device and asks there for a finger, face or number, so that it signs in
alone. What a browser sends is cut down to the fields that we know before any library reads it.
"""

import re

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from cryptography.exceptions import InvalidSignature
from django.conf import settings
from django.core.exceptions import ValidationError

from accounts.models import User

ENCODED = re.compile(r"[A-Za-z0-9_-]{1,4000}={0,2}")
ASSERTION = {"clientDataJSON", "authenticatorData", "signature", "userHandle"}
ATTESTATION = {"clientDataJSON", "attestationObject"}
# What the parts of fido2 raise on bytes that no authenticator made.
REFUSALS = (ValidationError, ValueError, TypeError, KeyError, IndexError, AttributeError, InvalidSignature)


class WrongPasskey(Exception):
    """Not a passkey of this account, not of this site, or not an answer to the last question asked."""


def begin_registration(user: User) -> dict:
    """Return what the browser is asked for a new passkey; its challenge is kept in the session."""
    return auth.begin_registration(user, passwordless=True)


def begin_proof(user: User | None) -> dict:
    """Return what the browser is asked for a proof: by a passkey of ``user``, or by any that it holds."""
    return auth.begin_authentication(user)


def check_registration(credential: object) -> dict:
    """Return the part of a new passkey that is stored. Raises WrongPasskey."""
    try:
        tidied = _tidy(credential, ATTESTATION)
        made = auth.parse_registration_response(tidied)
        _refuse_other_origin(made.response.client_data.origin)
        if not auth.complete_registration(tidied).is_user_verified():
            raise ValueError("the person was not asked")
    except REFUSALS as refused:
        raise WrongPasskey from refused
    # Says to allauth that it signs in alone: its challenge asked for that.
    return tidied | {"clientExtensionResults": {"credProps": {"rk": True}}}


def find_owner(credential: object) -> User:
    """Return whom a passkey says that it belongs to: nothing is proved by it yet. Raises WrongPasskey."""
    try:
        return auth.extract_user_from_response(_tidy(credential, ASSERTION))
    except REFUSALS as refused:
        raise WrongPasskey from refused


def check_proof(user: User, credential: object) -> Authenticator:
    """Return the passkey of ``user`` that has signed the last challenge of this session. Raises WrongPasskey."""
    try:
        tidied = _tidy(credential, ASSERTION)
        _refuse_other_origin(auth.parse_authentication_response(tidied).response.client_data.origin)
        passkey = auth.complete_authentication(user, tidied)
    except REFUSALS as refused:
        raise WrongPasskey from refused
    passkey.user = user
    return passkey


def _refuse_other_origin(origin: str) -> None:
    """The library asks for the host alone: another port, or a name below ours, is another site."""
    if origin != settings.BASE_URL:
        raise ValueError("an answer to another site")


def _tidy(credential: object, names: set[str]) -> dict:
    """Return the known parts of a posted credential. Raises ValueError, TypeError or KeyError."""
    parts = credential["response"]
    response = {name: _encoded(parts[name]) for name in sorted(names) if parts.get(name) is not None}
    return {"rawId": _encoded(credential["rawId"]), "type": "public-key", "response": response}


def _encoded(value: object) -> str:
    if not isinstance(value, str) or not ENCODED.fullmatch(value):
        raise ValueError("not base64url")
    return value
