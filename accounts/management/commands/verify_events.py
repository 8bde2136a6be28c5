"""Check that nobody has changed, added or removed an event since it was sealed."""

from django.core.management.base import BaseCommand, CommandError

from accounts.seals import verify_events


class Command(BaseCommand):
    help = "Recompute the seals of the history of accounts; exit code 1 and the first seal that fails when one does."

    def handle(self, *args, **options):
        verdict = verify_events()
        if verdict.broken:
            raise CommandError(f"seal {verdict.broken.pk} (events {verdict.broken}) fails: {verdict.fault}")
        self.stdout.write(
            f"{verdict.seals} seals hold: {verdict.rows} events, {verdict.dropped} dropped after their time."
        )
        # Kept elsewhere, it tells later whether the newest seals were cut off.
        self.stdout.write(f"Last digest: {verdict.head or '–'}")
