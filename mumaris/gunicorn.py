"""gunicorn -c python:mumaris.gunicorn mumaris.wsgi; what the command line says comes before this."""

import os
import shutil
import tempfile
from pathlib import Path

from mumaris.logs import describe_logging

worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# More than the hashing gate lets wait (accounts/hashing_gate.py), so that a flood never holds them all.
threads = 12
# One import for all workers: less memory, and a wrong setting ends the start instead of every worker in turn.
preload_app = True
timeout = 30
graceful_timeout = 20
# Who the visitor is and whether they came by https is settled by TRUSTED_PROXY_COUNT alone, in Django.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
# No access log: the path of a reset link is a secret. Requests are logged by name (mumaris/observation.py).
accesslog = None
# As all processes log; Django sets the same again.
logconfig_dict = describe_logging(debug=False)
# Nobody steers it over a socket, and the image has no home to put one in.
control_socket_disable = True
# The heartbeat file must not wait for a disk.
if Path("/dev/shm").is_dir():  # noqa: S108  (nothing is shared through it)
    worker_tmp_dir = "/dev/shm"  # noqa: S108
else:
    worker_tmp_dir = None

if os.environ.get("METRICS_PORT", "0") not in {"", "0"}:
    # What the web processes count, in memory and new at every start; read before the application is loaded.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="mumaris-metrics-", dir=worker_tmp_dir)


def pre_fork(server, worker):
    """Give a process the first free place: what it counts is kept by it (mumaris/metrics.py)."""
    taken = {other.place for other in server.WORKERS.values()}
    worker.place = next(place for place in range(len(taken) + 1) if place not in taken)


def post_fork(server, worker):
    os.environ["METRICS_PLACE"] = str(worker.place)


def post_worker_init(worker):
    from mumaris.metrics_server import serve_metrics

    serve_metrics()


def on_exit(server):
    shutil.rmtree(os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""), ignore_errors=True)
