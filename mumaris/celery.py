"""Celery carries ids of outbox rows, and the purges. Its settings are the CELERY_* names in settings.py."""

import os

from celery import Celery
from celery.signals import beat_init, worker_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mumaris.settings")

app = Celery("mumaris")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
@beat_init.connect
def check_start(**kwargs):
    from mumaris.checks import stop_unsafe_start

    stop_unsafe_start()


@worker_ready.connect
def serve(**kwargs):
    from mumaris.metrics_server import serve_metrics

    serve_metrics()
