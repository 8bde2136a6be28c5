"""Celery carries ids of outbox rows, and what beat starts. Its settings are the CELERY_* names in settings.py."""

import os
from datetime import timedelta

from celery import Celery
from celery.signals import beat_init, worker_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mumaris.settings")

app = Celery("mumaris")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "purge": {"task": "accounts.tasks.purge", "schedule": timedelta(hours=1)},
    "seal": {"task": "accounts.tasks.seal", "schedule": timedelta(minutes=1)},
    "keep history": {"task": "accounts.tasks.keep_history", "schedule": timedelta(days=1)},
    "tend": {"task": "profiles.tasks.tend", "schedule": timedelta(minutes=10)},
    "beat": {"task": "mumaris.tasks.beat", "schedule": timedelta(seconds=30), "options": {"expires": 60}},
}


@worker_init.connect
@beat_init.connect
def check_start(**kwargs):
    from mumaris.checks import stop_unsafe_start

    stop_unsafe_start()


@worker_ready.connect
def serve(**kwargs):
    from mumaris.metrics_server import serve_metrics

    serve_metrics()
