"""The way out: claim rows under a lease, write them, talk to the mail server, record what came of it.

No transaction is open while SMTP talks. Two senders never hold the same row: the claim skips locked
rows and sets a lease, and the end is recorded only by the holder of that lease.
"""

import logging
import smtplib
import time
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import InterfaceError, OperationalError, connection, transaction

from mumaris import clock
from mumaris.mail.kinds import find_kind, get_kind, nothing
from mumaris.mail.models import Lane, Outbox
from mumaris.mail.render import render_message
from mumaris.mail.transport import deadline
from mumaris.metrics import MAIL_TIME, MAILS

logger = logging.getLogger(__name__)

# Rows of one claim and one conversation with the mail server. Few: a code that comes meanwhile waits for them.
BATCH = 10
# Of a sender that is killed nobody else takes the mail before its lease ends, and 60 s are promised.
LEASE = timedelta(seconds=55)
# Seconds for the whole conversation about one mail.
DEADLINE = 40
# Less than this is renewed before a mail is sent: what DEADLINE allows, and some.
LEASE_LEFT = timedelta(seconds=45)
# Seconds. What became of a mail is written within its lease, or never.
INSIST = 40
SERVICE_CLOSING = 421
# Replies that are about the mailbox (RFC 5321): every other 5xx is about this sender, its login or its connection.
OF_MAILBOX = {550, 551, 552, 553, 556}
# How many rows the server may refuse to this sender before the batch ends, when it has taken none.
REFUSALS = 3
# Waits after a temporary refusal of one recipient.
BACK_OFF = [timedelta(seconds=s) for s in (10, 30, 60, 120, 300, 600, 900)]
State = Outbox.State
POLICY = "policy"
DATABASE_AWAY = (OperationalError, InterfaceError)


class ServerAway(Exception):
    """The mail server is out of reach, or refuses everything: no fault of the row in hand."""


class RecipientRefused(Exception):
    """The mail server refuses this recipient; ``code`` is its SMTP reply (4xx: later, 5xx: never)."""

    def __init__(self, code: int, reason: bytes = b""):
        super().__init__(code)
        self.code = code
        # 5.1.x and 5.2.x are about the mailbox, 5.7.x is a policy against the sender, such as "relay access denied"
        # (RFC 3463): no word about the mailbox.
        about_mailbox = code in OF_MAILBOX or reason.startswith((b"5.1.", b"5.2."))
        self.is_final = code >= 500 and about_mailbox and not reason.startswith(b"5.7.")
        self.is_policy = code >= 500 and not self.is_final


def deliver_rows(*, limit: int = BATCH, probing: bool = False, before_each=nothing) -> int:
    """Deliver due rows, oldest codes first, and return how many the mail server accepted.

    ``probing`` goes by time alone, and also takes rows that the server refused to this sender, before their time, and
    frees them all once one is accepted. ``before_each`` is called before each row. Raises ServerAway when the server
    is out of reach or refuses everything: the rows not sent are free again at once.
    """
    rows = claim_rows(limit=limit, probing=probing)
    server = get_connection(settings.MAIL_TRANSPORT)
    try:
        accepted = deliver_all(rows, server, before_each)
    except ServerAway as away:
        release_rows(rows, error=str(away))
        raise
    except DATABASE_AWAY:
        # Else they would wait for the end of their lease.
        insist(lambda: release_rows(rows, error="database away"))
        raise
    finally:
        close_quietly(server)
    if probing and accepted:
        Outbox.objects.waiting().filter(error__startswith=POLICY).update(next_at=clock.now())
    return accepted


def deliver_all(rows: list[Outbox], server, before_each: Callable[[], None]) -> int:
    """Send leased rows and return how many were accepted. Raises ServerAway."""
    accepted = refusals = 0
    for row in rows:
        before_each()
        accepted += deliver_row(row, server)
        refusals += row.error.startswith(POLICY)
        if refusals >= REFUSALS and not accepted:
            break
    if refusals and not accepted:
        logger.error("the mail server refuses this sender")
        raise ServerAway(POLICY)
    return accepted


def claim_rows(*, limit: int = BATCH, probing: bool = False) -> list[Outbox]:
    """Lease up to ``limit`` due rows to this sender. Each knows all: what they need can be asked for at once."""
    # A probe asks whether the server takes any mail: a code that it alone refuses must not hold up all other lanes.
    order = ("next_at", "lane") if probing else ("lane", "next_at")
    with transaction.atomic():
        # Not before there is a connection, which tells the time: a process that has just been forked knows its own
        # clock alone, and would take what another holds.
        now = clock.now()
        held = {"lease": uuid.uuid4(), "leased_until": now + LEASE}
        due = Outbox.objects.due(now, or_after=POLICY if probing else None)
        claimed = list(due.select_for_update(skip_locked=True).order_by(*order)[:limit])
        if claimed:
            Outbox.objects.filter(pk__in=[row.pk for row in claimed]).update(**held)
    for row in claimed:
        vars(row).update(held, claim=claimed)
    return claimed


def deliver_row(row: Outbox, server) -> bool:
    """Send one leased row and record the end. Raises ServerAway."""
    # How an earlier try ended is no word on this one.
    row.error = ""
    if not hold_lease(row):
        return False
    try:
        message = render_message(row, get_kind(row.kind))
        if message is not None:
            return send_message(row, message, server)
    except (ServerAway, *DATABASE_AWAY):
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
    """See that the lease lasts until the row is sent; False when another sender has taken the row meanwhile."""
    if row.leased_until - clock.now() > LEASE_LEFT:
        return True
    held = Outbox.objects.waiting().filter(pk=row.pk, lease=row.lease)
    return bool(held.update(leased_until=clock.now() + LEASE))


def send_message(row: Outbox, message: EmailMessage, server) -> bool:
    """Hand one message to the mail server. Raises ServerAway."""
    try:
        hand_over(message, server)
    except ServerAway:
        # The next probe takes another row: this one may be what the server cannot bear.
        Outbox.objects.waiting().filter(pk=row.pk, lease=row.lease).update(next_at=clock.now())
        raise
    except RecipientRefused as refused:
        if refused.is_final:
            record_end(row, State.REFUSED, error=f"smtp {refused.code}")
        else:
            put_off(row, f"{POLICY if refused.is_policy else 'smtp'} {refused.code}")
        return False
    insist(lambda: record_end(row, State.SENT))
    return True


def insist(act: Callable[[], None]) -> None:
    """Do what must be written although the database is away for a moment. Raises its error after INSIST seconds."""
    end = time.monotonic() + INSIST
    while True:
        try:
            return act()
        except DATABASE_AWAY:
            if connection.in_atomic_block or time.monotonic() > end:
                raise
            connection.close()
            time.sleep(0.5)


def hand_over(message: EmailMessage, server) -> None:
    """Send, and sort what can go wrong into the recipient's fault and the server's. Raises either."""
    try:
        with deadline(server, DEADLINE):
            server.open()
            server.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        raise sort_refusal(server, *next(iter(error.recipients.values()))) from None
    except smtplib.SMTPDataError as error:
        # Some servers judge the recipient only after the body.
        raise sort_refusal(server, error.smtp_code, error.smtp_error) from None
    except (smtplib.SMTPException, OSError) as error:
        close_quietly(server)
        raise ServerAway(type(error).__name__) from None


def sort_refusal(server, code: int, reason: bytes) -> Exception:
    """Return what a reply to a recipient or to the body means; the connection is good for the next message."""
    if code == SERVICE_CLOSING:
        close_quietly(server)
        return ServerAway(f"smtp {code}")
    reset_quietly(server)
    return RecipientRefused(code, reason)


def record_end(row: Outbox, state: str, *, error: str = "") -> None:
    """Record the end of a row and tell its kind, in one transaction. The sealed message is wiped."""
    row.error = error
    conclude = find_conclusion(row, state)
    # One statement needs no transaction around it, and most mails are notices, which need no more.
    with transaction.atomic() if conclude else nullcontext():
        ended = (
            Outbox.objects.waiting()
            .filter(pk=row.pk, lease=row.lease)
            .update(
                state=state,
                error=error,
                attempts=row.attempts + 1,
                finished_at=clock.now(),
                sealed_message=None,
                leased_until=None,
            )
        )
        if ended and conclude:
            tell_kind(row, conclude)
    if ended:
        count_outcome(row, state)


def find_conclusion(row: Outbox, state: str) -> Callable[[], None] | None:
    """Return what the row's kind draws from this end, if it draws anything."""
    kind = find_kind(row.kind)
    if state == State.DROPPED:
        return None
    if state == State.SENT:
        return partial(kind.accepted, row) if kind.accepted is not nothing else None
    return partial(kind.failed, row, state) if kind.failed is not nothing else None


def tell_kind(row: Outbox, conclude: Callable[[], None]) -> None:
    """Let the kind draw its conclusion. One that cannot is logged: the mail has left, or never will."""
    try:
        with transaction.atomic():
            conclude()
    except DATABASE_AWAY:
        raise
    except Exception as error:  # noqa: BLE001  (what a poison row refers to may not be there)
        logger.error("the end of mail %s tells nobody: %s", row.pk, type(error).__name__)


def put_off(row: Outbox, error: str) -> None:
    """Try this row later; give it up when its kind's time is over."""
    row.error = error[:60]
    wait = BACK_OFF[min(row.attempts, len(BACK_OFF) - 1)]
    if clock.now() + wait > row.created_at + find_kind(row.kind).give_up_after:
        record_end(row, State.GIVEN_UP, error=error[:60])
        return
    Outbox.objects.waiting().filter(pk=row.pk, lease=row.lease).update(
        attempts=row.attempts + 1, error=error[:60], next_at=clock.now() + wait, leased_until=None, lease=None
    )
    count_outcome(row, "put_off")


def count_outcome(row: Outbox, outcome: str) -> None:
    lane = Lane(row.lane).name.lower()
    MAILS.labels(lane, row.kind, outcome).inc()
    if outcome == State.SENT:
        MAIL_TIME.labels(lane).observe((clock.now() - row.created_at).total_seconds())


def release_rows(rows: list[Outbox], *, error: str) -> None:
    """Free the rows that were claimed and not sent; those whose time is over are given up."""
    for row in rows:
        if clock.now() > row.created_at + find_kind(row.kind).give_up_after:
            record_end(row, State.GIVEN_UP, error=error)
    held = Outbox.objects.waiting().filter(pk__in=[row.pk for row in rows], lease__in={row.lease for row in rows})
    held.update(error=error[:60], leased_until=None, lease=None)


def close_quietly(server) -> None:
    try:
        server.close()
    except (smtplib.SMTPException, OSError):
        logger.debug("the mail server went away before the goodbye")


def reset_quietly(server) -> None:
    """Clear the refused envelope, so that the next message may use the same connection."""
    try:
        server.connection.rset()
    except (smtplib.SMTPException, OSError, AttributeError):
        close_quietly(server)
