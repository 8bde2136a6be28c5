"""Celery carries ids of outbox rows, and what beat starts. Its settings are the CELERY_* names in settings.py."""

import gc
import os
from datetime import timedelta
from functools import cached_property
from logging import captureWarnings
from logging.config import dictConfig

import billiard.pool
from billiard.process import current_process
from celery import Celery, signals
from kombu.transport.redis import Channel

from mumaris.logs import work
from mumaris.metrics_folder import open_folder, take_place

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mumaris.settings")
# What a worker holds when its broker goes away is in the outbox or comes again by beat. Handing it back through the
# connection that has just been lost ends the worker in kombu 5.7 (AttributeError: … has no attribute 'hostname').
Channel.do_restore = False
# Tenths of a second. A child that ends waits until its parent has counted every result; one that ends while tasks come
# in counts too few (celery 5.7) and would wait half a minute. No task of ours has a result.
billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 10


class QuietCelery(Celery):
    """Prints no banner: what stands in the logs is one line of JSON a record."""

    @cached_property
    def Worker(self):  # noqa: N802  (Celery's name)
        # A worker alone asks for this class, before it loads what counts.
        open_folder()
        return super().Worker

    @cached_property
    def Beat(self):  # noqa: N802  (Celery's name)
        beat = self.subclass_with_self("celery.apps.beat:Beat")
        return lambda **options: beat(**options | {"quiet": True})


app = QuietCelery("mumaris")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "purge": {"task": "accounts.tasks.purge", "schedule": timedelta(hours=1)},
    "seal": {"task": "accounts.tasks.seal", "schedule": timedelta(minutes=1)},
    "keep history": {"task": "accounts.tasks.keep_history", "schedule": timedelta(days=1)},
    "keep days": {"task": "mumaris.operations.tasks.keep_days", "schedule": timedelta(minutes=5)},
    "tend": {"task": "profiles.tasks.tend", "schedule": timedelta(minutes=10)},
    "beat": {"task": "mumaris.tasks.beat", "schedule": timedelta(seconds=30), "options": {"expires": 60}},
}


@signals.worker_init.connect
@signals.beat_init.connect
def check_start(**kwargs):
    from mumaris.checks import stop_unsafe_start

    stop_unsafe_start()


@signals.worker_init.connect
def share_memory(**kwargs):
    """Load before the fork what every mail needs, and keep the collector's marks from copying it."""
    from django.conf import settings
    from django.template.loader import get_template
    from django.urls import get_resolver
    from django.utils import translation

    _ = get_resolver().url_patterns
    for name in ("mail/letter.txt", "mail/letter.html"):
        get_template(name)
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            translation.gettext("")
    gc.collect()
    gc.freeze()


@signals.worker_process_init.connect
def count_in_place(**kwargs):
    take_place(current_process().index)


@signals.worker_ready.connect
def serve(**kwargs):
    from mumaris.metrics_server import serve_metrics

    serve_metrics()


# --- Logs ---------------------------------------------------------------------------------------


@signals.celeryd_init.connect
def print_no_banner(instance, **kwargs):
    instance.quiet = True


@signals.celeryd_init.connect
@signals.setup_logging.connect
def keep_logging(**kwargs):
    """Log as the web processes do; with a receiver of the second Celery leaves logging alone."""
    from django.conf import settings

    dictConfig(settings.LOGGING)
    captureWarnings(True)


@signals.before_task_publish.connect
def hand_on_request(headers, **kwargs):
    headers["request_id"] = work.get().get("request_id", "")


@signals.task_prerun.connect
def begin_work(task, task_id, **kwargs):
    if not task.request.is_eager:
        work.set({"request_id": task.request.get("request_id") or task_id, "task": task.name, "task_id": task_id})


@signals.task_postrun.connect
def end_work(task, **kwargs):
    if not task.request.is_eager:
        work.set({})
