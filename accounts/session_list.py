"""The devices that a person is signed in on: list them, end one, end all others, and never more than ten."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import HASH_SESSION_KEY
from django.db import transaction
from django.utils import timezone

from accounts.events import record_event
from accounts.models import KnownDevice, Session, User
from accounts.sessions import SIGNED_IN
from mumaris.keys import digest, possible_digests

MOST = 10


class NoSuchSession(Exception):
    """It has ended, or was never this person's: the page does not tell which."""


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """One line of the list. ``name`` stands for the session without telling its key."""

    name: str
    device: str
    network: str | None
    since: datetime
    seen_at: datetime
    is_here: bool


def list_sessions(*, user: User, here: str | None) -> list[SignedIn]:
    """Return the live sessions of a user, the newest sign-in first; ``here`` is the key of the one that asks."""
    return [
        SignedIn(
            name=name_session(row.session_key), device=row.device, network=row.network, since=row.signed_in_at,
            seen_at=row.seen_at, is_here=row.session_key == here,
        )
        for row in live_rows(user)
    ]  # fmt: skip


def live_rows(user: User) -> list[Session]:
    """Return the rows that still open the door: not expired, and made under the present password and epoch."""
    rows = Session.objects.filter(user=user, expire_date__gt=timezone.now()).order_by("-signed_in_at")
    return [row for row in rows if user.is_proved_by(row.get_decoded().get(HASH_SESSION_KEY, ""))]


def name_session(key: str) -> str:
    return digest("session", key)[:16]


def names_of(key: str) -> list[str]:
    return [one[:16] for one in possible_digests("session", key)]


def end_session(*, user: User, name: str) -> None:
    """End one session: it is dead at its next request. Raises NoSuchSession."""
    # The page may have been made before a new key came.
    found = next((row for row in live_rows(user) if name in names_of(row.session_key)), None)
    if found is None:
        raise NoSuchSession
    with transaction.atomic():
        found.delete()
        record_event("session.ended", user=user, subject=found.device)


def end_other_sessions(*, user: User, here: str | None) -> int:
    """End every session of a user but the one that asks, and return how many ended."""
    with transaction.atomic():
        ended, _rows = Session.objects.filter(user=user).exclude(session_key=here).delete()
        record_event("sessions.ended", user=user)
    return ended


def end_every_session(*, user: User, by: User) -> None:
    """Sign somebody out everywhere, as staff do for them."""
    with transaction.atomic():
        Session.objects.filter(user=user).delete()
        record_event("sessions.closed", user=user, actor=by)


def end_sessions_on(*, user: User, device: KnownDevice, here: str | None) -> bool:
    """End what is signed in on a known device, but not the session that asks; tell whether anything was."""
    of_device = [row for row in live_rows(user) if row.get_decoded()[SIGNED_IN].get("known_device") == str(device.pk)]
    ended, _rows = Session.objects.filter(pk__in=[row.pk for row in of_device]).exclude(session_key=here).delete()
    if ended:
        record_event("session.ended", user=user, subject=device.name)
    return bool(ended)


def end_sessions_beyond_limit(user: User, *, here: str | None) -> None:
    """Keep the newest sign-ins; one statement, whether there are many or none to end."""
    others = Session.objects.filter(user=user).exclude(session_key=here).order_by("-signed_in_at", "-seen_at")
    Session.objects.filter(pk__in=others.values("pk")[MOST - 1 :]).delete()
