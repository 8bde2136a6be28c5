"""A sender dies or has a twin: no mail is lost, and one is doubled only when it died right after the 250."""

import contextlib
import os
import signal
import time

import pytest

from tests.faults.mail_server import in_background, wait_until
from tests.faults.people import new_address
from tests.faults.rows import UNDER_WAY, Rows


@contextlib.contextmanager
def standing_still(stack, name: str):
    """Hold a process between two transactions: it does nothing, and has no lock that others wait for."""
    group = stack.processes[name].pid
    try:
        wait_until(lambda: stands_between_transactions(stack, group))
        yield
    finally:
        if name in stack.processes:
            os.killpg(group, signal.SIGCONT)


def stands_between_transactions(stack, group: int) -> bool:
    os.killpg(group, signal.SIGSTOP)
    # What the server was asked before is answered by then.
    time.sleep(0.2)
    if not Rows(stack).one(UNDER_WAY):
        return True
    os.killpg(group, signal.SIGCONT)
    return False


def register(fault, address: str):
    """A web process that has just missed Redis tells Celery nothing, and the sweeper stands still here."""
    fault.person().register(address)
    fault.rows.announce()


def kill_before_data(fault, address: str):
    fault.smtp.stall_at = "DATA"
    register(fault, address)
    wait_until(lambda: fault.smtp.met["DATA"])
    fault.stack.kill("worker")
    fault.smtp.behave()


# Senders that wait to write down what became of a mail; a claim that waits writes no state.
RECORDS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE "mail_outbox" SET "state"%'
"""


def kill_after_250(fault, address: str):
    """The worker has its 250 and waits for a lock to write it down."""
    lock = contextlib.ExitStack()
    fault.smtp.before_reply = lambda: lock.enter_context(fault.rows.lock("mail_outbox", "EXCLUSIVE"))
    with lock:
        register(fault, address)
        wait_until(lambda: fault.rows.one(RECORDS))
        fault.stack.kill("worker")
        fault.smtp.behave()


def kill_between_claim_and_connect(fault, address: str):
    """The worker has claimed the row and waits for the challenge to write the mail."""
    with standing_still(fault.stack, "worker"):
        register(fault, address)
        with fault.rows.lock("accounts_challenge", "ACCESS EXCLUSIVE"):
            os.killpg(fault.stack.processes["worker"].pid, signal.SIGCONT)
            wait_until(lambda: fault.rows.leased(address))
            fault.stack.kill("worker")


KILLS = [kill_before_data, kill_after_250, kill_between_claim_and_connect]


@pytest.fixture(scope="module")
def killed(stack):
    """All three deaths, one after the other, and the end of what the dead held."""
    from tests.faults.conftest import Fault

    # What waits would be claimed with the mail of the dying.
    Rows(stack).settle()
    deaths = {}
    for kill in KILLS:
        fault, address = Fault(stack, f"worker: {kill.__name__.replace('_', ' ')}"), new_address("killed")
        with standing_still(stack, "sweeper"):
            kill(fault, address)
        stack.start_process("worker")
        deaths[kill] = fault, address
    fault.rows.end_leases([address for _fault, address in deaths.values()])
    return deaths


@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: kill.__name__)
def test_worker_that_is_killed_loses_no_mail(killed, fault, kill):
    death, address = killed[kill]
    doubles = kill is kill_after_250
    wait_until(lambda: fault.rows.state(address) == "sent", 120)
    assert len(fault.smtp.to(address)) == 1 + doubles
    assert len({receipt.id for receipt in fault.smtp.to(address)}) == 1
    death.audit(doubles=doubles, cause="killed between SMTP's 250 and its commit" if doubles else "", of=address)


def test_two_sweepers_and_four_workers_share_rows(fault):
    stack = fault.stack
    extra = ["sweeper.2", "worker.2", "worker.3", "worker.4"]
    for name in extra:
        stack.start_process(name)
    try:
        for name in extra:
            wait_until(lambda name=name: name.startswith("sweeper") or "ready." in stack.log(name), 60)
        people = [in_background(fault.person().register, new_address()) for _ in range(12)]
        fault.rows.queue_notices(600)
        for thread in people:
            thread.join()
        fault.audit()
    finally:
        for name in extra:
            stack.stop_process(name)
