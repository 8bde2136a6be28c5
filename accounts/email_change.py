"""Another e-mail address, act by act: begin, resend the code, complete, cancel, undo.

Nothing on this path asks whether the new address has an account: the mail is chosen when it is written
(``accounts/email_change_mails.py``), and a code that was never written completes nothing.
Rows are locked in one order everywhere: challenges, the user, the change of address.

The former address is kept for its account by the completed row, until its link ends: the two acts that
let an address in ask for such a row. A sign-in name kept in its place would have to be left out by
everybody who looks a name up.
"""

import hmac
import logging

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.http import base36_to_int, int_to_base36

from accounts import challenges, limits
from accounts.challenges import NoLiveCode, Purpose, WrongCode
from accounts.events import record_event
from accounts.managers import UNDO_LIFETIME
from accounts.models import Challenge, EmailChange, PendingRegistration, StaffCase, User
from accounts.password_reset import LinkSpent, mail_link
from accounts.takeover import EARLIER, clear_intrusion
from mumaris.keys import current_code_key_id, is_known_key, mac
from mumaris.mail.models import Outbox
from mumaris.mail.queue import queue_mail
from mumaris.text import mailbox_of

CODE_MAIL = "email_change_code"
WARNING_MAIL = "email_change_warning"
CHANGED_MAIL = "email_changed"
UNDONE_MAIL = "email_change_undone"
logger = logging.getLogger(__name__)


class AddressTaken(Exception):
    """The address has got an account since its code was mailed, or is kept for one."""


def open_change(user: User) -> EmailChange | None:
    """Return the change whose code this user may type, or None."""
    return EmailChange.objects.open().filter(user=user).first()


def typist_of(user_id: int) -> str:
    """Return whose tries and sends count: the user's, in whichever browser."""
    return f"user {user_id}"


def challenge_of(change: EmailChange) -> Challenge | None:
    which = {"purpose": Purpose.EMAIL_CHANGE, "address": change.new_address, "owner": change.user_id}
    return Challenge.objects.filter(**which).first()


# --- Begin, resend, cancel --------------------------------------------------------------------


def begin_email_change(user: User, address: str) -> EmailChange:
    """Keep the wish, warn the present address at once, and send a code to the new one. Raises LimitReached.

    The same address once more is a second tap: it neither counts nor warns again.
    """
    wished = open_change(user)
    if wished is None or wished.new_address != address:
        limits.count(limits.EMAIL_CHANGES, user.pk)
    limits.allows(limits.VISITOR_SENDS, typist_of(user.pk), address)
    with transaction.atomic():
        challenge = challenges.lock_challenge(Purpose.EMAIL_CHANGE, address, owner=user.pk)
        user = User.objects.select_for_update().get(pk=user.pk)
        change = open_change(user)
        if change is None or change.new_address != address:
            change = _record_wish(user, address)
            record_event("email_change.asked", user=user)
            queue_mail(WARNING_MAIL, user.email, user=user.pk, change=change.pk)
        _mail_code(challenge, change, user)
    return change


def _record_wish(user: User, address: str) -> EmailChange:
    """Take over the row of an unfinished wish, and with it the link already mailed: it stops the newest one."""
    now = timezone.now()
    asked = {
        "old_address": user.email,
        "new_address": address,
        "requested_at": now,
        "undo_until": now + UNDO_LIFETIME,
    }
    change, _made = EmailChange.objects.unfinished().update_or_create(
        user=user, defaults=asked, create_defaults=asked | {"undo_key_id": current_code_key_id()}
    )
    return change


def _mail_code(challenge: Challenge, change: EmailChange, user: User, *, renew: bool = False) -> None:
    """Queue the mail of the live code, or withhold it when the mailbox has had enough of them. Nobody is told which."""
    on_its_way = Outbox.objects.waiting().filter(
        recipient=change.new_address, kind=CODE_MAIL, references__challenge=challenge.pk
    )
    # Apart from the mails of visitors: what strangers ask for does not use this allowance up.
    if on_its_way.exists() or not limits.allows(limits.MAILBOX, "email-change", mailbox_of(change.new_address)):
        return
    challenges.freshen(challenge, renew=renew)
    references = {"challenge": challenge.pk, "generation": challenge.generation, "change": change.pk}
    queue_mail(CODE_MAIL, change.new_address, user=user.pk, **references)


def resend_email_change_code(change: EmailChange) -> None:
    """Send the live code again; a new one when this user has no tries left. Raises LimitReached."""
    limits.count(limits.VISITOR_SENDS, typist_of(change.user_id), change.new_address)
    with transaction.atomic():
        challenge = challenges.lock_challenge(Purpose.EMAIL_CHANGE, change.new_address, owner=change.user_id)
        renew = not challenges.tries_left(challenge, typist_of(change.user_id))
        _mail_code(challenge, change, change.user, renew=renew)


def cancel_email_change(change: EmailChange) -> None:
    with transaction.atomic():
        if EmailChange.objects.unfinished().filter(pk=change.pk).update(cancelled_at=timezone.now()):
            record_event("email_change.cancelled", user=change.user)


# --- Complete ---------------------------------------------------------------------------------


def complete_email_change(change: EmailChange, code: str) -> User:
    """Move the account to the new address when the code is right: exactly one of any number of callers does.

    Raises NoLiveCode, NoTriesLeft, MailboxClosed, WrongCode or AddressTaken.
    """
    challenge = challenge_of(change)
    if challenge is None:
        raise NoLiveCode
    left = challenges.count_try(challenge, typist_of(change.user_id))
    if not challenges.matches(challenge, code):
        if not left:
            record_event("code.exhausted", user=change.user, refused=True, subject=challenge.purpose)
        raise WrongCode(left)
    try:
        with transaction.atomic():
            if not challenges.consume(challenge):
                raise NoLiveCode
            return _complete(change)
    except IntegrityError:
        raise AddressTaken from None


def _complete(change: EmailChange) -> User:
    # In one order, so that two acts never wait for each other.
    for address in sorted({change.old_address, change.new_address}):
        challenges.end_challenges(Purpose.RESET, address)
    user = User.objects.select_for_update().get(pk=change.user_id)
    now = timezone.now()
    claimed = EmailChange.objects.open().filter(pk=change.pk, old_address=user.email, new_address=change.new_address)
    if not claimed.update(completed_at=now, undo_until=now + UNDO_LIFETIME):
        raise NoLiveCode
    settle_change(user, change, is_proved=True)
    record_event("email.changed", user=user)
    for address in (change.old_address, change.new_address):
        queue_mail(CHANGED_MAIL, address, user=user.pk, change=change.pk)
    return user


def settle_change(user: User, change: EmailChange, *, is_proved: bool) -> None:
    """Give a locked account its new address, which nobody else may hold. Raises AddressTaken or IntegrityError."""
    _move_account(user, change.new_address, is_proved=is_proved)
    # Asked after the address is written: the change that frees it has committed by then, if there is one.
    if EmailChange.objects.reserving(change.new_address).exclude(user=user).exists():
        raise AddressTaken
    PendingRegistration.objects.filter(address=change.new_address).delete()


def _move_account(user: User, address: str, *, is_proved: bool = True) -> None:
    """Write the address everywhere an account has it, and end all its sessions. Raises IntegrityError."""
    user.sign_in_names.filter(value=user.email).delete()
    EmailAddress.objects.filter(user=user).delete()
    user.email = address
    user.session_epoch += 1
    user.save(update_fields=["email", "session_epoch"])
    user.sign_in_names.create(value=address)
    EmailAddress.objects.create(user=user, email=address, verified=is_proved, primary=True)


# --- Undo -------------------------------------------------------------------------------------


def undo_token(change: EmailChange) -> str:
    """Return what stands in the link to the old address: the id and a MAC over it. Raises LookupError."""
    return f"{int_to_base36(change.pk)}-{mac(change.undo_key_id, 'email undo', change.pk, change.undo_nonce).hex()}"


def find_undo(token: str) -> EmailChange | None:
    """Return the change of a genuine link, whether or not it can still be undone. Consumes nothing."""
    try:
        change = EmailChange.objects.filter(pk=base36_to_int(token.partition("-")[0])).first()
    except ValueError:
        return None
    is_genuine = change and is_known_key(change.undo_key_id) and hmac.compare_digest(undo_token(change), token)
    return change if is_genuine else None


def undoable(change: EmailChange) -> list[EmailChange]:
    """Return what a link would undo now: its own change and all later ones of the user, which built on it.

    A link whose change was cancelled undoes the later ones too: whoever opens the older of two warnings
    means them all.
    """
    if change.undone_at or change.undo_until <= timezone.now():
        return []
    return list(EmailChange.objects.filter(user=change.user_id, pk__gte=change.pk, cancelled_at=None, undone_at=None))


def was_restored(change: EmailChange) -> bool:
    """Tell whether a link that has served brought its address back, or only stopped what was not complete."""
    undone = EmailChange.objects.filter(user=change.user_id, undone_at=change.undone_at)
    return undone.filter(completed_at__isnull=False).exists()


def undo_email_change(change: EmailChange) -> None:
    """Stop a change that is not complete; bring the old address back after one that is. Raises LinkSpent.

    Then the account is its former owner's again: all sessions end, the password is none until the link
    that is mailed to the old address has set a new one. Older second steps of its owner stay.
    """
    addresses = sorted({change.old_address, change.user.email})
    try:
        with transaction.atomic():
            resets = {address: challenges.lock_challenge(Purpose.RESET, address) for address in addresses}
            user = User.objects.select_for_update().get(pk=change.user_id)
            change.refresh_from_db()
            undone = undoable(change)
            if not undone:
                raise LinkSpent
            _mark_undone(change)
            is_restored = any(later.completed_at for later in undone)
            if is_restored:
                _restore(user, change, resets)
            record_event("email.restored" if is_restored else "email_change.stopped", user=user, by_link=True)
    except IntegrityError:
        # Without the database's own words, which name the address.
        logger.error("a kept address has got another account: change %s cannot be undone", change.pk)
        raise LinkSpent from None


def _mark_undone(change: EmailChange) -> None:
    now = timezone.now()
    later = EmailChange.objects.filter(user=change.user_id, pk__gte=change.pk, undone_at=None)
    later.uncompleted().update(cancelled_at=now)
    _refuse_cases(change, now)
    # The links of later changes went to addresses that the account should not have had.
    later.update(undone_at=now)


def _refuse_cases(change: EmailChange, now) -> None:
    """End what staff asked for to change the address: its owner has the old mailbox, and says no."""
    asked = StaffCase.objects.asked().filter(user=change.user_id, kind=StaffCase.Kind.CHANGE_EMAIL)
    if asked.update(state=StaffCase.State.REFUSED, decided_at=now):
        record_event("case.refused", user=change.user, by_link=True, subject=StaffCase.Kind.CHANGE_EMAIL)


def _restore(user: User, change: EmailChange, resets: dict[str, Challenge]) -> None:
    for reset in resets.values():
        reset.failure = challenges.ENDED
        reset.save(update_fields=["failure"])
    queue_mail(UNDONE_MAIL, user.email, user=user.pk, change=change.pk)
    _move_account(user, change.old_address)
    user.set_unusable_password()
    user.save(update_fields=["password"])
    clear_intrusion(user, since=change.requested_at - EARLIER)
    mail_link(resets[change.old_address])
