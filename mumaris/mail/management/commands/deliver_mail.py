"""The sweeper: sends what Celery did not. It needs the database and the mail server, and no Redis."""

import logging
import signal
import threading
import time
from pathlib import Path

from django.core.management.base import BaseCommand
from django.db import connection

from mumaris.heartbeats import beat
from mumaris.mail.delivery import DATABASE_AWAY, ServerAway, deliver_rows
from mumaris.metrics_server import serve_metrics

logger = logging.getLogger(__name__)

POLL_SECONDS = 1
# While the mail server is away one probe with the mail that was tried the longest ago goes out this often.
PROBE_SECONDS = 5


class Command(BaseCommand):
    help = "Deliver waiting mail until stopped (or once, with --once)."
    probing = False

    def add_arguments(self, parser):
        parser.add_argument("--once", action="store_true", help="deliver what is due and stop")
        parser.add_argument("--alive", metavar="FILE", type=Path, help="touch it at each look, for a health check")

    def handle(self, *args, once: bool, alive: Path | None, **options):
        self.running = True
        if not once:
            serve_metrics(with_database=True)
            signal.signal(signal.SIGTERM, self.stop)
            signal.signal(signal.SIGINT, self.stop)
        while self.running:
            wait = self.probe() if self.probing else self.sweep()
            if alive:
                alive.touch()
            if once:
                return
            time.sleep(wait)

    def stop(self, *args):
        self.running = False

    def tell_alive(self):
        beat("sweeper")

    def sweep(self) -> float:
        """Deliver what is due and return the seconds to wait before the next look."""
        try:
            self.tell_alive()
            return 0 if deliver_rows(before_each=self.tell_alive) else POLL_SECONDS
        except ServerAway as away:
            self.probing = True
            logger.warning("mail server away: %s", away)
            return PROBE_SECONDS
        except DATABASE_AWAY as error:
            logger.warning("database away: %s", type(error).__name__)
            connection.close()
            return POLL_SECONDS

    def probe(self) -> float:
        """Try one mail and return the seconds to wait before the next look.

        In a thread of its own: while a server that has gone silent holds one probe, the next finds it back.
        """
        began = time.monotonic()
        thread = threading.Thread(target=self.try_one, daemon=True)
        thread.start()
        thread.join(PROBE_SECONDS)
        return max(0, began + PROBE_SECONDS - time.monotonic()) if self.probing else 0

    def try_one(self) -> None:
        try:
            self.tell_alive()
            if deliver_rows(limit=1, probing=True):
                self.probing = False
        except ServerAway as away:
            logger.warning("mail server away: %s", away)
        except DATABASE_AWAY as error:
            logger.warning("database away: %s", type(error).__name__)
        finally:
            connection.close()
