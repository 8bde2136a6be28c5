from celery import shared_task

from accounts.events import record_counts
from profiles import attachments, claims, record_views, services


@shared_task(name="profiles.tasks.tend")
def tend() -> dict[str, int]:
    """Do what the clock asks for and return the counts; safe to run twice at once."""
    counts = {
        "claims tied": claims.tie_due_claims(),
        "requests reminded": services.remind_returned_requests(),
        "requests closed": services.close_returned_requests(),
        "files deleted": attachments.purge_files(),
        "record views": record_views.purge_views(),
    }
    record_counts("profiles", counts)
    return counts
