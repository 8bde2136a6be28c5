"""Every limit of the portal: the table, the counting, and when the next try is allowed.

Counters that protect accounts are single rows in the database, counted before the work they guard.
Counters of network addresses lie in the cache: when it is away each process counts for itself,
half as much.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, Value, When
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Throttle
from mumaris.keys import digest

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(hours=24)


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


# Security page, section 7. NIST SP 800-63B-4 3.2.2 asks for at most 100 failures in a row.
SIGN_IN_HERE = Limit(
    kind="sign-in",
    waits=((5, MINUTE), (6, 2 * MINUTE), (7, 4 * MINUTE), (8, 8 * MINUTE), (9, 15 * MINUTE)),
    quiet_below=5,
    window=15 * MINUTE,
)
SIGN_IN_ANYWHERE = Limit(kind="sign-in-all", waits=((50, HOUR),), quiet_below=50, window=DAY)
# One mail a minute, five an hour, then one an hour without end: no stranger can starve the owner.
MAILBOX = Limit(kind="mailbox", waits=((1, MINUTE), (5, HOUR)), quiet_below=5, window=HOUR)
VISITOR_SENDS = Limit(kind="visitor-sends", waits=((1, MINUTE), (5, HOUR)), quiet_below=5, window=HOUR)
CODE_TRIES_OF_MAILBOX = Limit(kind="code-tries", waits=((50, HOUR),), quiet_below=50, window=DAY)

# Network addresses: (how often, in how many seconds).
IP_LIMITS = {
    "sign-in": (30, 60),
    "any": (300, 60),
    "sign-up": (100, 3600),
    "forgot": (20, 3600),
    "code": (100, 24 * 3600),
    "captcha_tick": (30, 3600),
}


class LimitReached(Exception):
    """The limit holds until ``until`` (aware datetime)."""

    def __init__(self, until: datetime):
        super().__init__(until)
        self.until = until


def count(limit: Limit, *key: object) -> None:
    """Count one use, in one statement that commits alone. Raises LimitReached when it is not allowed yet."""
    now, hashed = timezone.now(), digest(limit.kind, *key)
    row = Throttle.objects.filter(kind=limit.kind, key=hashed)
    if row.filter(next_at__lte=now).update(**_counted(limit, now)):
        return
    until = row.values_list("next_at", flat=True).first()
    if until is not None:
        raise LimitReached(until)
    try:
        with transaction.atomic():
            row.create(kind=limit.kind, key=hashed, count=1, first_at=now, next_at=now + _wait(limit, 1))
    except IntegrityError:
        # Another request made the row a moment ago.
        count(limit, *key)


def allows(limit: Limit, *key: object) -> bool:
    """Count one use and tell whether it is allowed."""
    try:
        count(limit, *key)
    except LimitReached:
        return False
    return True


def forget(*counted: tuple) -> None:
    """Start again from nothing, each given as (limit, *key): a success has answered the doubt.

    The rows stay, so that the next try finds them: one statement instead of three.
    """
    now = timezone.now()
    rows = [Q(kind=limit.kind, key=digest(limit.kind, *key)) for limit, *key in counted]
    Throttle.objects.filter(reduce(or_, rows)).update(count=0, first_at=now, next_at=now)


def used(limit: Limit, *key: object) -> tuple[int, timedelta]:
    """Return how many uses are counted now, and the wait before the next."""
    now = timezone.now()
    row = Throttle.objects.filter(kind=limit.kind, key=digest(limit.kind, *key)).first()
    if row is None or row.first_at <= now - (limit.window if row.count < limit.quiet_below else limit.memory):
        return 0, timedelta(0)
    return row.count, max(row.next_at - now, timedelta(0))


def _counted(limit: Limit, now: datetime) -> dict:
    forgotten = Q(count__lt=limit.quiet_below, first_at__lte=now - limit.window) | Q(first_at__lte=now - limit.memory)
    # SQL reads the old row on every right-hand side: the wait after count n + 1 is chosen by n.
    longer_waits = [When(count__gte=start - 1, then=Value(now + wait)) for start, wait in reversed(limit.waits)]
    return {
        "count": Case(When(forgotten, then=Value(1)), default=F("count") + 1),
        "first_at": Case(When(forgotten, then=Value(now)), default=F("first_at")),
        "next_at": Case(When(forgotten, then=Value(now + _wait(limit, 1))), *longer_waits, default=Value(now)),
    }


def _wait(limit: Limit, count: int) -> timedelta:
    return max((wait for start, wait in limit.waits if count >= start), default=timedelta(0))


# --- Network addresses ------------------------------------------------------------------------


def client_ip(request: HttpRequest) -> str:
    """Return the client's address, from the configured number of proxies only."""
    return get_adapter(request).get_client_ip(request)


def client_network(request: HttpRequest) -> str:
    """Return the /24 or /64 of the client: who rotates through one network is one source."""
    address = ipaddress.ip_address(client_ip(request))
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
        return cache.incr(key) <= allowed
    except ValueError:
        # The window ended between the two calls.
        return cache.add(key, 1, seconds) or True


def ip_window_end(action: str) -> datetime:
    """Return when the window of an address limit has certainly ended."""
    return timezone.now() + timedelta(seconds=IP_LIMITS[action][1])


def give_back_ip(action: str, request: HttpRequest) -> None:
    """A success gives its try back: a hospital shares one address."""
    try:
        cache.incr(_ip_key(action, request), -1)
    except ValueError:
        pass


def recently_failed(request: HttpRequest) -> bool:
    """Tell whether this network address has failed to sign in within the last minute."""
    return bool(cache.get(_ip_key("sign-in", request)))


def _ip_key(action: str, request: HttpRequest) -> str:
    # A single IPv4 address, or the /64 that an IPv6 subscriber may rotate through.
    address = client_ip(request)
    return f"ip:{action}:{digest('ip', address if ':' not in address else client_network(request))}"
