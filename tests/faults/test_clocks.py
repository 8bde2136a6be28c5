"""Clocks five minutes apart (libfaketime): mail leaves at once, once, and a code has its ten minutes."""

import shutil
import subprocess
import time

import pytest

from tests.faults.mail_server import wait_until
from tests.faults.people import new_address
from tests.servers import ROOT

AHEAD, BEHIND = "+5m", "-5m"
# (web, worker, sweeper): None is the clock of the database.
APART = [(AHEAD, None, BEHIND), (BEHIND, AHEAD, None), (None, BEHIND, AHEAD)]


def clock(offset: str | None) -> dict[str, str]:
    """Return the environment of a process whose clock is wrong. Waits and time-outs keep the real pace."""
    if offset is None:
        return {}
    program = shutil.which("faketime")
    assert program, "faketime is not installed (apt-get install faketime)"
    ask = [program, "-m", "-f", offset, "printenv", "LD_PRELOAD"]
    library = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    return {
        "LD_PRELOAD": library, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": str(ROOT / "tests" / "faults" / "clock"),
    }  # fmt: skip


@pytest.mark.parametrize("clocks", APART, ids=["web-ahead", "worker-ahead", "sweeper-ahead"])
def test_clocks_are_five_minutes_apart(fault, clocks):
    stack = fault.stack
    for name, offset in zip(("web", "worker", "sweeper"), clocks, strict=True):
        stack.restart(name, settings=clock(offset))
    wait_until(lambda: "ready." in stack.log("worker")[-300:], 60)
    try:
        # All have started, and know the time.
        fault.rows.queue_notices(1)
        fault.rows.settle()
        people = {new_address("clock"): fault.person() for _ in range(3)}
        for address, person in people.items():
            assert person.register(address) == 302
        # Both ways out, each with its own idea of now.
        fault.rows.queue_notices(50)
        for address in people:
            assert time.time() - fault.smtp.wait_for(address).at < 30
        fault.audit()
        fault.note_waits("clocks five minutes apart")
        for address, person in people.items():
            assert_clock_began(fault, address)
            assert "Otaibi" in person.type_code(fault.smtp.code_for(address))
        fault.note_answers()
    finally:
        for name in ("web", "worker", "sweeper"):
            stack.restart(name)


def assert_clock_began(fault, address: str):
    """The code's time began when the mail server took it; most of it passes, and the code is still good."""
    # Database, mail server and this test are on one machine with one true clock.
    assert abs(fault.rows.accepted_at(address) - fault.smtp.to(address)[-1].at) < 60
    fault.rows.age_code(address)
