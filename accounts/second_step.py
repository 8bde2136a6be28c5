"""The second step of signing in, act by act: prove it, add to it, take away from it.

allauth holds the tables; its own acts write event, notice and change apart, and know a used code by the
cache. Here a change ends the other sessions and is recorded and mailed in its own transaction.
"""

import hmac
import logging
from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.internal.auth import WebAuthn
from cryptography.fernet import InvalidToken
from django.db import transaction

from accounts import limits, passkeys
from accounts.events import record_event
from accounts.models import User
from accounts.passkeys import CopiedPasskey, Purpose, WrongPasskey
from accounts.spent_tokens import spend_once
from mumaris.keys import box
from mumaris.mail.queue import queue_mail

logger = logging.getLogger(__name__)
CHANGED_MAIL = "second_step_changed"
Type = Authenticator.Type
# Seconds that a used code is remembered: longer than it is valid on any clock of ours.
CODE_MEMORY = 10 * 60
MAX_PASSKEYS = 10
# Where the sealed part of each kind lies.
SEALED = {Type.TOTP: "secret", Type.RECOVERY_CODES: "seed"}


class WrongProof(Exception):
    """A code that is wrong, too old or used, or a passkey that is not of this account."""


class NotPossible(Exception):
    """What was to be added is there already, or what was to be removed is gone."""


class PasskeyHeld(Exception):
    """The account has this passkey already."""


@dataclass(frozen=True)
class Factors:
    """What an account has for its second step."""

    totp: Authenticator | None
    passkeys: list[Authenticator]
    codes: Authenticator | None

    @property
    def is_on(self) -> bool:
        return bool(self.totp or self.passkeys)

    @property
    def since(self) -> datetime | None:
        """Return since when there is a second step: recovery codes alone are none."""
        return min((one.created_at for one in [self.totp, *self.passkeys] if one), default=None)

    @property
    def codes_left(self) -> list[str]:
        try:
            return self.codes.wrap().get_unused_codes() if self.codes else []
        except InvalidToken:
            # Sealed with a key that was retired too early: no code of them works.
            return []


def factors_of(user: User) -> Factors:
    found = list(Authenticator.objects.filter(user=user).order_by("pk"))
    of_type = {kind: [one for one in found if one.type == kind] for kind in Type.values}
    app, codes = of_type[Type.TOTP], of_type[Type.RECOVERY_CODES]
    return Factors(app[0] if app else None, of_type[Type.WEBAUTHN], codes[0] if codes else None)


# --- Proofs -------------------------------------------------------------------------------------


def prove_by_code(*, user: User, code: str) -> Authenticator:
    """Spend a code of the app or a recovery code, and return which of them it was. Raises WrongProof."""
    factors = factors_of(user)
    for factor, spend in ((factors.totp, _spend_app_code_of), (factors.codes, _spend_recovery_code)):
        try:
            if factor and spend(user, factor, code):
                return factor
        except InvalidToken:
            # The other one may be sealed with a key that is still there.
            logger.error("the second step of user %s is sealed with a key that was retired", user.pk)
    record_event("mfa.failed", user=user, refused=True, subject="code")
    raise WrongProof


def prove_by_passkey_alone(*, credential: object) -> Authenticator:
    """Return the passkey of whomever the answer names, when it is theirs. Raises WrongProof."""
    try:
        return passkeys.check_proof(passkeys.find_owner(credential), credential, Purpose.SIGN_IN)
    except WrongPasskey as refused:
        # In nobody's history: a stranger may have written any account's number into the answer.
        raise _refuse_passkey(refused, None) from None


def prove_by_passkey(*, user: User, credential: object, purpose: Purpose) -> Authenticator:
    """Return the passkey that has answered the last question of this session. Raises WrongProof."""
    try:
        return passkeys.check_proof(user, credential, purpose)
    except WrongPasskey as refused:
        raise _refuse_passkey(refused, user) from None


def _refuse_passkey(refused: WrongPasskey, user: User | None) -> WrongProof:
    """Record a refusal; of a copy, whose signature was right, the owner is told."""
    if not isinstance(refused, CopiedPasskey):
        record_event("mfa.failed", user=user, refused=True, subject="passkey")
        return WrongProof()
    owner = refused.passkey.user
    with transaction.atomic():
        record_event("mfa.passkey_copied", user=owner, refused=True, subject="passkey")
        if limits.allows(limits.NOTICES, CHANGED_MAIL, owner.pk):
            queue_mail(CHANGED_MAIL, owner.email, user=owner.pk, what="passkey_copied")
    return WrongProof()


def spend_app_code(app: Authenticator, code: str) -> bool:
    """Tell whether this is the present code of an app, served for the first time."""
    step = find_time_step(decrypt(app.data["secret"]), code)
    # Held by the database: with the cache away each process would remember for itself.
    return step is not None and spend_once(f"totp {app.pk} {step}", CODE_MEMORY)


def find_time_step(secret: str, code: str) -> int | None:
    """Return the time step whose code this is, or None."""
    for step in totp.yield_hotp_counters_from_time():
        if hmac.compare_digest(totp.format_hotp_value(totp.hotp_value(secret, step)).encode(), code.encode()):
            return step
    return None


def _spend_app_code_of(_user: User, app: Authenticator, code: str) -> bool:
    return spend_app_code(app, code)


def _spend_recovery_code(user: User, codes: Authenticator, code: str) -> bool:
    with transaction.atomic():
        # It locks the row: of parallel posts of one code the first is served.
        try:
            if not codes.wrap().validate_code(code):
                return False
        except Authenticator.DoesNotExist:
            # Made anew or removed since they were looked up.
            return False
        record_event("mfa.code_used", user=user, actor=user)
        queue_mail(CHANGED_MAIL, user.email, user=user.pk, what="code_used")
    return True


# --- Changes ------------------------------------------------------------------------------------


def add_app(*, user: User, secret: str, code: str) -> User:
    """Add the app whose code this is. Raises WrongProof, or NotPossible when there is one."""
    if find_time_step(secret, code) is None:
        record_event("mfa.failed", user=user, refused=True, subject="code")
        raise WrongProof
    with transaction.atomic():
        user = _lock(user)
        if factors_of(user).totp:
            raise NotPossible
        app = totp.TOTP.activate(user, secret).instance
        # What has opened the app opens nothing else.
        spend_app_code(app, code)
        _make_first_codes(user)
        _record_change(user, "totp_added")
    return user


def remove_app(*, user: User) -> User:
    """Take the app away, and the recovery codes with the last factor. Raises NotPossible when it is gone."""
    with transaction.atomic():
        user = _lock(user)
        _remove(user, factors_of(user).totp, "totp_removed")
    return user


def add_passkey(*, user: User, name: str, credential: object) -> User:
    """Add a passkey under a name. Raises WrongProof, PasskeyHeld, or NotPossible when there are too many."""
    try:
        checked = passkeys.check_registration(user, credential)
    except WrongPasskey:
        record_event("mfa.failed", user=user, refused=True, subject="passkey")
        raise WrongProof from None
    with transaction.atomic():
        user = _lock(user)
        held = factors_of(user).passkeys
        if passkeys.is_among(checked, held):
            raise PasskeyHeld
        if len(held) >= MAX_PASSKEYS:
            raise NotPossible
        WebAuthn.add(user, name, checked)
        _make_first_codes(user)
        _record_change(user, "passkey_added")
    return user


def remove_passkey(*, user: User, passkey: Authenticator) -> User:
    """Take a passkey away, and the recovery codes with the last factor. Raises NotPossible when it is gone."""
    with transaction.atomic():
        user = _lock(user)
        kept = next((one for one in factors_of(user).passkeys if one.pk == passkey.pk), None)
        _remove(user, kept, "passkey_removed")
    return user


def rename_passkey(*, passkey: Authenticator, name: str) -> None:
    """Name a passkey anew; one that was removed in another tab stays removed."""
    with transaction.atomic():
        # Its count stands in the same column.
        locked = Authenticator.objects.select_for_update().filter(pk=passkey.pk).first()
        if locked is not None:
            locked.wrap().name = name
            locked.save(update_fields=["data"])


def make_codes(*, user: User) -> User:
    """Make new recovery codes; the former ones end. Raises NotPossible without another factor."""
    with transaction.atomic():
        user = _lock(user)
        factors = factors_of(user)
        if not factors.is_on:
            raise NotPossible
        if factors.codes:
            factors.codes.delete()
        RecoveryCodes.activate(user)
        _record_change(user, "codes_made")
    return user


def _lock(user: User) -> User:
    return User.objects.select_for_update().get(pk=user.pk)


def _make_first_codes(user: User) -> None:
    if not factors_of(user).codes:
        RecoveryCodes.activate(user)
        record_event("mfa.codes_made", user=user)


def _remove(user: User, factor: Authenticator | None, what: str) -> None:
    if factor is None:
        raise NotPossible
    factor.delete()
    left = factors_of(user)
    if left.codes and not left.is_on:
        left.codes.delete()
    _record_change(user, what)


def _record_change(user: User, what: str) -> None:
    """End every session of the person; whoever asks for the change keeps the own one by a new id."""
    user.session_epoch += 1
    user.save(update_fields=["session_epoch"])
    record_event(f"mfa.{what}", user=user)
    queue_mail(CHANGED_MAIL, user.email, user=user.pk, what=what)


# --- Keys ---------------------------------------------------------------------------------------


def reseal_secrets() -> tuple[int, int]:
    """Seal every secret with the present DATA_KEY, after which the former ones may be retired.

    Return how many were sealed, and how many no key opens any more.
    """
    sealed = lost = 0
    for pk in Authenticator.objects.filter(type__in=SEALED).values_list("pk", flat=True).iterator():
        try:
            sealed += _reseal(pk)
        except InvalidToken:
            lost += 1
    return sealed, lost


def _reseal(pk: int) -> bool:
    with transaction.atomic():
        factor = Authenticator.objects.select_for_update().filter(pk=pk).first()
        if factor is None:
            return False
        name = SEALED[factor.type]
        factor.data[name] = box("mfa").rotate(factor.data[name].encode()).decode()
        factor.save(update_fields=["data"])
    return True
