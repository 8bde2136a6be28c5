from django.core.management.base import BaseCommand, CommandError

from accounts.second_step import reseal_secrets


class Command(BaseCommand):
    help = "Seal the secrets of authenticator apps and recovery codes with the present DATA_KEY."

    def handle(self, *args, **options):
        sealed, lost = reseal_secrets()
        self.stdout.write(f"{sealed} secrets are sealed with the present DATA_KEY.")
        if lost:
            raise CommandError(f"{lost} secrets cannot be opened: put the DATA_KEY that made them into the fallbacks.")
