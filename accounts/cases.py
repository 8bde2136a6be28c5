"""What a locked-out person asks support for, done by two people: one asks, another one decides.

The owner is told at every address that is or lately was theirs, when it is asked and when it is decided.
Rows are locked in the order of all acts: challenges, the user, then the case and its change of address.
"""

from allauth.mfa.models import Authenticator
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import challenges
from accounts.challenges import Purpose
from accounts.email_change import AddressTaken, settle_change
from accounts.events import record_event
from accounts.managers import UNDO_LIFETIME
from accounts.models import EmailChange, SignInName, StaffCase, User
from accounts.rights import is_own, people_behind
from mumaris.keys import current_code_key_id
from mumaris.mail.queue import queue_mail

ASKED_MAIL, CONFIRMED_MAIL, REFUSED_MAIL = "case_asked", "case_confirmed", "case_refused"
ADMINISTER = "accounts.change_user"
Kind, State = StaffCase.Kind, StaffCase.State


class OwnCase(Exception):
    """Nobody asks for or decides on a case about themselves."""


class SamePerson(Exception):
    """Whoever has asked for a case does not confirm it."""


class SameHand(Exception):
    """One person may stand behind both who asked and who confirms: see ``people_behind``."""


class CaseOpen(Exception):
    """A case of this kind about this account waits already."""


class CaseDecided(Exception):
    """The case is not waiting any more: decided on, stopped by its owner, or older than 72 hours."""


class CaseOvertaken(Exception):
    """The owner has chosen a new password or has another address since: the case means a former state."""


class AccountUnfit(Exception):
    """The account is disabled, or a superuser's, whom only somebody at the server helps."""


class NeedsAdministrator(Exception):
    """A case about staff is confirmed by an administrator: else two others could take such an account over."""


# --- Asked by one ---------------------------------------------------------------------------------


def ask_case(*, user: User, asked_by: User, kind: str, reason: str, new_address: str = "") -> StaffCase:
    """Keep what support asks for and tell the owner. Nothing changes before another person confirms it.

    Raises OwnCase, AccountUnfit, CaseOpen or AddressTaken.
    """
    try:
        with transaction.atomic():
            user = User.objects.select_for_update().get(pk=user.pk)
            _check_account(user, asked_by)
            change = _propose_change(user, new_address) if kind == Kind.CHANGE_EMAIL else None
            _expire(StaffCase.objects.overdue().filter(user=user))
            case = StaffCase.objects.create(
                kind=kind, user=user, asked_by=asked_by, reason=reason, change=change,
                new_address=change.new_address if change else "",
            )  # fmt: skip
            record_event("case.asked", user=user, actor=asked_by, subject=kind)
            _tell(ASKED_MAIL, case)
    except IntegrityError:
        raise CaseOpen from None
    return case


def _check_account(user: User, by: User) -> None:
    if is_own(by, user.pk):
        raise OwnCase
    if not user.is_active or user.is_superuser:
        raise AccountUnfit


def _propose_change(user: User, address: str) -> EmailChange:
    """Make the change that only a confirmed case completes; its link goes to the old address at once."""
    if is_taken(address, user):
        raise AddressTaken
    now = timezone.now()
    return EmailChange.objects.create(
        user=user, old_address=user.email, new_address=address, requested_at=now, undo_until=now + UNDO_LIFETIME,
        undo_key_id=current_code_key_id(), asked_by_staff=True,
    )  # fmt: skip


def is_taken(address: str, user: User) -> bool:
    """Tell whether an address has an account, this one too, or is kept for another one."""
    is_used = SignInName.objects.filter(value=address).exists() or User.objects.filter(email=address).exists()
    return is_used or EmailChange.objects.reserving(address).exclude(user=user).exists()


# --- Decided by another ---------------------------------------------------------------------------


def confirm_case(*, case: StaffCase, by: User) -> StaffCase:
    """Do what a case asks for: exactly one of any number of callers does.

    Raises OwnCase, SamePerson, SameHand, NeedsAdministrator, AccountUnfit, CaseDecided, CaseOvertaken or AddressTaken.
    """
    try:
        with transaction.atomic():
            _end_resets(case)
            case = _lock_asked(case)
            _check_account(case.user, by)
            if case.asked_by_id == by.pk:
                raise SamePerson
            if share_a_hand(case, by):
                raise SameHand
            if case.user.is_staff and not by.has_perm(ADMINISTER):
                raise NeedsAdministrator
            ACTS[case.kind](case)
            _close(case, State.CONFIRMED, by)
            _tell(CONFIRMED_MAIL, case)
    except IntegrityError:
        raise AddressTaken from None
    return case


def share_a_hand(case: StaffCase, by: User) -> bool:
    """Tell whether one person may stand behind both who asked and who decides."""
    return case.asked_by_id is not None and bool(people_behind(case.asked_by_id) & people_behind(by.pk))


def refuse_case(*, case: StaffCase, by: User) -> StaffCase:
    """End a case without doing anything. Raises OwnCase or CaseDecided."""
    with transaction.atomic():
        case = _lock_asked(case)
        if is_own(by, case.user_id):
            raise OwnCase
        _close(case, State.REFUSED, by)
        _tell(REFUSED_MAIL, case)
    return case


def expire_cases() -> int:
    """End the cases that nobody has decided on in 72 hours; safe to run twice at once."""
    overdue = StaffCase.objects.overdue().select_related("user")
    return sum(_expire(StaffCase.objects.filter(pk=case.pk), user=case.user) for case in overdue)


def _expire(cases, *, user: User | None = None) -> int:
    now = timezone.now()
    with transaction.atomic():
        if user is not None:
            # Nobody to lock when the account was erased, and its cases with it.
            User.objects.select_for_update().filter(pk=user.pk).first()
        overdue = cases.overdue()
        EmailChange.objects.uncompleted().filter(case__in=overdue).update(cancelled_at=now)
        return overdue.update(state=State.EXPIRED, decided_at=now)


def end_cases_of(user: User) -> None:
    """End what waits about an account that is being closed. Its user row is locked by the caller."""
    now = timezone.now()
    asked = StaffCase.objects.filter(user=user, state=State.ASKED)
    EmailChange.objects.uncompleted().filter(case__in=asked).update(cancelled_at=now)
    asked.update(state=State.EXPIRED, decided_at=now)


def _end_resets(case: StaffCase) -> None:
    """End the links that the old mailbox and the new one hold, before any other row is locked."""
    for address in sorted({case.change.old_address, case.change.new_address} if case.change else ()):
        challenges.end_challenges(Purpose.RESET, address)


def _lock_asked(case: StaffCase) -> StaffCase:
    user = User.objects.select_for_update().filter(pk=case.user_id).first()
    found = StaffCase.objects.asked().select_for_update().filter(pk=case.pk).first()
    if found is None:
        raise CaseDecided
    found.user = user
    return found


def _change_email(case: StaffCase) -> None:
    now = timezone.now()
    open_change = EmailChange.objects.uncompleted().filter(
        pk=case.change_id, old_address=case.user.email, undone_at=None
    )
    # From now on the link of the first mail has its full time again.
    if not open_change.update(completed_at=now, undo_until=now + UNDO_LIFETIME):
        raise CaseOvertaken
    EmailChange.objects.uncompleted().filter(user=case.user).update(cancelled_at=now)
    # Nobody has read a mail there yet: the link to choose a password proves it.
    settle_change(case.user, case.change, is_proved=False)


def _clear_mfa(case: StaffCase) -> None:
    Authenticator.objects.filter(user=case.user).delete()
    case.user.session_epoch += 1
    case.user.save(update_fields=["session_epoch"])


ACTS = {Kind.CHANGE_EMAIL: _change_email, Kind.CLEAR_MFA: _clear_mfa}


def _close(case: StaffCase, state: str, by: User) -> None:
    case.state, case.decided_by, case.decided_at = state, by, timezone.now()
    case.save(update_fields=["state", "decided_by", "decided_at"])
    EmailChange.objects.uncompleted().filter(pk=case.change_id).update(cancelled_at=case.decided_at)
    record_event(f"case.{state}", user=case.user, actor=by, subject=case.kind)


def _tell(mail: str, case: StaffCase) -> None:
    """Tell every address that the account has, had in the last 10 days, or is to have."""
    formers = EmailChange.objects.undoable_of(case.user).values_list("old_address", flat=True)
    for address in sorted({case.user.email, case.new_address, *formers} - {""}):
        queue_mail(mail, address, user=case.user_id, case=case.pk)
