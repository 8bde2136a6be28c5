"""Passkeys: the two ceremonies of WebAuthn, through allauth's tables and the fido2 library.

A passkey is kept on the person's device and asks there for a finger, face or number, so that it signs in
alone. What a browser sends is cut down to the fields that we know before any library reads it. A question
(WebAuthn's challenge) is kept in the session with what it was asked for and of whom, and serves once.
"""

import re
import time
from contextlib import contextmanager
from enum import StrEnum

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from cryptography.exceptions import InvalidSignature
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from accounts.spent_tokens import spend_once

ENCODED = re.compile(r"[A-Za-z0-9_-]{1,4000}={0,2}")
ASSERTION = {"clientDataJSON", "authenticatorData", "signature", "userHandle"}
ATTESTATION = {"clientDataJSON", "attestationObject"}
# What the parts of fido2 raise on bytes that no authenticator made.
REFUSALS = (ValidationError, ValueError, TypeError, KeyError, IndexError, AttributeError, InvalidSignature)
# Seconds for which a question may be answered.
QUESTION_LIFETIME = 10 * 60
# Where the signatures of a passkey are counted, beside what allauth keeps of it.
COUNT = "sign_count"


class Purpose(StrEnum):
    """What a question is asked for: its answer opens nothing else."""

    ADD = "add"
    SIGN_IN = "sign-in"
    SECOND_STEP = "second-step"
    ONCE_MORE = "once-more"


class WrongPasskey(Exception):
    """Not a passkey of this account, not of this site, or not an answer to the last question asked."""


class CopiedPasskey(WrongPasskey):
    """The right signature with a counter that went back, as it would with a copy of ``passkey``."""

    def __init__(self, passkey: Authenticator):
        super().__init__(passkey.pk)
        self.passkey = passkey


def begin_registration(user: User) -> dict:
    """Return what the browser is asked for a new passkey."""
    wish = auth.begin_registration(user, passwordless=True)
    _keep_question(Purpose.ADD, user)
    return wish


def begin_proof(user: User | None, purpose: Purpose) -> dict:
    """Return what the browser is asked for a proof: by a passkey of ``user``, or by any that it holds."""
    wish = auth.begin_authentication(user)
    _keep_question(purpose, user)
    return wish


def check_registration(user: User, credential: object) -> dict:
    """Return the part of a new passkey that is stored. Raises WrongPasskey."""
    try:
        with _question(Purpose.ADD, user):
            tidied = _tidy(credential, ATTESTATION)
            made = auth.parse_registration_response(tidied)
            _refuse_other_origin(made.response.client_data.origin)
            if not auth.complete_registration(tidied).is_user_verified():
                raise ValueError("the person was not asked")
    except REFUSALS as refused:
        raise WrongPasskey from refused
    # Says to allauth that it signs in alone: its challenge asked for that.
    return tidied | {"clientExtensionResults": {"credProps": {"rk": True}}}


def is_among(checked: dict, held: list[Authenticator]) -> bool:
    """Tell whether a new passkey is one of those: a browser refuses that by itself, a script does not."""
    made = auth.parse_registration_response(checked).response.attestation_object.auth_data.credential_data
    return made.credential_id in {one.wrap().authenticator_data.credential_data.credential_id for one in held}


def find_owner(credential: object) -> User:
    """Return whom a passkey says that it belongs to: nothing is proved by it yet. Raises WrongPasskey."""
    try:
        return auth.extract_user_from_response(_tidy(credential, ASSERTION))
    except REFUSALS as refused:
        raise WrongPasskey from refused


def check_proof(user: User, credential: object, purpose: Purpose) -> Authenticator:
    """Return the passkey of ``user`` that has signed the last question. Raises WrongPasskey, or CopiedPasskey."""
    try:
        with _question(purpose, None if purpose == Purpose.SIGN_IN else user):
            tidied = _tidy(credential, ASSERTION)
            said = auth.parse_authentication_response(tidied).response
            _refuse_other_origin(said.client_data.origin)
            passkey = auth.complete_authentication(user, tidied)
    except REFUSALS as refused:
        raise WrongPasskey from refused
    passkey.user = user
    _count_signature(passkey, said.authenticator_data.counter)
    return passkey


def _keep_question(purpose: Purpose, user: User | None) -> None:
    bound = {"purpose": purpose.value, "user": user and user.pk, "at": int(time.time())}
    auth.set_state(auth.get_state() | bound)


@contextmanager
def _question(purpose: Purpose, user: User | None):
    """Hand out the last question of this session for one answer, right or wrong. Raises ValueError or KeyError."""
    kept = auth.get_state() or {}
    try:
        is_meant = (kept["purpose"], kept["user"]) == (purpose.value, user and user.pk)
        if not is_meant or time.time() - kept["at"] > QUESTION_LIFETIME:
            raise ValueError("no such question")
        # Held by the database: of parallel posts each has read the session before it is written.
        if not spend_once(f"passkey {kept['challenge']}", QUESTION_LIFETIME):
            raise ValueError("answered before")
        yield
    finally:
        auth.clear_state()


def _count_signature(passkey: Authenticator, count: int) -> None:
    """Keep how often a key has signed: only a copy sets it back; many keys do not count. Raises WrongPasskey."""
    with transaction.atomic():
        locked = Authenticator.objects.select_for_update().filter(pk=passkey.pk).first()
        if locked is None:
            # Removed at this moment.
            raise WrongPasskey
        before = locked.data.get(COUNT, locked.wrap().authenticator_data.counter)
        if count <= before and (count or before):
            raise CopiedPasskey(passkey)
        if count != before:
            locked.data[COUNT] = count
            locked.save(update_fields=["data"])


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
