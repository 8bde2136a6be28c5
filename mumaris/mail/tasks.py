import logging

from celery import shared_task

from mumaris.breaker import Breaker

logger = logging.getLogger(__name__)

# A mail server that is away is the sweeper's to probe: processes that wait for it would hold the oldest codes.
mail_server = Breaker(60)


@shared_task(name="mumaris.mail.deliver")
def deliver(row_id: str) -> None:
    """Deliver what is most urgent: the fast way. ``row_id`` says that there is something, and is found in the log.

    A code goes first although ten thousand notices were announced before it. Whatever fails here stays with
    the sweeper.
    """
    from mumaris.mail.delivery import ServerAway, deliver_rows

    if mail_server.is_open:
        return
    try:
        deliver_rows()
    except ServerAway as away:
        mail_server.trip()
        logger.warning("mail server away: %s", away)
