"""Every limit of the portal: the table, the counting, and when the next try is allowed.

Counters that protect accounts are single rows in the database, counted before the work they guard.
Counters of network addresses lie in the cache: when it is away each process counts for itself,
half as much.
"""

import ipaddress
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache as cache_forever

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest

from accounts.metrics import LIMITS_REACHED
from accounts.models import Throttle
from accounts.models.limits import FREE
from mumaris import clock
from mumaris.keys import digest

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(hours=24)
MONTH = 30 * DAY


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One row of the table: after the n-th count the next is allowed ``waits[n]`` later.

    ``waits`` are (from this count on, wait), ascending. Fewer than ``quiet_below`` counts are
    forgotten ``window`` after the first of them; more are remembered for ``memory``.
    """

    kind: str
    waits: tuple[tuple[int, timedelta], ...]
    quiet_below: int
    window: timedelta
    memory: timedelta = DAY


SIGN_IN_HERE = Limit(
    kind="sign-in",
    waits=((5, MINUTE), (6, 2 * MINUTE), (7, 4 * MINUTE), (8, 8 * MINUTE), (9, 15 * MINUTE)),
    quiet_below=5,
    window=15 * MINUTE,
)
SIGN_IN_ANYWHERE = Limit(kind="sign-in-all", waits=((50, HOUR),), quiet_below=50, window=DAY)
# Codes and passkeys of one user, on a known device or in all networks but those: a right password does not set it
# back, as it does the two above.
SECOND_STEP = Limit(kind="second-step", waits=SIGN_IN_HERE.waits, quiet_below=5, window=15 * MINUTE)
# And slowly guessed ones: a right code alone sets it back.
SECOND_STEP_SLOW = Limit(kind="second-step-slow", waits=((20, DAY),), quiet_below=20, window=DAY)
# After a hundred in a row only known devices are tried, until a reset: the wait has no end that anybody waits for.
SIGN_IN_STREAK = Limit(
    kind="sign-in-streak", waits=((100, timedelta(days=3650)),), quiet_below=100, window=MONTH, memory=MONTH
)
# One mail a minute, five an hour, then one an hour without end: no stranger can starve the owner.
MAILBOX = Limit(kind="mailbox", waits=((1, MINUTE), (5, HOUR)), quiet_below=5, window=HOUR)
VISITOR_SENDS = Limit(kind="visitor-sends", waits=((1, MINUTE), (5, HOUR)), quiet_below=5, window=HOUR)
# Each sends a mail to somebody who did not ask for it.
ADDRESS_CHANGES = Limit(kind="address-changes", waits=((3, DAY),), quiet_below=3, window=DAY)
# Of one user: each warns the present address and mails another one.
EMAIL_CHANGES = Limit(kind="email-changes", waits=((3, DAY),), quiet_below=3, window=DAY)
# Of one user: each is mailed, and so is taking it back, which is always allowed.
ERASURES = Limit(kind="erasures", waits=((3, DAY),), quiet_below=3, window=DAY)
# Of one user: each is a file of everything that is held.
OWN_COPIES = Limit(kind="own-copies", waits=((10, DAY),), quiet_below=10, window=DAY)
# Of one user: that the second step is locked is mailed three times a day, however often it is.
LOCK_NOTICES = Limit(kind="lock-notices", waits=((3, DAY),), quiet_below=3, window=DAY)
# Of one user, of each kind: what the history tells every time, a mailbox is told ten times a day.
NOTICES = Limit(kind="notices", waits=((10, DAY),), quiet_below=10, window=DAY)
# Fifty a day stop new visitors, not one who has tries left.
CODE_TRIES_OF_MAILBOX = Limit(kind="code-tries", waits=((50, DAY),), quiet_below=50, window=DAY)
# Member data, per user.
CLAIMS = Limit(kind="claims", waits=((5, HOUR),), quiet_below=5, window=HOUR)
UPLOADS = Limit(kind="uploads", waits=((20, DAY),), quiet_below=20, window=DAY)
UPDATE_REQUESTS = Limit(kind="update-requests", waits=((5, DAY),), quiet_below=5, window=DAY)
# Of one member of staff: each takes data of many members out of the portal.
EXPORTS = Limit(kind="exports", waits=((10, HOUR),), quiet_below=10, window=HOUR)

# Network addresses: (how often, in how many seconds).
IP_LIMITS = {
    "sign-in": (30, 60),
    # No limit: remembers that somebody failed here, for the visual code after failures.
    "failed": (10**6, 3600),
    "any": (300, 60),
    "sign-up": (100, 3600),
    "forgot": (20, 3600),
    "code": (100, 24 * 3600),
    "captcha_tick": (30, 3600),
    "claim": (20, 3600),
}


class LimitReached(Exception):
    """The limit holds until ``until`` (aware datetime)."""

    def __init__(self, until: datetime):
        super().__init__(until)
        self.until = until


def count(limit: Limit, *key: object) -> None:
    """Count one use, in one statement. Raises LimitReached when it is not allowed yet."""
    now, hashed = clock.now(), digest(limit.kind, *key)
    times = {
        "now": now,
        "window": now - limit.window,
        "memory": now - limit.memory,
        "free": FREE,
        "first_next": _next(limit, 1, now),
        **{f"after_{start}": now + wait for start, wait in limit.waits},
    }
    adapted = {name: connection.ops.adapt_datetimefield_value(value) for name, value in times.items()}
    with connection.cursor() as cursor:
        cursor.execute(_counting_sql(limit), {"kind": limit.kind, "key": hashed} | adapted)
        counted = cursor.rowcount
    if not counted:
        LIMITS_REACHED.labels(limit.kind).inc()
        raise LimitReached(Throttle.objects.values_list("next_at", flat=True).get(kind=limit.kind, key=hashed))


def _write_counting_sql(limit: Limit) -> str:
    """Return the statement that makes or counts the row of a limit, unless its next use is not allowed yet.

    By hand, because the ORM has no INSERT … ON CONFLICT DO UPDATE … WHERE, and compiling its
    CASE expressions cost as much as a tenth of a hash (measured). Only constants are put in.
    """
    row = Throttle._meta.db_table
    forgotten = (
        f"(({row}.count < {int(limit.quiet_below)} AND {row}.first_at <= %(window)s) OR {row}.first_at <= %(memory)s)"
    )
    # On every right-hand side SQL reads the old row: the wait after count n + 1 is chosen by n.
    starts = [start for start, _wait in reversed(limit.waits)]
    waits = " ".join(f"WHEN {row}.count >= {start - 1} THEN %(after_{start})s" for start in starts)
    return (
        f"INSERT INTO {row} (kind, key, count, first_at, next_at) "  # noqa: S608
        "VALUES (%(kind)s, %(key)s, 1, %(now)s, %(first_next)s) "
        "ON CONFLICT (kind, key) DO UPDATE SET "
        f"count = CASE WHEN {forgotten} THEN 1 ELSE {row}.count + 1 END, "
        f"first_at = CASE WHEN {forgotten} THEN excluded.first_at ELSE {row}.first_at END, "
        f"next_at = CASE WHEN {forgotten} THEN excluded.next_at {waits} ELSE %(free)s END "
        f"WHERE {row}.next_at <= %(now)s"
    )


_counting_sql = cache_forever(_write_counting_sql)


def allows(limit: Limit, *key: object) -> bool:
    """Count one use and tell whether it is allowed."""
    try:
        count(limit, *key)
    except LimitReached:
        return False
    return True


def forget(*counted: tuple) -> None:
    """Start again from nothing, each given as (limit, *key): a success has answered the doubt.

    The rows stay, so that the next try finds them.
    """
    # One statement for all: no count of this portal holds one of these rows while it waits for another.
    keys = [digest(limit.kind, *key) for limit, *key in counted]
    kinds = [limit.kind for limit, *_key in counted]
    Throttle.objects.filter(kind__in=kinds, key__in=keys).update(count=0, first_at=clock.now(), next_at=FREE)


def used(limit: Limit, *key: object) -> tuple[int, timedelta]:
    """Return how many uses are counted now, and the wait before the next."""
    now = clock.now()
    row = Throttle.objects.filter(kind=limit.kind, key=digest(limit.kind, *key)).first()
    if row is None or row.first_at <= now - (limit.window if row.count < limit.quiet_below else limit.memory):
        return 0, timedelta(0)
    return row.count, max(row.next_at - now, timedelta(0))


def _next(limit: Limit, count: int, now: datetime) -> datetime:
    return max((now + wait for start, wait in limit.waits if count >= start), default=FREE)


# --- Network addresses ------------------------------------------------------------------------


def client_ip(request: HttpRequest) -> str:
    """Return the client's address, from the configured number of proxies only."""
    return get_adapter(request).get_client_ip(request)


def client_address(request: HttpRequest) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the client's address; an IPv4 one stays IPv4 behind a listener for both."""
    address = ipaddress.ip_address(client_ip(request))
    return getattr(address, "ipv4_mapped", None) or address


def client_network(request: HttpRequest) -> str:
    """Return the /24 or /64 of the client: who rotates through one network is one source."""
    address = client_address(request)
    prefix = 24 if address.version == 4 else 64
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))


def count_ip(action: str, request: HttpRequest) -> bool:
    """Count one use by this network address and tell whether it is allowed."""
    allowed, seconds = IP_LIMITS[action]
    if getattr(cache, "is_away", False):
        allowed //= 2
    key = _ip_key(action, request)
    if cache.add(key, 1, seconds):
        return True
    try:
        is_allowed = cache.incr(key) <= allowed
    except ValueError:
        # The window ended between the two calls.
        cache.add(key, 1, seconds)
        return True
    if not is_allowed:
        LIMITS_REACHED.labels(f"address-{action}").inc()
    return is_allowed


def ip_window_end(action: str) -> datetime:
    """Return when the present window of an address limit ends."""
    seconds = IP_LIMITS[action][1]
    return datetime.fromtimestamp((int(clock.now().timestamp()) // seconds + 1) * seconds, UTC)


def give_back_ip(action: str, request: HttpRequest) -> None:
    """A success gives its try back: a hospital shares one address."""
    with suppress(ValueError):
        cache.incr(_ip_key(action, request), -1)


def recently_failed(request: HttpRequest) -> bool:
    """Tell whether somebody at this network address has failed to sign in within this hour."""
    return bool(cache.get(_ip_key("failed", request)))


def _ip_key(action: str, request: HttpRequest) -> str:
    # A single IPv4 address, or the /64 that an IPv6 subscriber may rotate through.
    address = client_address(request)
    source = client_network(request) if address.version == 6 else address
    # The window is part of the name: a count that loses its expiry by a race is forgotten all the same.
    window = int(clock.now().timestamp()) // IP_LIMITS[action][1]
    return f"ip:{action}:{window}:{digest('ip', source)}"
