"""The way in: one function that queues a mail by kind, recipient and references, never by rendered text."""

import logging

from django.core.cache import cache
from django.db import transaction
from django.utils.translation import get_language

from mumaris import clock
from mumaris.breaker import Breaker
from mumaris.connections import REDIS_PAUSE
from mumaris.mail.kinds import get_kind
from mumaris.mail.models import Outbox

logger = logging.getLogger(__name__)

broker = Breaker(REDIS_PAUSE)


def queue_mail(kind: str, recipient: str, *, language: str | None = None, **references) -> Outbox:
    """Queue a mail in the open transaction; it leaves after the commit, by Celery or else by the sweeper.

    ``references`` are ids, JSON-able. ``language`` counts only for a recipient without a stored one.
    """
    now = clock.now()
    row = Outbox.objects.create(
        kind=kind,
        lane=get_kind(kind).lane,
        recipient=recipient,
        language=language or (get_language() or "ar")[:2],
        references=references,
        created_at=now,
        next_at=now,
    )
    transaction.on_commit(lambda: announce(row))
    return row


def announce(row: Outbox) -> None:
    """Tell Celery that a row is waiting. A broker that is away costs a page little and loses nothing."""
    # Cache and broker are one server: a page that has waited for the one does not wait for the other.
    if broker.is_open or getattr(cache, "is_away", False):
        return
    from mumaris.mail.tasks import deliver

    try:
        deliver.apply_async([str(row.pk)], retry=False)
    except Exception as error:  # noqa: BLE001  (kombu raises what its transports raise; the sweeper takes the row)
        broker.trip()
        logger.warning("broker out of reach: %s", type(error).__name__)
