"""The time that all processes share: the database's, as this process last heard it.

Machines' clocks drift apart. A mail queued by a clock ahead would wait for the others, a lease would end
early, and a code would have less than its ten minutes: whatever one process writes and another compares
with its own time asks here.
"""

import time
from datetime import datetime, timedelta

from django.db.backends.signals import connection_created
from django.utils import timezone

# Less is the way to the server and back, not a wrong clock.
NOTICED = timedelta(seconds=1)
# How far the database's clock is ahead of this machine's.
_ahead = timedelta(0)


def now() -> datetime:
    return timezone.now() + _ahead


def hear(connection, **kwargs) -> None:
    """Compare the clocks. Each connection is opened anew every few minutes, and tells again."""
    global _ahead  # noqa: PLW0603  (one clock per process, as there is one of the machine)
    if connection.vendor != "postgresql":
        return
    with connection.connection.cursor() as cursor:
        asked = time.monotonic()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        here, there = time.time(), cursor.fetchone()[0]
    # An answer that came slowly tells too little.
    if time.monotonic() - asked < NOTICED.total_seconds() / 2:
        apart = timedelta(seconds=there - here)
        _ahead = apart if abs(apart) > NOTICED else timedelta(0)


def keep_time() -> None:
    connection_created.connect(hear, dispatch_uid="mumaris.clock")
