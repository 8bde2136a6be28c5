"""A request to erase an account, act by act: ask, cancel, carry out, refuse. The law gives thirty days.

What becomes of an account: nobody needs its rows any more, and it is deleted; or another app holds something
about its owner that the law keeps, and it is closed: emptied of every personal value, and never opened again.
Who holds such a thing registers ``register_release``. Rows are locked in one order: theirs, challenges,
the user, the request.
"""

from collections.abc import Callable
from datetime import timedelta

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import challenges, limits
from accounts.challenges import Purpose
from accounts.events import record_event
from accounts.models import EmailChange, ErasureRequest, LatePost, PendingRegistration, User
from accounts.rights import is_own
from mumaris.mail.queue import queue_mail

TIME_TO_DECIDE = timedelta(days=30)
State = ErasureRequest.State


class ErasureDecided(Exception):
    """The request is not waiting any more."""


class OwnErasure(Exception):
    """Nobody decides on their own request."""


class StaffAccount(Exception):
    """The account has rights of staff, which somebody must take away first."""


class AddressChangedLately(Exception):
    """The former address can still bring the account back: whoever asks may not be its owner."""


_releases: list[Callable[[User], bool]] = []


def register_release(release: Callable[[User], bool]) -> None:
    """Name a function that lets go of an account; it returns whether the law keeps something that names the account."""
    _releases.append(release)


# --- Its owner ----------------------------------------------------------------------------------


def open_erasure(user: User) -> ErasureRequest | None:
    return user.erasures.filter(state=State.ASKED).first()


def days_left(erasure: ErasureRequest) -> int:
    """Return the days to the last one, as a calendar in Riyadh counts them; less than none when it is over."""
    return (timezone.localdate(erasure.due_at) - timezone.localdate()).days


def ask_erasure(*, user: User) -> ErasureRequest:
    """Start the clock; a second tap finds the request of the first, and does not count. Raises LimitReached."""
    try:
        with transaction.atomic():
            erasure = ErasureRequest.objects.create(user=user, due_at=timezone.now() + TIME_TO_DECIDE)
            limits.count(limits.ERASURES, user.pk)
            record_event("erasure.asked", user=user)
            tell(erasure, user, "erasure_asked")
    except IntegrityError:
        return ErasureRequest.objects.get(user=user, state=State.ASKED)
    return erasure


def cancel_erasure(*, user: User) -> bool:
    """Take the request back; False when there is none to take back."""
    with transaction.atomic():
        erasure = user.erasures.select_for_update().filter(state=State.ASKED).first()
        if erasure is None:
            return False
        close_request(erasure, State.CANCELLED)
        record_event("erasure.cancelled", user=user)
        tell(erasure, user, "erasure_cancelled")
    return True


# --- Staff --------------------------------------------------------------------------------------


def refuse_erasure(*, erasure: ErasureRequest, by: User, reason: str) -> None:
    """Keep the account, with a reason that its owner reads. Raises ErasureDecided or OwnErasure."""
    with transaction.atomic():
        erasure = lock_request(erasure, by)
        close_request(erasure, State.REFUSED, by=by, reason=reason)
        record_event("erasure.refused", user=erasure.user, actor=by)
        tell(erasure, erasure.user, "erasure_refused")


def complete_erasure(*, erasure: ErasureRequest, by: User) -> bool:
    """Erase the account; return whether something stays by law. All of it or nothing.

    Raises ErasureDecided, OwnErasure, StaffAccount or AddressChangedLately.
    """
    with transaction.atomic():
        user = find_account(erasure)
        # Before the account is locked, as a reset that is being completed has it.
        challenges.end_challenges(Purpose.RESET, user.email)
        # Every one of them lets go, whatever the others say.
        is_kept = sum(release(user) for release in _releases) > 0
        user = User.objects.select_for_update().get(pk=user.pk)
        erasure = lock_request(erasure, by)
        refuse_hasty(user)
        close_request(erasure, State.DONE, by=by)
        record_event("erasure.done", user=user, actor=by)
        tell(erasure, user, "erasure_done", is_kept=is_kept)
        PendingRegistration.objects.filter(address=user.email).delete()
        empty_log(user)
        if is_kept:
            empty_account(user)
        else:
            user.delete()
    return is_kept


def find_account(erasure: ErasureRequest) -> User:
    """Return the account of a request. Raises ErasureDecided when it is gone already."""
    user = User.objects.filter(pk=erasure.user_id).first()
    if user is None:
        raise ErasureDecided
    return user


def refuse_hasty(user: User) -> None:
    """Raise StaffAccount or AddressChangedLately for an account that must not be erased yet."""
    if user.is_staff or user.is_superuser:
        raise StaffAccount
    undoable = EmailChange.objects.filter(user=user, completed_at__isnull=False, undone_at=None)
    if undoable.filter(undo_until__gt=timezone.now()).exists():
        raise AddressChangedLately


def empty_account(user: User) -> None:
    """Take every personal value from an account, and end its sessions; its number stays, because others name it."""
    for rows in (
        user.sign_in_names, user.emailaddress_set, user.consents, user.email_changes, user.sessions, user.devices,
        user.authenticator_set, user.staff_cases,
    ):  # fmt: skip
        rows.all().delete()
    LatePost.objects.filter(user=user).delete()
    user.email = f"erased-{user.pk}@erased.invalid"
    user.first_name = user.last_name = ""
    user.birth_date = user.last_login = None
    user.is_active = False
    user.session_epoch += 1
    user.set_unusable_password()
    user.save()


def empty_log(user: User) -> None:
    """Take the address, and what staff wrote, from the admin's log of an account: who acted and when stays."""
    about = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk))
    about.update(object_repr=f"#{user.pk}", change_message="")


def lock_request(erasure: ErasureRequest, by: User) -> ErasureRequest:
    erasure = ErasureRequest.objects.select_for_update().get(pk=erasure.pk)
    if erasure.state != State.ASKED:
        raise ErasureDecided
    if is_own(by, erasure.user_id):
        raise OwnErasure
    return erasure


def close_request(erasure: ErasureRequest, state: str, *, by: User | None = None, reason: str = "") -> None:
    erasure.state, erasure.decided_at, erasure.decided_by, erasure.reason = state, timezone.now(), by, reason
    erasure.save(update_fields=["state", "decided_at", "decided_by", "reason"])


def tell(erasure: ErasureRequest, user: User, kind: str, **references) -> None:
    # The language travels with the mail: the account may be gone before it is written.
    queue_mail(kind, user.email, language=user.language, erasure=erasure.pk, **references)
