"""Give the roles of PostgreSQL what each may do: the site adds to the history, the keeper alone seals and drops."""

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from accounts.models import AccountEvent, EventSeal

EVENTS, SEALS = AccountEvent._meta.db_table, EventSeal._meta.db_table

STRENGTH = """
    SELECT rolsuper OR pg_has_role(rolname, (SELECT relowner FROM pg_class WHERE oid = %s::regclass), 'MEMBER')
    FROM pg_roles WHERE rolname = %s
"""


class Command(BaseCommand):
    help = (
        "Grant on PostgreSQL, as the owner of the tables, after every migrate. The roles are there already: "
        "CREATE ROLE mumaris_app LOGIN PASSWORD '…'; the same for the keeper."
    )

    def add_arguments(self, parser):
        parser.add_argument("--app", required=True, help="the role of DATABASE_URL")
        parser.add_argument("--keeper", required=True, help="the role of DATABASE_URL_KEEPER")

    def handle(self, *args, app: str, keeper: str, **options):
        if connection.vendor != "postgresql":
            raise CommandError("Only PostgreSQL knows roles.")
        for role in (app, keeper):
            refuse_strong(role)
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in list_grants(app, keeper):
                cursor.execute(statement)
        self.stdout.write(f"{app} may add events and read seals; {keeper} seals, shortens and drops.")


def refuse_strong(role: str) -> None:
    """Raise CommandError for a role that is missing, or that no grant could bind."""
    with connection.cursor() as cursor:
        cursor.execute(STRENGTH, [EVENTS, role])
        row = cursor.fetchone()
    if row is None:
        raise CommandError(f"There is no role {role}: CREATE ROLE it first.")
    if row[0]:
        raise CommandError(f"{role} is a superuser or owns the tables: nothing could be kept from it.")


def list_grants(app: str, keeper: str) -> list[str]:
    """Return the statements; running them again changes nothing."""
    quote = connection.ops.quote_name
    app, keeper, events, seals = map(quote, (app, keeper, EVENTS, SEALS))
    return [
        f"GRANT USAGE ON SCHEMA public TO {app}, {keeper}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {app}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {app}",
        f"REVOKE ALL ON {events}, {seals} FROM {app}, {keeper}",
        f"GRANT SELECT, INSERT ON {events} TO {app}",
        f"GRANT SELECT ON {seals} TO {app}",
        f"GRANT SELECT, INSERT, DELETE, UPDATE (network, device) ON {events} TO {keeper}",
        f"GRANT SELECT, INSERT, UPDATE (dropped_at) ON {seals} TO {keeper}",
        f"GRANT USAGE, SELECT ON SEQUENCE {quote(EVENTS + '_id_seq')}, {quote(SEALS + '_id_seq')} TO {keeper}",
    ]
