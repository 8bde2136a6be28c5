from datetime import timedelta

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts import limits
from accounts.cases import expire_cases
from accounts.models import Challenge, EmailChange, PendingRegistration, SpentToken, Throttle

# The longest that any limit remembers a count.
THROTTLE_MEMORY = limits.DAY
CHALLENGE_MEMORY = timedelta(hours=72)


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
        "counters": Throttle.objects.filter(first_at__lt=now - THROTTLE_MEMORY, next_at__lt=now),
        "spent tokens": SpentToken.objects.filter(expires_at__lt=now),
        "sessions": Session.objects.filter(expire_date__lt=now),
    }
    return {name: delete_in_batches(rows) for name, rows in finished.items()}


def delete_in_batches(rows) -> int:
    deleted = 0
    while batch := list(rows.values_list("pk", flat=True)[:BATCH]):
        deleted += rows.filter(pk__in=batch).delete()[1].get(rows.model._meta.label, 0)
    return deleted
