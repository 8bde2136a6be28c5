"""Codes and links that prove a mailbox: made, repeated, counted, compared, consumed.

A code is a keyed MAC over its challenge row, so that it is stored nowhere and every retry of its
mail carries the same one. Whoever types is counted first and compared afterwards.
"""

import hmac
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from accounts import limits
from accounts.metrics import CODES
from accounts.models import Challenge, ChallengeTries, new_nonce
from mumaris import clock
from mumaris.keys import current_code_key_id, is_known_key, mac
from mumaris.text import mailbox_of

TRIES = 5
# A code that the mail server never took is of no use after this time.
UNSENT_LIFETIME = timedelta(hours=24)
# After this the page says that the mail has not left yet.
SENT_WITHIN = timedelta(seconds=30)
# A code with less time left than this is not sent again: a new one is.
RESEND_LEFT = timedelta(minutes=5)
ENDED = "ended"
Purpose = Challenge.Purpose
LIFETIMES = {
    Purpose.REGISTRATION: settings.CODE_LIFETIME,
    Purpose.RESET: settings.RESET_LINK_LIFETIME,
    Purpose.EMAIL_CHANGE: settings.CODE_LIFETIME,
}


class WrongCode(Exception):
    """The code is not the live one; ``tries_left`` tells this visitor's."""

    def __init__(self, tries_left: int):
        super().__init__(tries_left)
        self.tries_left = tries_left


class NoTriesLeft(Exception):
    """This visitor has used up the tries of the live code."""


class MailboxClosed(Exception):
    """So many codes were tried for this mailbox that new visitors wait until ``until`` (aware datetime)."""

    def __init__(self, until: datetime):
        super().__init__(until)
        self.until = until


class NoLiveCode(Exception):
    """The code has expired, was used, or its mail could not be delivered."""


def ends_at(challenge: Challenge) -> datetime:
    """Return when the live code stops working: its lifetime runs from the mail server's acceptance."""
    if challenge.accepted_at is None:
        return challenge.started_at + UNSENT_LIFETIME
    return challenge.accepted_at + LIFETIMES[challenge.purpose]


def is_late(challenge: Challenge) -> bool:
    """Tell whether its mail should have left by now, and still will."""
    is_waiting = challenge.accepted_at is None and not challenge.failure
    return is_waiting and clock.now() - challenge.started_at > SENT_WITHIN


def is_live(challenge: Challenge) -> bool:
    is_open = not challenge.used_at and not challenge.failure and is_known_key(challenge.key_id)
    return is_open and clock.now() < ends_at(challenge)


def is_former_live(challenge: Challenge) -> bool:
    """Tell whether the code or link before the present one still works: a newer one does not kill it."""
    is_open = not challenge.used_at and challenge.failure != ENDED and is_known_key(challenge.former_key_id)
    return bool(challenge.former_until) and is_open and clock.now() < challenge.former_until


def is_open(challenge: Challenge) -> bool:
    """Tell whether any code of this challenge can still be typed."""
    return is_live(challenge) or is_former_live(challenge)


def lock_challenge(purpose: str, address: str, *, owner: int = 0) -> Challenge:
    """Return the challenge of a mailbox, made at the first need. Call inside a transaction.

    One row per purpose, address and owner, locked until the commit: parallel requests get the same code.
    Rows of two owners have nonces of their own: the code of one is wrong for the other.
    """
    which = {"purpose": purpose, "address": address, "owner": owner}
    return Challenge.objects.select_for_update().filter(**which).first() or _make_challenge(**which)


def _make_challenge(**which) -> Challenge:
    try:
        with transaction.atomic():
            return Challenge.objects.create(**which, key_id=current_code_key_id(), started_at=clock.now())
    except IntegrityError:
        # Another request made the row a moment ago: its code is the live one.
        return Challenge.objects.select_for_update().get(**which)


def freshen(challenge: Challenge, *, renew: bool = False) -> None:
    """Make a new code when the live one is not worth repeating. Only for a mail that does leave.

    ``renew`` asks for one although the live one has time left; it is granted when that was delivered
    and no former one lives, so that nobody else's newest code is pushed out.
    """
    may_renew = renew and challenge.accepted_at and not is_former_live(challenge)
    if not is_live(challenge) or ends_at(challenge) - clock.now() < RESEND_LEFT or may_renew:
        _make_new_generation(challenge)


def _make_new_generation(challenge: Challenge) -> None:
    if is_live(challenge) and challenge.accepted_at:
        challenge.former_nonce, challenge.former_key_id = challenge.nonce, challenge.key_id
        challenge.former_until = ends_at(challenge)
    elif not is_former_live(challenge):
        challenge.former_nonce, challenge.former_key_id, challenge.former_until = "", "", None
    challenge.generation += 1
    challenge.nonce = new_nonce()
    challenge.key_id = current_code_key_id()
    challenge.started_at = clock.now()
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
    if is_former_live(challenge):
        former = _derive_code(challenge, challenge.former_key_id, challenge.former_nonce)
        right |= hmac.compare_digest(former, code)
    return right


def count_try(challenge: Challenge, visitor: str) -> int:
    """Count one try of this visitor before anything is compared; return how many are left.

    Raises NoLiveCode, NoTriesLeft, or MailboxClosed for a new visitor of a mailbox much guessed at today.
    """
    if not is_open(challenge):
        raise NoLiveCode
    CODES.labels(challenge.purpose, "typed").inc()
    mailbox = (limits.CODE_TRIES_OF_MAILBOX, challenge.purpose, mailbox_of(challenge.address))
    row = _tries_of(challenge, visitor)
    if row.filter(count__lt=TRIES).update(count=F("count") + 1):
        limits.allows(*mailbox)
    elif row.exists():
        raise NoTriesLeft
    else:
        try:
            limits.count(*mailbox)
        except limits.LimitReached as reached:
            raise MailboxClosed(reached.until) from None
        _open_tries(challenge, visitor)
    return TRIES - row.values_list("count", flat=True).get()


def _tries_of(challenge: Challenge, visitor: str) -> QuerySet[ChallengeTries]:
    return challenge.tries.filter(generation=challenge.generation, visitor=visitor)


def _open_tries(challenge: Challenge, visitor: str) -> None:
    """Give a new visitor the tries of a challenge, the first of them counted. Raises NoTriesLeft."""
    try:
        with transaction.atomic():
            ChallengeTries.objects.create(
                challenge=challenge, generation=challenge.generation, visitor=visitor, count=1
            )
    except IntegrityError:
        # The same visitor in another tab made the row a moment ago.
        row = _tries_of(challenge, visitor)
        if not row.filter(count__lt=TRIES).update(count=F("count") + 1):
            raise NoTriesLeft from None


def tries_left(challenge: Challenge, visitor: str) -> int:
    used = _tries_of(challenge, visitor).values_list("count", flat=True)
    return TRIES - (used.first() or 0)


def consume(challenge: Challenge) -> bool:
    """Use the challenge up: True for exactly one of any number of parallel callers."""
    # Whatever became of a newer code's mail: the one that was typed has been compared.
    unused = Challenge.objects.filter(pk=challenge.pk, used_at=None).exclude(failure=ENDED)
    used = bool(unused.update(used_at=clock.now()))
    CODES.labels(challenge.purpose, "used").inc(used)
    return used


# --- Links ------------------------------------------------------------------------------------


def derive_link_key(challenge: Challenge, *bound_to: object) -> str:
    """Return the 256-bit key of the live link; it dies when anything it is bound to changes."""
    return _derive_link_key(challenge, challenge.key_id, challenge.nonce, bound_to)


def _derive_link_key(challenge: Challenge, key_id: str, nonce: str, bound_to: tuple) -> str:
    return mac(key_id, "link", challenge.purpose, challenge.address, nonce, *bound_to).hex()


def generation_of_link(challenge: Challenge, key: str, *bound_to: object) -> int | None:
    """Return the generation whose link has this key, the live one or a former one still good, or None."""
    candidates = []
    if is_live(challenge):
        candidates.append((challenge.generation, derive_link_key(challenge, *bound_to)))
    if is_former_live(challenge):
        former = _derive_link_key(challenge, challenge.former_key_id, challenge.former_nonce, bound_to)
        candidates.append((challenge.generation - 1, former))
    return next((number for number, right in candidates if hmac.compare_digest(right.encode(), key.encode())), None)


def is_generation_live(challenge: Challenge, generation: int) -> bool:
    if generation == challenge.generation:
        return is_live(challenge)
    return generation == challenge.generation - 1 and is_former_live(challenge)


# --- What becomes of its mail -----------------------------------------------------------------


def record_acceptance(challenge_id: int, generation: int) -> None:
    """Start the clock: the mail server has taken the mail of this generation."""
    sent = Challenge.objects.filter(pk=challenge_id, generation=generation, accepted_at=None)
    sent.update(accepted_at=clock.now())


def record_failure(challenge_id: int, generation: int, failure: str) -> None:
    """End the live code: its mail will not arrive, and the page says so."""
    Challenge.objects.filter(pk=challenge_id, generation=generation, accepted_at=None).update(failure=failure)


def end_challenges(purpose: str, address: str) -> None:
    """End every code or link of a mailbox for a purpose."""
    Challenge.objects.filter(purpose=purpose, address=address).update(failure=ENDED)
