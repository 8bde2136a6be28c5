import logging
from datetime import timedelta

from celery import shared_task
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import history_keeping, limits, seals
from accounts.cases import expire_cases
from accounts.events import record_counts
from accounts.models import (
    Challenge,
    EmailChange,
    EventSeal,
    KnownDevice,
    LatePost,
    PendingRegistration,
    Session,
    SpentToken,
    Throttle,
)
from mumaris.mail.keeping import shorten_recipients
from mumaris.mail.models import Outbox

logger = logging.getLogger(__name__)
# The longest that any limit remembers a count, but for the streaks of wrong passwords.
THROTTLE_MEMORY = limits.DAY
CHALLENGE_MEMORY = timedelta(hours=72)
# Rows of the outbox name recipients; no mail itself lies in them.
MAIL_MEMORY = timedelta(days=180)


# Rows deleted by one statement, each in a transaction of its own.
BATCH = 5_000


@shared_task(name="accounts.tasks.purge")
def purge() -> dict[str, int]:
    """Delete what has served its time and return the counts; safe to run twice at once."""
    now = timezone.now()
    EmailChange.objects.forgotten(now).update(cancelled_at=now)
    expire_cases()
    finished = {
        "pending registrations": PendingRegistration.objects.expired(now),
        "challenges": Challenge.objects.filter(started_at__lt=now - CHALLENGE_MEMORY),
        "changes of addresses": EmailChange.objects.over(now),
        "counters": counters_of(now),
        "known devices": KnownDevice.objects.unused(now),
        "spent tokens": SpentToken.objects.filter(expires_at__lt=now),
        "late posts": LatePost.objects.filter(expires_at__lt=now),
        "sessions": Session.objects.filter(expire_date__lt=now),
        "mails": Outbox.objects.exclude(state=Outbox.State.WAITING).filter(created_at__lt=now - MAIL_MEMORY),
    }
    counts = {name: delete_in_batches(rows) for name, rows in finished.items()}
    counts["recipients"] = shorten_recipients(now)
    record_counts("accounts", counts)
    return counts


@shared_task(name="accounts.tasks.seal")
def seal() -> int:
    """Seal the events that are finished; one line of the log holds the digest, for whoever keeps it elsewhere."""
    sealed = seals.seal_events()
    if sealed:
        logger.info("%d events sealed, digest %s", sealed, EventSeal.objects.order_by("id").last().digest)
    return sealed


@shared_task(name="accounts.tasks.keep_history")
def keep_history() -> dict[str, int]:
    """Take the source from old events, and drop whole sealed months; safe to run twice at once."""
    return history_keeping.keep_history()


def counters_of(now):
    """Return the counters that nothing asks for any more."""
    streak = limits.SIGN_IN_STREAK
    short = Q(first_at__lt=now - THROTTLE_MEMORY) & ~Q(kind=streak.kind)
    return Throttle.objects.filter(short | Q(first_at__lt=now - streak.memory), next_at__lt=now)


def delete_in_batches(rows) -> int:
    deleted = 0
    while True:
        with transaction.atomic():
            # What another purge holds is counted by that one, and nobody waits for anybody.
            batch = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
            deleted += rows.filter(pk__in=batch).delete()[1].get(rows.model._meta.label, 0) if batch else 0
        if not batch:
            return deleted
