from celery import shared_task

from mumaris import heartbeats


@shared_task(name="mumaris.tasks.beat")
def beat() -> None:
    """Show that beat sends, the broker carries and the worker works: any of them away, and this is not written."""
    heartbeats.beat("worker")
