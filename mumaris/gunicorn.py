"""gunicorn -c python:mumaris.gunicorn mumaris.wsgi; what the command line says comes before this."""

import os
from pathlib import Path

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
# No access log: the path of a reset link is a secret.
accesslog = None
# Nobody steers it over a socket, and the image has no home to put one in.
control_socket_disable = True
# The heartbeat file must not wait for a disk.
if Path("/dev/shm").is_dir():  # noqa: S108  (nothing is shared through it)
    worker_tmp_dir = "/dev/shm"  # noqa: S108
