"""What a database that was restored from a backup must not do again.

It knows nothing of what happened after the backup: codes and links that have served since look unused, mails that
have left still wait, sessions that were ended are open.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from accounts.challenges import ENDED
from accounts.events import record_event
from accounts.models import AccountEvent, Challenge, LatePost, Session
from mumaris.mail.keeping import withhold_waiting

# What other apps settle, after the mails were withheld: each returns name → count.
_settlers: list[Callable[[], dict[str, int]]] = []


class NotRestored(Exception):
    """The database holds what happened after the backup: it is no restored one."""


def register_settler(settle: Callable[[], dict[str, int]]) -> None:
    _settlers.append(settle)


def settle_restored(*, since: datetime) -> dict[str, int]:
    """Withhold waiting mails, end codes, links and sessions, record it, and return the counts.

    Raises NotRestored when an event is younger than ``since``, the time of the backup. Run before any process starts.
    """
    if AccountEvent.objects.filter(at__gt=since).exists():
        raise NotRestored
    with transaction.atomic():
        counts = {
            "mails withheld": withhold_waiting(),
            "codes and links ended": Challenge.objects.filter(used_at=None)
            .exclude(failure=ENDED)
            .update(failure=ENDED),
            "sessions ended": Session.objects.all().delete()[0],
            "late posts deleted": LatePost.objects.all().delete()[0],
        }
        for settle in _settlers:
            counts |= settle()
        told = [f"{name}: {count}" for name, count in counts.items()]
        record_event("restore.done", subject=f"backup of {since.isoformat(timespec='seconds')}", fields=told)
    return counts
