"""What the database holds, asked from outside the product, and locks that hold its processes at one place."""

import contextlib
from collections import Counter

import psycopg2

from tests.faults.mail_server import wait_until

# Actions that cause a mail and have no row for it.
WITHOUT_MAIL = """
    SELECT 'challenge ' || c.address FROM accounts_challenge c
    WHERE NOT EXISTS (SELECT FROM mail_outbox o WHERE o."references" @> jsonb_build_object('challenge', c.id))
    UNION SELECT 'registration ' || p.address FROM accounts_pendingregistration p
    WHERE NOT EXISTS (SELECT FROM mail_outbox o WHERE o.recipient = p.address AND o.kind = 'registration_code')
    UNION SELECT 'account ' || u.email FROM accounts_user u JOIN accounts_consent c ON c.user_id = u.id
    WHERE NOT EXISTS (SELECT FROM mail_outbox o WHERE o.recipient = u.email AND o.kind = 'welcome')
"""
NOTICES = """
    INSERT INTO mail_outbox (id, kind, lane, recipient, language, "references", state, attempts, error, created_at, next_at)
    SELECT gen_random_uuid(), 'password_changed', 1, 'notice' || n || '@example.com', 'ar',
           jsonb_build_object('user', %s), 'waiting', 0, '', now(), now()
    FROM generate_series(1, %s) n
"""  # noqa: E501

ANNOUNCE = """
from mumaris.mail.models import Outbox
from mumaris.mail.queue import announce
for row in Outbox.objects.waiting().iterator():
    announce(row)
"""


# Who holds a lock, or may take one before its transaction ends.
UNDER_WAY = """
    SELECT count(*) FROM pg_stat_activity
    WHERE xact_start IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
# A question that waits in libpq hears no time-out of a test: the server ends it.
PATIENCE = "-c lock_timeout=10s -c statement_timeout=60s"


class Rows:
    """SQL as the owner of the tables, each statement on a connection of its own."""

    def __init__(self, stack):
        self.stack = stack

    def connect(self):
        return contextlib.closing(psycopg2.connect(self.stack.postgres.url, connect_timeout=10, options=PATIENCE))

    def ask(self, statement: str, *parameters) -> list[tuple]:
        with self.connect() as connection, connection:
            cursor = connection.cursor()
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def one(self, statement: str, *parameters):
        return self.ask(statement, *parameters)[0][0]

    @contextlib.contextmanager
    def lock(self, table: str, mode: str):
        """Hold a lock on a table: who needs it waits in the middle of what it does. Raises after ten seconds."""
        with self.connect() as connection:
            connection.cursor().execute(f"LOCK TABLE {table} IN {mode} MODE")
            yield
            connection.rollback()

    def waiting(self) -> int:
        return self.one("SELECT count(*) FROM mail_outbox WHERE state = 'waiting'")

    def leased(self, address: str) -> bool:
        return bool(
            self.one(
                "SELECT count(*) FROM mail_outbox WHERE recipient = %s AND leased_until > now() AND state = 'waiting'",
                address,
            )
        )

    def state(self, address: str) -> str:
        """Return the state of the newest mail to an address."""
        return self.one("SELECT state FROM mail_outbox WHERE recipient = %s ORDER BY created_at DESC LIMIT 1", address)

    def accepted_at(self, address: str) -> float:
        """Return when a code's ten minutes began, as soon as they have (seconds since 1970)."""
        ask = "SELECT extract(epoch FROM accepted_at)::float8 FROM accounts_challenge WHERE address = %s"
        return wait_until(lambda: self.one(ask, address))

    def age_code(self, address: str):
        """Let 560 of a code's 600 seconds have passed since the mail server took it."""
        self.ask(
            "UPDATE accounts_challenge SET accepted_at = clock_timestamp() - interval '560 seconds'"
            " WHERE address = %s AND accepted_at IS NOT NULL",
            address,
        )

    def end_leases(self, addresses: list[str]):
        """Let the 55 seconds pass for which a sender holds the mails to these addresses."""
        self.ask(
            "UPDATE mail_outbox SET leased_until = now() WHERE recipient = ANY(%s) AND leased_until > now()",
            addresses,
        )

    def settle(self, seconds: float = 60):
        """Wait until no mail waits."""
        wait_until(lambda: not self.waiting(), seconds, what=f"{self.waiting()} mails wait")

    def queue_notices(self, count: int):
        self.ask(NOTICES, self.one("SELECT min(id) FROM accounts_user"), count)

    def announce(self):
        """Tell Celery of every mail that waits, as the act that queues one does."""
        self.stack.manage("shell", "-c", ANNOUNCE)

    def exceptions(self, kept: Counter) -> list[str]:
        """Return what contradicts «committed means mailed, mailed means committed», in words.

        ``kept`` counts the Message-IDs that the mail server has answered with 250.
        """
        states = dict(self.ask("SELECT id::text, state FROM mail_outbox"))
        found = [f"no mail: {row[0]}" for row in self.ask(WITHOUT_MAIL)]
        found += [f"recorded as sent: {pk}" for pk, state in states.items() if state == "sent" and not kept[pk]]
        found += [f"arrived, but recorded as {states.get(pk)}: {pk}" for pk in kept if states.get(pk) != "sent"]
        return found + [f"{state}: {pk}" for pk, state in states.items() if state in {"waiting", "given_up"}]
