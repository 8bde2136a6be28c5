"""A backup that was tried: the commands of docs/operations.md on PostgreSQL with its roles, files beside it."""

import contextlib
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest

from tests.journey import NEW_PASSWORD, PASSWORD, link_in
from tests.servers import HOST, ROOT, find_free_port
from tests.stack import Stack
from tests.test_leaks import NORA, Person, register

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("backup")]
WEB = ("web", "worker", "sweeper", "beat")
ADD_FILE = """
from django.core.files.storage import storages
from django.core.files.base import ContentFile
print(storages["files"].save("kept.bin", ContentFile(b"evidence")))
"""
QUEUE_MAIL = """
from django.db import transaction
from mumaris.mail.queue import queue_mail
from accounts.models import User
with transaction.atomic():
    queue_mail("password_changed", "{address}", user=User.objects.get(email="{address}").pk)
"""


def pg(stack: Stack, program: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    """Run a program of PostgreSQL as the owner, as «docker compose exec postgres» does."""
    command = [str(stack.postgres.program.parent / program), "--username", "postgres", *arguments]
    env = {"PGHOST": HOST, "PGPORT": str(stack.postgres.port), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, env=env, check=True, **options)


def ask(stack: Stack, sql: str, role: str = "postgres") -> list[tuple]:
    with (
        contextlib.closing(psycopg2.connect(stack.postgres.url_as(role))) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def stop(stack: Stack, *names: str):
    for name in names:
        stack.stop_process(name)


def start(stack: Stack, *names: str):
    for name in names:
        stack.start_process(name)
    stack.wait_until_healthy()


def back_up(stack: Stack, folder: Path) -> str:
    """Database first, then files: every row of the dump finds its file. Return when the dump began."""
    since = datetime.now(UTC).isoformat()
    with (folder / "mumaris.dump").open("wb") as out:
        pg(stack, "pg_dump", "--format", "custom", "postgres", stdout=out)
    with tarfile.open(folder / "files.tar", "w") as archive:
        archive.add(stack.folder / "files", "files")
    return since


def restore(stack: Stack, folder: Path):
    with (folder / "mumaris.dump").open("rb") as dump:
        pg(stack, "pg_restore", "--clean", "--if-exists", "--single-transaction", "--dbname", "postgres", stdin=dump)
    with tarfile.open(folder / "files.tar") as archive:
        archive.extractall(stack.folder, filter="data")


def count_notices(stack: Stack) -> int:
    """Return how many notices of a changed password have left: a sign-in of another test has mails of its own."""
    return sum("تغيير كلمة المرور" in str(mail["Subject"]) for mail in stack.mails())


@pytest.fixture(scope="module")
def restored(tmp_path_factory):
    """A portal that lived on after its backup, lost everything, and was restored; what was known before."""
    folder = tmp_path_factory.mktemp("backup")
    with Stack(port=find_free_port(), workers=1) as stack:
        nora = register(stack, {})
        Person(stack).submit("/ar/accounts/password/reset/", email=NORA)
        link = link_in(stack.wait_for_mail(NORA, "استعادة"))
        key = stack.manage("shell", "-v", "0", "-c", ADD_FILE).stdout.split()[-1]
        stop(stack, "worker", "sweeper", "beat")
        stack.manage("shell", "-v", "0", "-c", QUEUE_MAIL.format(address=NORA))
        since = back_up(stack, folder)
        start(stack, "sweeper")
        # After the backup: the waiting mail leaves, the link serves, the files are lost, then the database.
        stack.wait_for_mail(NORA, "تغيير كلمة المرور")
        visitor = Person(stack)
        visitor.submit(visitor.follow(link), password1=NEW_PASSWORD, password2=NEW_PASSWORD)
        living = stack.manage("after_restore", "--since", since, check=False)
        stop(stack, "web", "sweeper")
        (stack.folder / "files" / key).unlink()
        ask(stack, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        restore(stack, folder)
        sent = count_notices(stack)
        settled = stack.manage("after_restore", "--since", since)
        start(stack, *WEB)
        yield {
            "stack": stack,
            "nora": nora,
            "link": link,
            "key": key,
            "sent": sent,
            "living": living,
            "told": settled.stdout,
        }


def test_living_database_is_refused(restored):
    assert restored["living"].returncode != 0
    assert "holds events from after" in restored["living"].stderr


def test_restore_tells_what_it_ended(restored):
    counts = dict(line.split(": ") for line in restored["told"].splitlines())

    assert counts["mails withheld"] == "1"
    assert int(counts["codes and links ended"]) == 1
    assert int(counts["sessions ended"]) >= 1


def test_mail_that_had_left_leaves_no_second_time(restored):
    stack = restored["stack"]
    stack.manage("deliver_mail", "--once")

    assert count_notices(stack) == restored["sent"]
    assert ask(stack, "SELECT state, error FROM mail_outbox WHERE error <> ''") == [("given_up", "restored")]


def test_link_that_had_served_and_sessions_are_dead(restored):
    stack = restored["stack"]
    visitor = Person(stack)
    page = visitor.follow(restored["link"])

    assert page == restored["link"], "no form stands behind it"
    assert restored["nora"].ask("GET", "/ar/profile/")[0] == 302


def test_people_go_on_with_what_the_backup_knows(restored):
    assert Person(restored["stack"]).sign_in(NORA, PASSWORD) == "/ar/profile/"


def test_roles_keep_their_bounds_and_seals_hold(restored):
    stack = restored["stack"]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(stack, "DELETE FROM accounts_accountevent", "mumaris_app")
    assert stack.manage("verify_events").returncode == 0
    assert ask(stack, "SELECT count(*) FROM accounts_accountevent WHERE kind = 'restore.done'", "mumaris_app") == [(1,)]
    assert stack.manage("migrate", "--check").returncode == 0


def test_files_are_back(restored):
    assert (restored["stack"].folder / "files" / restored["key"]).read_bytes() == b"evidence"


def test_commands_are_those_of_the_handbook():
    told = (ROOT / "docs" / "operations.md").read_text()

    for command in ("pg_dump --username mumaris --format custom mumaris", "--clean --if-exists --single-transaction",
                    "manage.py after_restore --since"):  # fmt: skip
        assert command in told
