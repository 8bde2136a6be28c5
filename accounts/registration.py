"""Registration, act by act: begin, resend the code, change the address, complete.

Nothing on this path asks whether the address has an account: the mail is chosen when it is written
(``accounts/mails.py``), so a stranger sees, waits for and can count nothing that depends on it.
No user row exists before the code is right.
"""

import logging
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.utils.crypto import get_random_string

from accounts import challenges, limits
from accounts.challenges import NoLiveCode, Purpose, WrongCode
from accounts.events import record_event
from accounts.known_devices import name_asker
from accounts.models import Challenge, Consent, EmailChange, PendingRegistration, SignInName, User
from accounts.passwords import normalise
from mumaris.keys import digest
from mumaris.mail.models import Outbox
from mumaris.mail.queue import queue_mail
from mumaris.text import mailbox_of

CODE_MAIL = "registration_code"
logger = logging.getLogger(__name__)


class AlreadyRegistered(Exception):
    """The address has a user by now: registration is complete, and this code signs nobody in."""


@dataclass(frozen=True, kw_only=True)
class Applicant:
    """What the registration form holds, the password already hashed."""

    address: str
    first_name: str
    last_name: str
    password: str
    password_hint: str
    language: str
    ip: str
    accepted: list[dict]


def hint_password(password: str) -> str:
    """Return four bits of a keyed digest: enough to spend one hash in the right place, worth nothing to a thief."""
    return digest("password hint", normalise(password))[0]


def visitor_of(session) -> str:
    """Return the random id of this browser's session, made at the first need."""
    if "visitor" not in session:
        session["visitor"] = get_random_string(32)
    return session["visitor"]


def begin_registration(visitor: str, applicant: Applicant) -> PendingRegistration:
    """Keep what was typed until the code is right, and send the code."""
    fields = vars(applicant) | {}
    address = fields.pop("address")
    limits.allows(limits.VISITOR_SENDS, visitor, address)
    with transaction.atomic():
        # The challenge is locked first everywhere: two acts on one mailbox wait, and never for each other.
        challenge = challenges.lock_challenge(Purpose.REGISTRATION, address)
        pending, _made = PendingRegistration.objects.update_or_create(address=address, visitor=visitor, defaults=fields)
        mail_code(challenge, pending)
    return pending


def mail_code(challenge: Challenge, pending: PendingRegistration, *, renew: bool = False) -> None:
    """Queue the mail of the live code, or withhold it when the mailbox has had enough of them.

    Nobody is told which: the code already sent stays good.
    """
    on_its_way = Outbox.objects.waiting().filter(recipient=pending.address, kind=CODE_MAIL)
    if on_its_way.exists() or not _may_mail(pending.address):
        return
    challenges.freshen(challenge, renew=renew)
    queue_mail(
        CODE_MAIL,
        pending.address,
        language=pending.language,
        challenge=challenge.pk,
        generation=challenge.generation,
    )


def _may_mail(address: str) -> bool:
    return limits.allows(limits.MAILBOX, "code", name_asker(address), mailbox_of(address))


def resend_code(pending: PendingRegistration) -> None:
    """Send the live code again; a new one when this visitor has no tries left. Raises LimitReached."""
    limits.count(limits.VISITOR_SENDS, pending.visitor, pending.address)
    with transaction.atomic():
        challenge = challenges.lock_challenge(Purpose.REGISTRATION, pending.address)
        mail_code(challenge, pending, renew=not challenges.tries_left(challenge, pending.visitor))


def change_address(pending: PendingRegistration, address: str) -> PendingRegistration:
    """Move a pending registration to another address and send a code there."""
    limits.allows(limits.VISITOR_SENDS, pending.visitor, address)
    with transaction.atomic():
        challenge = challenges.lock_challenge(Purpose.REGISTRATION, address)
        PendingRegistration.objects.filter(address=address, visitor=pending.visitor).exclude(pk=pending.pk).delete()
        pending.address = address
        pending.save(update_fields=["address", "updated_at"])
        mail_code(challenge, pending)
    return pending


def is_begun(visitor: str | None, cleaned: dict) -> bool:
    """Tell whether this visitor's registration of this address is under way: the first tap of two has begun it."""
    begun = PendingRegistration.objects.alive().filter(visitor=visitor or "", address=cleaned.get("email", ""))
    return begun.exists()


def challenge_of(pending: PendingRegistration) -> Challenge | None:
    return Challenge.objects.filter(purpose=Purpose.REGISTRATION, address=pending.address).first()


def complete_registration(pending: PendingRegistration, code: str) -> User:
    """Create the user of a pending registration when its code is right.

    Raises NoLiveCode, NoTriesLeft, MailboxClosed, WrongCode or AlreadyRegistered.
    """
    challenge = challenge_of(pending)
    if challenge is None:
        raise NoLiveCode
    if challenge.used_at:
        raise _why_used(pending)
    left = challenges.count_try(challenge, pending.visitor)
    if not challenges.matches(challenge, code):
        if not left:
            record_last_try(challenge)
        raise WrongCode(left)
    try:
        with transaction.atomic():
            if challenges.consume(challenge):
                return _create_user(pending)
    except IntegrityError:
        logger.info("a registration met an account made a moment ago")
    raise _why_used(pending)


def record_last_try(challenge: Challenge) -> None:
    """Tell the owner of the mailbox, if there is one, that somebody has guessed; the same work when there is none."""
    owner = SignInName.objects.select_related("user").filter(value=challenge.address).first()
    record_event("code.exhausted", user=owner and owner.user, refused=True, subject=challenge.purpose)


def _why_used(pending: PendingRegistration) -> Exception:
    return AlreadyRegistered() if User.objects.filter(email=pending.address).exists() else NoLiveCode()


def _create_user(pending: PendingRegistration) -> User:
    user = User.objects.create(
        email=pending.address,
        first_name=pending.first_name,
        last_name=pending.last_name,
        language=pending.language,
        password=pending.password,
    )
    SignInName.objects.create(value=user.email, user=user)
    # Asked after the row is there: the change that frees the address has committed by then, if there is one.
    if EmailChange.objects.reserving(user.email).exists():
        raise NoLiveCode
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    Consent.objects.bulk_create(Consent(user=user, ip=pending.ip, **accepted) for accepted in pending.accepted)
    PendingRegistration.objects.filter(address=pending.address).delete()
    record_event("registration.done", user=user, actor=user)
    for accepted in pending.accepted:
        record_event("consent.given", user=user, actor=user, subject=accepted["kind"])
    queue_mail("welcome", user.email, user=user.pk)
    return user
