"""Two accounts of one person: one is kept, the other is closed. Nothing of it is done by hand."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import challenges
from accounts.cases import end_cases_of
from accounts.challenges import Purpose
from accounts.erasure import open_erasure
from accounts.events import record_event
from accounts.models import Challenge, EmailChange, User
from accounts.rights import is_own
from accounts.takeover import clear_closed_account
from mumaris.mail.queue import queue_mail

MERGED_MAIL = "account_merged"
# Sent with ``kept`` and ``closed`` before the one that is closed is locked: other rooms withdraw what is open there
# and move what belongs to the person. They lock their own rows first everywhere.
account_closing = Signal()
# Sent for the preview: each receiver returns sentences of what it would do.
closing_foreseen = Signal()


class SameAccount(Exception):
    """An account is no double of itself."""


class OwnAccount(Exception):
    """Nobody closes or keeps an account of their own by this act."""


class AccountUnfit(Exception):
    """One of the two is disabled, or the one to be closed belongs to staff, whose rights are taken first."""


def check_double(*, kept: User, closed: User, by: User) -> None:
    """Raise SameAccount, OwnAccount or AccountUnfit when this may not be done."""
    if kept.pk == closed.pk:
        raise SameAccount
    if is_own(by, kept.pk, closed.pk):
        raise OwnAccount
    if not (kept.is_active and closed.is_active) or closed.is_staff or closed.is_superuser:
        raise AccountUnfit


def foresee_closing(*, kept: User, closed: User) -> list[str]:
    """Say in sentences what closing would do. Changes nothing."""
    answers = closing_foreseen.send(sender=User, kept=kept, closed=closed)
    return [
        _("Nobody can sign in to the account %(address)s any more; all its devices are signed out.")
        % {"address": closed.email},
        *([_("Its two-step sign-in is removed.")] if closed.authenticator_set.exists() else []),
        *([_("Its request for erasure ends.")] if open_erasure(closed) else []),
        *(line for _receiver, lines in answers for line in lines),
        _("Both addresses are told by mail."),
    ]


def close_double_account(*, kept: User, closed: User, by: User, reason: str) -> User:
    """Close one of two accounts of a person; its e-mail address stays with it, so that nobody else gets it.

    Raises SameAccount, OwnAccount or AccountUnfit.
    """
    with transaction.atomic():
        # Before any account is locked, as a reset that is being completed has it.
        challenges.end_challenges(Purpose.RESET, closed.email)
        Challenge.objects.filter(owner=closed.pk).update(failure=challenges.ENDED)
        # As whoever ties a file to the account that stays: the account, then the file.
        User.objects.select_for_update().filter(pk=kept.pk).first()
        account_closing.send(sender=User, kept=kept, closed=closed)
        locked = {
            user.pk: user
            for user in User.objects.select_for_update().filter(pk__in=[kept.pk, closed.pk]).order_by("pk")
        }
        kept, closed = locked[kept.pk], locked[closed.pk]
        check_double(kept=kept, closed=closed, by=by)
        _shut(closed, by)
        _keep_reason(closed, by, reason)
        for user, other in ((kept, closed), (closed, kept)):
            record_event("account.merged", user=user, actor=by, subject=f"#{other.pk}")
            queue_mail(MERGED_MAIL, user.email, user=user.pk, other=other.pk)
    return closed


def _shut(closed: User, by: User) -> None:
    closed.is_active = False
    closed.session_epoch += 1
    closed.save(update_fields=["is_active", "session_epoch"])
    closed.sign_in_names.exclude(value=closed.email).delete()
    end_cases_of(closed)
    clear_closed_account(closed, by=by)
    EmailChange.objects.uncompleted().filter(user=closed).update(cancelled_at=timezone.now())


def _keep_reason(closed: User, by: User, reason: str) -> None:
    # With the history of the page, which staff alone read: an event is the owner's, and holds no free text.
    LogEntry.objects.log_actions(by.pk, [closed], CHANGE, change_message=reason)
