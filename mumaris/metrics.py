"""What this process counts for Prometheus; served by mumaris/metrics_server.py, each app adds its own beside it.

No label holds an address, a user, a network or a path: only names that stand in the code.
"""

import os
from collections.abc import Callable, Iterable

from django.db import Error, connection
from prometheus_client import Counter, Histogram, values
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    # By the place of a process and not by its id (mumaris/metrics_folder.py).
    values.ValueClass = values.MultiProcessValue(lambda: os.environ.get("METRICS_PLACE", "main"))

RESPONSES = Counter("mumaris_responses", "Answers by status", ["status"])
RESPONSE_TIME = Histogram("mumaris_response_seconds", "Time to an answer by the name of the page", ["view"])
MAILS = Counter("mumaris_mails", "What came of mails", ["lane", "kind", "outcome"])
MAIL_TIME = Histogram(
    "mumaris_mail_delivery_seconds",
    "From the act that caused a mail to its acceptance by the mail server",
    ["lane"],
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200),
)


# --- Figures that lie in the database -----------------------------------------------------------

_sources: list[Callable[[], Iterable[GaugeMetricFamily]]] = []


def add_database_gauges(source: Callable[[], Iterable[GaugeMetricFamily]]) -> None:
    """Let ``source`` tell its gauges at each scrape of the sweeper, by one cheap look each."""
    _sources.append(source)


def make_gauge(name: str, meaning: str, label: str, figures: dict[str, float]) -> GaugeMetricFamily:
    """Return a gauge of one label: {its value: the figure}."""
    gauge = GaugeMetricFamily(name, meaning, labels=[label])
    for value, figure in figures.items():
        gauge.add_metric([value], figure)
    return gauge


class DatabaseGauges(Collector):
    """Asks the database when it is scraped; one process serves it, or every figure would be told many times."""

    def describe(self):
        return []  # else it is asked once when it is registered

    def collect(self):
        up = GaugeMetricFamily("mumaris_database_up", "Whether the database answers")
        try:
            found = [gauge for source in _sources for gauge in source()]
        except Error:
            found = []
        finally:
            connection.close()
        up.add_metric([], float(bool(found)))
        return [up, *found]
