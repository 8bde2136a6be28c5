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
# An answer that comes later (seconds) tells little, and the database is asked again, so often in all.
QUICK, TRIES = 0.2, 5
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
        answers = []
        while not answers or (answers[-1][0] > QUICK and len(answers) < TRIES):
            answers.append(compare(cursor))
    # The quickest one. Of a machine so busy that none is quick a wrong clock is known all the same.
    spent, apart = min(answers)
    _ahead = timedelta(seconds=apart) if abs(apart) > NOTICED.total_seconds() + spent else timedelta(0)


def compare(cursor) -> tuple[float, float]:
    """Return how long the answer took, and how far the database's clock is ahead, in seconds."""
    asked = time.monotonic()
    cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
    here, there = time.time(), cursor.fetchone()[0]
    return time.monotonic() - asked, there - here


def keep_time() -> None:
    connection_created.connect(hear, dispatch_uid="mumaris.clock")
