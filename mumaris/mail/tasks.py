import logging

from celery import shared_task

logger = logging.getLogger(__name__)


@shared_task(name="mumaris.mail.deliver")
def deliver(row_id: str) -> None:
    """Deliver one outbox row now: the fast way. Whatever fails here stays with the sweeper."""
    from mumaris.mail.delivery import ServerAway, deliver_rows

    try:
        deliver_rows(ids=[row_id])
    except ServerAway as away:
        logger.warning("mail server away: %s", away)
