"""What this app holds about somebody, section by section."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.history import say_kind
from accounts.models import AccountEvent, User
from accounts.own_data import Record, describe_row, make_fact, register_own_data
from accounts.session_list import live_rows


def list_account(user: User) -> list[Record]:
    names = ("email", "first_name", "last_name", "language", "birth_date", "date_joined", "last_login")
    return [describe_row(user, *names)]


def list_consent_records(user: User) -> list[Record]:
    names = ("kind", "version", "language", "digest", "accepted_at", "ip", "withdrawn_at")
    return [describe_row(consent, *names) for consent in user.consents.order_by("pk")]


def list_changes_of_address(user: User) -> list[Record]:
    names = ("old_address", "new_address", "requested_at", "completed_at", "cancelled_at", "undone_at")
    return [describe_row(change, *names) for change in user.email_changes.order_by("pk")]


def list_signed_in(user: User) -> list[Record]:
    return [describe_row(row, "device", "network", "signed_in_at", "seen_at") for row in live_rows(user)]


def list_second_steps(user: User) -> list[Record]:
    """Return what was added and when; the secrets themselves are no data to take away."""
    return [describe_row(row, "type", "created_at", "last_used_at") for row in user.authenticator_set.order_by("pk")]


def list_erasures(user: User) -> list[Record]:
    names = ("state", "asked_at", "due_at", "decided_at", "reason")
    return [describe_row(erasure, *names) for erasure in user.erasures.order_by("pk")]


def list_events(user: User) -> list[Record]:
    """Return the history, newest first. Whoever did it is named as the history page does: by role."""
    return [describe_event(event) for event in AccountEvent.objects.filter(user=user).order_by("-id")]


def describe_event(event: AccountEvent) -> Record:
    by_staff = event.actor_id is not None and event.actor_id != event.user_id
    by = "staff" if by_staff else "owner" if event.actor_id else ""
    roles = {"staff": _("Commission staff"), "owner": _("You"), "": "—"}
    source = [] if by_staff else describe_row(event, "network", "device")
    return [
        *describe_row(event, "at"),
        make_fact("kind", _("event"), event.kind, shown=say_kind(event.kind)),
        *describe_row(event, "outcome"),
        make_fact("by", _("done by"), by, shown=roles[by]),
        *describe_row(event, "subject", "fields"),
        *source,
    ]


register_own_data("account", list_account, title=gettext_lazy("User account"))
register_own_data("consents", list_consent_records, title=gettext_lazy("Your consents"))
register_own_data("email_changes", list_changes_of_address, title=gettext_lazy("Changes of your email address"))
register_own_data("sessions", list_signed_in, title=gettext_lazy("Signed-in devices"))
register_own_data("second_steps", list_second_steps, title=gettext_lazy("Two-step sign-in"))
register_own_data("erasure_requests", list_erasures, title=gettext_lazy("Erasure of your account"))
register_own_data("events", list_events, title=gettext_lazy("Account history"))
