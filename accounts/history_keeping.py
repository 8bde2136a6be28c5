"""What becomes of old events: their source is taken away after six months, whole sealed months after twenty-four."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.events import record_counts
from accounts.models import AccountEvent, EventSeal
from accounts.seals import drop_before, keeper, lock_seals

# Six months.
SOURCE_KEPT = timedelta(days=183)


def keep_history() -> dict[str, int]:
    """Shorten and drop what is old, record it, and return the counts; safe to run twice at once."""
    using, now = keeper(), timezone.now()
    with transaction.atomic(using=using):
        if not lock_seals(using):
            return {}
        counts = {"networks": shorten_sources(now, using), "events": drop_sealed_months(now, using)}
        record_counts("history", counts, using=using)
    return counts


def shorten_sources(now: datetime, using: str) -> int:
    """Take network and device from events; no seal covers them."""
    old = AccountEvent.objects.using(using).filter(at__lt=now - SOURCE_KEPT, network__isnull=False)
    return old.update(network=None, device="")


def drop_sealed_months(now: datetime, using: str) -> int:
    """Delete the events of seals that lie before the month that is kept; the seals stay and say so."""
    dropped = 0
    old = EventSeal.objects.using(using).filter(dropped_at=None, newest_at__lt=drop_before(now))
    for seal in old.order_by("id"):
        rows = AccountEvent.objects.using(using).filter(id__gte=seal.first_id, id__lte=seal.last_id)
        dropped += rows.delete()[0]
        seal.dropped_at = now
        seal.save(update_fields=["dropped_at"])
    return dropped
