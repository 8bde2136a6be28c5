from celery import shared_task

from mumaris.operations.days import keep_days


@shared_task(name="mumaris.operations.tasks.keep_days")
def keep_daily_figures() -> int:
    """Keep what each day came to, and today so far."""
    return keep_days()
