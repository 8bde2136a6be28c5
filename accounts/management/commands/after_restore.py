"""Make a restored database safe to serve: nothing of it is sent, typed or signed in again."""

from datetime import datetime

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.restoring import NotRestored, settle_restored


class Command(BaseCommand):
    help = "Withhold the mails that wait, end codes, links and sessions. Run it after pg_restore, before any process."

    def add_arguments(self, parser):
        parser.add_argument("--since", required=True, help="when the backup was made, such as 2026-11-28T02:00:00Z")

    def handle(self, *args, since: str, **options):
        try:
            counts = settle_restored(since=read_moment(since))
        except NotRestored:
            raise CommandError(
                f"The database holds events from after {since}: either it was not restored, or that is not "
                "when the backup was made. Nothing was changed."
            ) from None
        for name, count in counts.items():
            self.stdout.write(f"{name}: {count}")


def read_moment(text: str) -> datetime:
    """Return a moment with its zone, in the past. Raises CommandError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text} is no time: write 2026-11-28T02:00:00Z") from None
    if moment.tzinfo is None:
        raise CommandError(f"{text} names no zone: write Z at its end for UTC")
    if moment > timezone.now():
        raise CommandError(f"{text} lies in the future")
    return moment
