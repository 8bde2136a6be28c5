"""How much mail waits, and for how long: asked by health checks and metrics, by one look at the waiting rows."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db.models import Case, Count, Min, Q, When
from prometheus_client.core import GaugeMetricFamily

from mumaris import clock
from mumaris.mail.delivery import POLICY
from mumaris.mail.models import Lane, Outbox
from mumaris.metrics import make_gauge

# Seconds: 99.9 % of all mail leaves within 60.
MAIL_LATE = 120


# What no mailbox has put off should leave at once, however often a server that is away is asked.
SHOULD_LEAVE = Case(When(Q(attempts=0) | Q(error__startswith=POLICY), then="created_at"), default="next_at")


class Backlog(NamedTuple):
    """What waits in one lane. ``oldest`` and ``overdue`` are seconds, 0 when nothing does.

    ``overdue`` counts from the moment a mail should leave: one mailbox that asks us to come back later is not late.
    """

    waiting: int = 0
    oldest: float = 0
    overdue: float = 0


def measure_backlog() -> dict[Lane, Backlog]:
    """Return lane → what waits in it."""
    # By lanes: without GROUP BY the planner looks for the oldest row through all those that were sent.
    measured = Outbox.objects.waiting().order_by().values_list("lane")
    rows = measured.annotate(count=Count("pk"), oldest=Min("created_at"), due=Min(SHOULD_LEAVE))
    now = clock.now()
    found = {lane: Backlog(count, _since(oldest, now), _since(due, now)) for lane, count, oldest, due in rows}
    return {lane: found.get(lane, Backlog()) for lane in Lane}


def _since(then: datetime, now: datetime) -> float:
    return max(0.0, (now - then).total_seconds())


def tell_backlog() -> Iterable[GaugeMetricFamily]:
    backlog = {lane.name.lower(): figures for lane, figures in measure_backlog().items()}
    for name, meaning in {
        "waiting": "Mails that wait",
        "oldest_seconds": "Age of the oldest mail that waits",
        "overdue_seconds": "Since the first of the waiting mails should have left",
    }.items():
        figures = {lane: getattr(found, name.removesuffix("_seconds")) for lane, found in backlog.items()}
        yield make_gauge(f"mumaris_mail_{name}", meaning, "lane", figures)
