"""Serves what was counted to Prometheus, on a port of its own that no visitor reaches (METRICS_PORT)."""

import logging
import os
import threading
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.conf import settings
from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app
from prometheus_client.multiprocess import MultiProcessCollector

from mumaris.metrics import DatabaseGauges

logger = logging.getLogger(__name__)

# Seconds that one who asks may take.
TIMEOUT = 5
NOT_FOUND = "404 Not Found"


class MetricsServer(WSGIServer):
    # Every web process listens, and each tells of all: whichever is asked.
    allow_reuse_port = True


class QuietRequest(WSGIRequestHandler):
    timeout = TIMEOUT

    def log_message(self, *args):
        """Nothing: a scrape is no news."""


def serve_metrics(*, with_database: bool = False) -> None:
    """Answer scrapes in a thread from now on, when METRICS_PORT says where. What fails here never ends the process."""
    if not settings.METRICS_PORT:
        return
    if with_database:
        REGISTRY.register(DatabaseGauges())
    threading.Thread(target=_serve, name="metrics", daemon=True).start()


def _serve() -> None:
    try:
        make_server(settings.METRICS_HOST, settings.METRICS_PORT, _answer, MetricsServer, QuietRequest).serve_forever()
    except OSError as error:
        logger.error("metrics cannot be served on port %s: %s", settings.METRICS_PORT, error.strerror)


def _answer(environ, start_response):
    if environ["PATH_INFO"] != "/metrics":
        start_response(NOT_FOUND, [("Content-Type", "text/plain")])
        return [NOT_FOUND.encode()]
    return make_wsgi_app(_choose_registry())(environ, start_response)


def _choose_registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return registry
