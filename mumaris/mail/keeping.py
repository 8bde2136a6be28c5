"""What becomes of rows that are not sent any more: addresses are shortened, and a restored queue is withheld."""

from datetime import datetime, timedelta

from django.db import transaction

from mumaris.keys import digest
from mumaris.mail.delivery import record_end
from mumaris.mail.models import Outbox

# How long a finished row names its recipient.
ADDRESS_KEPT = timedelta(days=30)
RESTORED = "restored"
BATCH = 500


def shorten_recipients(now: datetime) -> int:
    """Put a keyed digest in place of old addresses and return how many; safe to run twice at once."""
    finished = Outbox.objects.exclude(state=Outbox.State.WAITING).filter(created_at__lt=now - ADDRESS_KEPT)
    shortened = 0
    while done := shorten_batch(finished.filter(recipient__contains="@")):
        shortened += done
    return shortened


def shorten_batch(rows) -> int:
    with transaction.atomic():
        batch = list(rows.select_for_update(skip_locked=True).only("recipient")[:BATCH])
        for row in batch:
            row.recipient = digest("recipient", row.recipient)
        return Outbox.objects.bulk_update(batch, ["recipient"]) if batch else 0


def withhold_waiting() -> int:
    """Give up every row that waits in a restored database: the mail may have left after the backup was made."""
    waiting = Outbox.objects.waiting()
    waiting.update(lease=None, leased_until=None)
    withheld = 0
    for row in waiting.iterator():
        record_end(row, Outbox.State.GIVEN_UP, error=RESTORED)
        withheld += 1
    return withheld
