"""gunicorn -c python:mumaris.gunicorn mumaris.wsgi; what the command line says comes before this."""

import gc
import os

from mumaris.logs import describe_logging
from mumaris.metrics_folder import MEMORY, open_folder, take_place

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
worker_tmp_dir = MEMORY
# Before the application is loaded.
open_folder()


def when_ready(server):
    """Before the first fork: what is loaded is never looked at again by the collector, nor copied for its marks.

    A page makes thousands of objects that end with it. The collector stops all pages of the process while it looks for
    cycles: after every 700 new objects by default, and now and then through everything that was ever loaded.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def pre_fork(server, worker):
    """Give a process the first free place: what it counts is kept by it (mumaris/metrics.py)."""
    taken = {other.place for other in server.WORKERS.values()}
    worker.place = next(place for place in range(len(taken) + 1) if place not in taken)


def post_fork(server, worker):
    take_place(worker.place)


def post_worker_init(worker):
    from mumaris.metrics_server import serve_metrics

    serve_metrics()
