from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from profiles.demo import APP_KEY, PASSWORD, AlreadyThere, make_demo, present_code


class Command(BaseCommand):
    help = "Fill a local run (DEBUG=1) with members, requests in every state and staff."

    def add_arguments(self, parser):
        parser.add_argument("--code", action="store_true", help="print the code that its staff enter now, and no more")

    def handle(self, *args, **options):
        if not settings.DEBUG:
            raise CommandError("The demo makes accounts with a known password: only a local run (DEBUG=1) may.")
        if options["code"]:
            self.stdout.write(present_code())
            return
        try:
            people = make_demo()
        except AlreadyThere:
            raise CommandError("The demo is there already. Delete var/mumaris.sqlite3 to make it anew.") from None
        self.stdout.write(f"Sign in at {settings.BASE_URL}/ar/accounts/login/ with the password {PASSWORD}:")
        for who, email in [*people, ("claim waiting", "claimant@demo.example")]:
            self.stdout.write(f"  {who:<16} {email}")
        self.stdout.write(f"Staff then enter a code: of an authenticator app with the key {APP_KEY},")
        self.stdout.write("or what `DEBUG=1 .venv/bin/python manage.py demo --code` prints. A code works once.")
        self.stdout.write(f"Staff work at {settings.BASE_URL}/{settings.ADMIN_URL}")
