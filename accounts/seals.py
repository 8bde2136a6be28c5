"""The seals of the history: rows that are finished are digested in order, each seal over the one before it.

Events are inserted unchained, so that no two of them wait for each other. A row's number is handed out before
its transaction commits: to seal 6 while 5 is still open would pass 5 over for ever. On PostgreSQL the sealer
therefore reads the newest number that it sees, then waits until every transaction has ended that held the
inserters' lock on the table at that moment. Whoever had a lower number held that lock (INSERT takes it before it
draws a number, and keeps it to its end); whoever comes later gets a higher one. Nobody is blocked; a transaction
that takes long only puts the seal off. Comparing xmin would not do: a number is drawn before the transaction has
an id. SQLite has one writer at a time.
"""

import hashlib
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db import connections, transaction
from django.db.models import Max, QuerySet

from accounts.models import AccountEvent, EventSeal

# Two sealers at once would seal the same rows twice.
LOCK = 0x7365616C
# Rows of one seal, and of one statement.
ROWS = 5_000
# How long open transactions are waited for (seconds): what is left is sealed a minute later.
PATIENCE = 5
# What a seal covers: neither network nor device, which are taken away earlier.
SEALED = ("id", "at", "kind", "outcome", "user_id", "actor_id", "subject", "fields")
WRITERS = """
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted AND relation = %s::regclass
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND pid IS DISTINCT FROM pg_backend_pid()
"""


def keeper() -> str:
    """Return the connection that may seal, shorten and drop."""
    return "keeper" if "keeper" in settings.DATABASES else "default"


def seal_events() -> int:
    """Seal the rows that are finished and return how many; safe to run twice at once."""
    using, sealed = keeper(), 0
    with transaction.atomic(using=using):
        if not lock_seals(using):
            return 0
        last = EventSeal.objects.using(using).order_by("id").last()
        until = find_finished(using)
        while rows := list(rows_of(after_id(last) + 1, until, using)[:ROWS]):
            last = append_seal(last, rows, using)
            sealed += len(rows)
    return sealed


def lock_seals(using: str) -> bool:
    """Hold PostgreSQL's lock for the seals to the end of the transaction; False when another process does."""
    if connections[using].vendor != "postgresql":
        return True
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return cursor.fetchone()[0]


def find_finished(using: str) -> int:
    """Return a number up to which no event can appear any more; 0 when the wait for it was too long."""
    newest = AccountEvent.objects.using(using).aggregate(newest=Max("id"))["newest"] or 0
    if connections[using].vendor != "postgresql":
        return newest
    end, open_then = time.monotonic() + PATIENCE, list_writers(using)
    while open_then & list_writers(using):
        if time.monotonic() > end:
            return 0
        time.sleep(0.05)
    return newest


def list_writers(using: str) -> set[str]:
    """Return the transactions of others that write events at this moment."""
    with connections[using].cursor() as cursor:
        cursor.execute(WRITERS, [AccountEvent._meta.db_table])
        return {name for (name,) in cursor.fetchall()}


def after_id(seal: EventSeal | None) -> int:
    return seal.last_id if seal else 0


def rows_of(first: int, last: int, using: str) -> QuerySet:
    events = AccountEvent.objects.using(using).filter(id__gte=first, id__lte=last)
    return events.order_by("id").values_list(*SEALED)


def append_seal(last: EventSeal | None, rows: list[tuple], using: str) -> EventSeal:
    """Write the seal of these rows; its range begins where the last one ends, so that nothing fits between."""
    seal = EventSeal(
        first_id=after_id(last) + 1,
        last_id=rows[-1][0],
        count=len(rows),
        newest_at=max(row[1] for row in rows),
        rows_digest=digest_rows(rows),
    )
    seal.digest = chain(last, seal)
    seal.save(using=using)
    return seal


def digest_rows(rows: list[tuple]) -> str:
    told = hashlib.sha256()
    for number, at, *rest in rows:
        line = json.dumps([number, say_instant(at), *rest], ensure_ascii=True, sort_keys=True)
        told.update(f"{line}\n".encode())
    return told.hexdigest()


def chain(last: EventSeal | None, seal: EventSeal) -> str:
    """Return the digest of a seal over the one before it; the head alone tells whether rows may be dropped."""
    head = [seal.first_id, seal.last_id, seal.count, say_instant(seal.newest_at), seal.rows_digest]
    return hashlib.sha256(json.dumps([last.digest if last else "", *head]).encode()).hexdigest()


def say_instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


# --- Checking -----------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Verdict:
    """What a check found: how far it came, the digest of the last good seal, and the first that fails."""

    seals: int = 0
    rows: int = 0
    dropped: int = 0
    head: str = ""
    broken: EventSeal | None = None
    fault: str = ""


def verify_events() -> Verdict:
    """Recompute every seal from its rows, oldest first; stop at the first that fails."""
    verdict, last = Verdict(), None
    for seal in EventSeal.objects.order_by("id").iterator():
        if fault := find_fault(last, seal):
            verdict.broken, verdict.fault = seal, fault
            return verdict
        verdict.seals += 1
        verdict.rows += 0 if seal.dropped_at else seal.count
        verdict.dropped += seal.count if seal.dropped_at else 0
        verdict.head, last = seal.digest, seal
    return verdict


def find_fault(last: EventSeal | None, seal: EventSeal) -> str:
    """Return what is wrong with a seal, or an empty string."""
    if seal.first_id != after_id(last) + 1 or seal.digest != chain(last, seal):
        return "the seal itself or the one before it was changed, added or removed"
    rows = list(rows_of(seal.first_id, seal.last_id, "default"))
    if seal.dropped_at:
        if seal.newest_at >= drop_before(seal.dropped_at):
            return "its events were dropped before their time"
        return "events stand where all were dropped" if rows else ""
    if len(rows) != seal.count:
        return f"{len(rows)} events instead of {seal.count}"
    return "" if digest_rows(rows) == seal.rows_digest else "an event was changed"


# --- How long -----------------------------------------------------------------------------------

MONTHS_KEPT = 24


def drop_before(now: datetime) -> datetime:
    """Return the start of the month that lies 24 months back: whole months are dropped, none too early."""
    months = now.astimezone(UTC).year * 12 + now.astimezone(UTC).month - 1 - MONTHS_KEPT
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
