"""Signs of life of the processes that answer nobody, in the database: a health check that asked Redis would miss
the sweeper, which works without it."""

import time
from collections.abc import Iterable

from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now
from prometheus_client.core import GaugeMetricFamily

from mumaris.metrics import make_gauge
from mumaris.models import Heartbeat

# Seconds: how often a process writes at most, and after how long without a beat it is named. One delivery of the
# sweeper takes up to 60 s; the worker's beat comes from beat by way of the broker, every 30 s.
PAUSE = 5
SILENT_AFTER = {"sweeper": 90, "worker": 120}

_last: dict[str, float] = {}


def beat(name: str) -> None:
    """Write that the process of this name gets on; does nothing within ``PAUSE`` seconds of the last time."""
    if time.monotonic() - _last.get(name, float("-inf")) < PAUSE:
        return
    row = Heartbeat(name=name, at=Now())
    Heartbeat.objects.bulk_create([row], update_conflicts=True, unique_fields=["name"], update_fields=["at"])
    _last[name] = time.monotonic()


def list_ages() -> dict[str, float]:
    """Return name → seconds since the last beat, by one clock: those of two machines may differ by minutes."""
    age = ExpressionWrapper(Now() - F("at"), output_field=DurationField())
    return {name: passed.total_seconds() for name, passed in Heartbeat.objects.values_list("name", age)}


def list_silent() -> list[str]:
    """Return the names that were not heard of for too long, or never."""
    ages = list_ages()
    return [name for name, limit in SILENT_AFTER.items() if ages.get(name, float("inf")) > limit]


def tell_heartbeats() -> Iterable[GaugeMetricFamily]:
    yield make_gauge("mumaris_heartbeat_age_seconds", "Since a process last got on", "process", list_ages())
