"""The way out: claim rows under a lease, write them, talk to the mail server, record what came of it.

No transaction is open while SMTP talks. Two senders never hold the same row: the claim skips locked
rows and sets a lease, and the end is recorded only by the holder of that lease.
"""

import logging
import smtplib
import socket
import threading
import uuid
from contextlib import contextmanager, suppress
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.utils import timezone

from mumaris.mail.kinds import find_kind, get_kind, nothing
from mumaris.mail.models import Lane, Outbox
from mumaris.mail.render import render_message
from mumaris.metrics import MAIL_TIME, MAILS

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=90)
# Seconds. EMAIL_TIMEOUT holds for each step; a server that drips bytes must not outlast the lease.
DEADLINE = 60
SERVICE_CLOSING = 421
# Waits after a temporary refusal of one recipient.
BACK_OFF = [timedelta(seconds=s) for s in (10, 30, 60, 120, 300, 600, 900)]
State = Outbox.State


class ServerAway(Exception):
    """The mail server is out of reach, or refuses everything: no fault of the row in hand."""


class RecipientRefused(Exception):
    """The mail server refuses this recipient; ``code`` is its SMTP reply (4xx: later, 5xx: never)."""

    def __init__(self, code: int, reason: bytes = b""):
        super().__init__(code)
        self.code = code
        # 5.7.x is a policy against the sender, such as "relay access denied": no word about the mailbox (RFC 3463).
        self.is_final = code >= 500 and not reason.startswith(b"5.7.")


def deliver_rows(*, ids: list[str] | None = None, limit: int = 50, before_each=nothing) -> int:
    """Deliver due rows, oldest codes first, and return how many the mail server accepted.

    ``before_each`` is called before each row. Raises ServerAway when the server is out of reach: the rows not sent
    are free again at once.
    """
    rows = claim_rows(ids=ids, limit=limit)
    accepted = 0
    connection = get_connection(settings.MAIL_TRANSPORT)
    try:
        for row in rows:
            before_each()
            accepted += deliver_row(row, connection)
    except ServerAway as away:
        release_rows(rows, error=str(away))
        raise
    finally:
        close_quietly(connection)
    return accepted


def claim_rows(*, ids: list[str] | None = None, limit: int = 50) -> list[Outbox]:
    """Lease up to ``limit`` due rows to this sender."""
    now, lease = timezone.now(), uuid.uuid4()
    with transaction.atomic():
        due = Outbox.objects.due(now)
        if ids is not None:
            due = due.filter(pk__in=ids)
        claimed = list(
            due.select_for_update(skip_locked=True).order_by("lane", "next_at").values_list("pk", flat=True)[:limit]
        )
        Outbox.objects.filter(pk__in=claimed).update(lease=lease, leased_until=now + LEASE)
    return list(Outbox.objects.filter(lease=lease, pk__in=claimed).order_by("lane", "next_at"))


def deliver_row(row: Outbox, connection) -> bool:
    """Send one leased row and record the end. Raises ServerAway."""
    if not hold_lease(row):
        return False
    try:
        message = render_message(row, get_kind(row.kind))
        if message is not None:
            return send_message(row, message, connection)
    except ServerAway:
        raise
    except Exception as error:  # noqa: BLE001
        # A poison row must not stop the queue: it is tried again later, and given up in the end.
        # Only the class is logged: the message of an error may quote what was being written.
        logger.error("mail %s cannot be written: %s", row.pk, type(error).__name__)
        put_off(row, f"unwritable: {type(error).__name__}")
        return False
    record_end(row, State.DROPPED)
    return False


def hold_lease(row: Outbox) -> bool:
    """Renew the lease just before the row is sent; False when another sender has taken the row meanwhile."""
    held = Outbox.objects.waiting().filter(pk=row.pk, lease=row.lease)
    return bool(held.update(leased_until=timezone.now() + LEASE))


def send_message(row: Outbox, message: EmailMessage, connection) -> bool:
    """Hand one message to the mail server. Raises ServerAway."""
    try:
        hand_over(message, connection)
    except RecipientRefused as refused:
        if refused.is_final:
            record_end(row, State.REFUSED, error=f"smtp {refused.code}")
        else:
            put_off(row, f"smtp {refused.code}")
        return False
    record_end(row, State.SENT)
    return True


def hand_over(message: EmailMessage, connection) -> None:
    """Send, and sort what can go wrong into the recipient's fault and the server's. Raises either."""
    try:
        with deadline(connection):
            connection.open()
            connection.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        code, reason = next(iter(error.recipients.values()))
        if code == SERVICE_CLOSING:
            close_quietly(connection)
            raise ServerAway("smtp 421") from None
        reset_quietly(connection)
        raise RecipientRefused(code, reason) from None
    except smtplib.SMTPDataError as error:
        # Some servers judge the recipient only after the body.
        reset_quietly(connection)
        raise RecipientRefused(error.smtp_code, error.smtp_error) from None
    except (smtplib.SMTPException, OSError) as error:
        close_quietly(connection)
        raise ServerAway(type(error).__name__) from None


@contextmanager
def deadline(connection):
    """Cut the conversation with the mail server when it takes longer than DEADLINE."""
    timer = threading.Timer(DEADLINE, cut_off, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def cut_off(connection) -> None:
    smtp = getattr(connection, "connection", None)
    with suppress(OSError, AttributeError):
        smtp.sock.shutdown(socket.SHUT_RDWR)


def record_end(row: Outbox, state: str, *, error: str = "") -> None:
    """Record the end of a row and tell its kind, in one transaction. The sealed message is wiped."""
    with transaction.atomic():
        ended = (
            Outbox.objects.waiting()
            .filter(pk=row.pk, lease=row.lease)
            .update(
                state=state,
                error=error,
                attempts=row.attempts + 1,
                finished_at=timezone.now(),
                sealed_message=None,
                leased_until=None,
            )
        )
        if ended and state == State.SENT:
            find_kind(row.kind).accepted(row)
        elif ended and state in {State.REFUSED, State.GIVEN_UP}:
            find_kind(row.kind).failed(row, state)
    if ended:
        count_outcome(row, state)


def put_off(row: Outbox, error: str) -> None:
    """Try this row later; give it up when its kind's time is over."""
    wait = BACK_OFF[min(row.attempts, len(BACK_OFF) - 1)]
    if timezone.now() + wait > row.created_at + find_kind(row.kind).give_up_after:
        record_end(row, State.GIVEN_UP, error=error[:60])
        return
    Outbox.objects.waiting().filter(pk=row.pk, lease=row.lease).update(
        attempts=row.attempts + 1, error=error[:60], next_at=timezone.now() + wait, leased_until=None, lease=None
    )
    count_outcome(row, "put_off")


def count_outcome(row: Outbox, outcome: str) -> None:
    lane = Lane(row.lane).name.lower()
    MAILS.labels(lane, row.kind, outcome).inc()
    if outcome == State.SENT:
        MAIL_TIME.labels(lane).observe((timezone.now() - row.created_at).total_seconds())


def release_rows(rows: list[Outbox], *, error: str) -> None:
    """Free the rows that were claimed and not sent; those whose time is over are given up."""
    for row in rows:
        if timezone.now() > row.created_at + find_kind(row.kind).give_up_after:
            record_end(row, State.GIVEN_UP, error=error)
    held = Outbox.objects.waiting().filter(pk__in=[row.pk for row in rows], lease__in={row.lease for row in rows})
    held.update(error=error[:60], leased_until=None, lease=None)


def close_quietly(connection) -> None:
    try:
        connection.close()
    except (smtplib.SMTPException, OSError):
        logger.debug("the mail server went away before the goodbye")


def reset_quietly(connection) -> None:
    """Clear the refused envelope, so that the next message may use the same connection."""
    try:
        connection.connection.rset()
    except (smtplib.SMTPException, OSError, AttributeError):
        close_quietly(connection)
