"""How many update requests are open, and how old they are: told to Prometheus at each scrape of the sweeper."""

from collections.abc import Iterable

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily

from mumaris.metrics import add_database_gauges, make_gauge
from profiles.models import UpdateRequest


def measure_requests() -> Iterable[GaugeMetricFamily]:
    """Read the open ones by the index of the review queue; decided ones are counted as events when it happens."""
    rows = UpdateRequest.objects.open().order_by().values_list("state").annotate(Count("id"), Min("submitted_at"))
    counts, ages = dict.fromkeys(map(str, UpdateRequest.OPEN), 0), {"submitted": 0.0, "returned": 0.0}
    for state, count, oldest in rows:
        counts[state] = count
        if state in ages:
            ages[state] = (timezone.now() - oldest).total_seconds()
    yield make_gauge("mumaris_update_requests", "Open update requests", "state", counts)
    yield make_gauge("mumaris_update_request_oldest_seconds", "Since the oldest was sent by its member", "state", ages)


add_database_gauges(measure_requests)
