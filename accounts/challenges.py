"""Codes and links that prove a mailbox: made, repeated, counted, compared, consumed.

A code is a keyed MAC over its challenge row, so that it is stored nowhere and every retry of its
mail carries the same one. Whoever types is counted first and compared afterwards.
"""

import hmac
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts import limits
from accounts.models import Challenge, ChallengeTries, new_nonce
from mumaris.keys import current_code_key_id, mac

TRIES = 5
# A code that the mail server never took is of no use after this time.
UNSENT_LIFETIME = timedelta(hours=24)
# A code with less time left than this is not sent again: a new one is.
RESEND_LEFT = timedelta(minutes=5)
Purpose = Challenge.Purpose
LIFETIMES = {Purpose.REGISTRATION: settings.CODE_LIFETIME, Purpose.RESET: settings.RESET_LINK_LIFETIME}


class NoTriesLeft(Exception):
    """This visitor has used up the tries of the live code."""


class NoLiveCode(Exception):
    """The code has expired, was used, or its mail could not be delivered."""


def ends_at(challenge: Challenge) -> datetime:
    """Return when the live code stops working: its lifetime runs from the mail server's acceptance."""
    if challenge.accepted_at is None:
        return challenge.started_at + UNSENT_LIFETIME
    return challenge.accepted_at + LIFETIMES[challenge.purpose]


def is_live(challenge: Challenge) -> bool:
    return not challenge.used_at and not challenge.failure and timezone.now() < ends_at(challenge)


def begin_challenge(purpose: str, address: str, *, renew: bool = False) -> Challenge:
    """Return the live challenge of a mailbox, made new when none is worth repeating.

    One row per purpose and address, locked while it is judged: parallel requests get the same code.
    ``renew`` asks for a new code although the live one has time left. Call inside a transaction.
    """
    challenge = Challenge.objects.select_for_update().filter(purpose=purpose, address=address).first()
    if challenge is None:
        return _make_challenge(purpose, address)
    if renew or not is_live(challenge) or _time_left(challenge) < _worth_repeating(challenge):
        _make_new_generation(challenge)
    return challenge


def _make_challenge(purpose: str, address: str) -> Challenge:
    try:
        with transaction.atomic():
            return Challenge.objects.create(
                purpose=purpose, address=address, key_id=current_code_key_id(), started_at=timezone.now()
            )
    except IntegrityError:
        # Another request made the row a moment ago: its code is the live one.
        return Challenge.objects.select_for_update().get(purpose=purpose, address=address)


def _time_left(challenge: Challenge) -> timedelta:
    return ends_at(challenge) - timezone.now()


def _worth_repeating(challenge: Challenge) -> timedelta:
    return min(RESEND_LEFT, LIFETIMES[challenge.purpose] / 2)


def _make_new_generation(challenge: Challenge) -> None:
    still_good = is_live(challenge) and challenge.accepted_at
    challenge.former_nonce = challenge.nonce if still_good else ""
    challenge.former_key_id = challenge.key_id if still_good else ""
    challenge.former_until = ends_at(challenge) if still_good else None
    challenge.generation += 1
    challenge.nonce = new_nonce()
    challenge.key_id = current_code_key_id()
    challenge.started_at = timezone.now()
    challenge.accepted_at = challenge.used_at = None
    challenge.failure = ""
    challenge.save()


# --- Codes ------------------------------------------------------------------------------------


def derive_code(challenge: Challenge) -> str:
    """Return the six digits of the live code. Raises LookupError when its key was retired."""
    return _derive_code(challenge, challenge.key_id, challenge.nonce)


def _derive_code(challenge: Challenge, key_id: str, nonce: str) -> str:
    number = int.from_bytes(mac(key_id, "code", challenge.purpose, challenge.address, nonce)[:8], "big")
    return f"{number % 1_000_000:06d}"


def matches(challenge: Challenge, code: str) -> bool:
    """Compare a typed code with the live one and with a former one that is still good, in constant time."""
    right = is_live(challenge) and hmac.compare_digest(derive_code(challenge), code)
    if challenge.former_until and timezone.now() < challenge.former_until and not challenge.used_at:
        former = _derive_code(challenge, challenge.former_key_id, challenge.former_nonce)
        right |= hmac.compare_digest(former, code)
    return right


def count_try(challenge: Challenge, visitor: str) -> int:
    """Count one try of this visitor before anything is compared; return how many are left.

    Raises NoTriesLeft, also for a new visitor of a mailbox at which too much was guessed today.
    """
    if not is_live(challenge) and not (challenge.former_until and timezone.now() < challenge.former_until):
        raise NoLiveCode
    row = ChallengeTries.objects.filter(challenge=challenge, generation=challenge.generation, visitor=visitor)
    if not row.filter(count__lt=TRIES).update(count=F("count") + 1):
        if row.exists():
            raise NoTriesLeft
        _open_tries(challenge, visitor)
    limits.allows(limits.CODE_TRIES_OF_MAILBOX, challenge.purpose, challenge.address)
    return TRIES - row.values_list("count", flat=True).get()


def _open_tries(challenge: Challenge, visitor: str) -> None:
    """Give a new visitor the tries of a challenge, the first of them counted. Raises NoTriesLeft."""
    _count, wait = limits.used(limits.CODE_TRIES_OF_MAILBOX, challenge.purpose, challenge.address)
    if wait:
        raise NoTriesLeft
    try:
        with transaction.atomic():
            ChallengeTries.objects.create(
                challenge=challenge, generation=challenge.generation, visitor=visitor, count=1
            )
    except IntegrityError:
        # The same visitor in another tab made the row a moment ago.
        row = ChallengeTries.objects.filter(challenge=challenge, generation=challenge.generation, visitor=visitor)
        if not row.filter(count__lt=TRIES).update(count=F("count") + 1):
            raise NoTriesLeft from None


def tries_left(challenge: Challenge, visitor: str) -> int:
    used = challenge.tries.filter(generation=challenge.generation, visitor=visitor).values_list("count", flat=True)
    return TRIES - (used.first() or 0)


def consume(challenge: Challenge) -> bool:
    """Use the challenge up: True for exactly one of any number of parallel callers."""
    now = timezone.now()
    unused = Challenge.objects.filter(pk=challenge.pk, generation=challenge.generation, used_at=None, failure="")
    return bool(unused.update(used_at=now))


# --- Links ------------------------------------------------------------------------------------


def derive_link_key(challenge: Challenge, *bound_to: object) -> str:
    """Return the 256-bit key of a link; it dies when anything it is bound to changes."""
    key_parts = ("link", challenge.purpose, challenge.address, challenge.nonce, *bound_to)
    return mac(challenge.key_id, *key_parts).hex()


def is_link_key(challenge: Challenge, key: str, *bound_to: object) -> bool:
    if not is_live(challenge):
        return False
    return hmac.compare_digest(derive_link_key(challenge, *bound_to).encode(), key.encode())


# --- What becomes of its mail -----------------------------------------------------------------


def record_acceptance(challenge_id: int) -> None:
    """Start the clock: the mail server has taken the mail of the live code."""
    Challenge.objects.filter(pk=challenge_id, accepted_at=None).update(accepted_at=timezone.now())


def record_failure(challenge_id: int, failure: str) -> None:
    """End the challenge: its mail will not arrive, and the page says so."""
    Challenge.objects.filter(pk=challenge_id, accepted_at=None).update(failure=failure)
