from celery import shared_task

from profiles import attachments, claims, services


@shared_task(name="profiles.tasks.tend")
def tend() -> dict[str, int]:
    """Do what the clock asks for and return the counts; safe to run twice at once."""
    return {
        "claims tied": claims.tie_due_claims(),
        "requests reminded": services.remind_returned_requests(),
        "requests closed": services.close_returned_requests(),
        "files deleted": attachments.purge_files(),
    }
