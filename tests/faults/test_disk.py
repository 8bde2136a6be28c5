"""The disk of the database is full: no 5xx but 503, nothing half done, and all is well once there is room."""

import contextlib
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg2
import pytest

from tests import servers
from tests.faults.conftest import Fault
from tests.faults.mail_server import start_faulty_mail_server
from tests.faults.people import LOGIN, Load, Person, new_address
from tests.stack import Stack

MEGABYTES = 400


@pytest.fixture(scope="module")
def small_disk():
    """A tmpfs of its own: what is full is its, and no other disk of this machine."""
    folder = Path(tempfile.mkdtemp(prefix="mumaris-small-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=755", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
    folder.rmdir()


@pytest.fixture(scope="module")
def stack(small_disk):
    with Stack(
        port=servers.find_free_port(), start_sink=start_faulty_mail_server, database_folder=small_disk
    ) as running:
        yield running


def fill(folder: Path) -> Path:
    """Write until there is no room for one more page."""
    ballast = folder / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)
    return ballast


def test_disk_of_the_database_is_full(stack, small_disk):
    fault = Fault(stack, "disk of the database is full")
    member = fault.person().join(new_address())

    def visit(number: int):
        if number % 3 == 0:
            Person(stack, fault.tally).register(new_address())
        else:
            Person(stack, fault.tally).ask("GET", LOGIN)

    with Load(visit, rate=8):
        time.sleep(2)
        ballast = fill(small_disk)
        # More than any page that has room left can take.
        with pytest.raises(psycopg2.Error):
            fault.rows.queue_notices(20_000)
        time.sleep(8)
        ballast.unlink()
        began = time.monotonic()
        if stack.postgres.server.poll() is not None:
            # PostgreSQL ends itself when its log of changes cannot be written: whoever watches it starts it again.
            stack.postgres.start()
        normal = fault.seconds_until_normal(began)
        time.sleep(1)
    assert member.is_signed_in()
    assert stack.dead() == []
    fault.audit()
    fault.note_answers(normal=normal, allowed=None)
