"""One stack for the faults that leave no trace; each test ends with the same question about every mail so far."""

import re
from collections import Counter

import pytest

from tests import servers
from tests.faults.mail_server import start_faulty_mail_server, wait_until
from tests.faults.measures import measures
from tests.faults.people import Person, Tally, new_address
from tests.faults.rows import Rows
from tests.stack import Stack


@pytest.fixture(scope="session")
def stack():
    with Stack(port=servers.find_free_port(), start_sink=start_faulty_mail_server) as running:
        # The table has an account for notices, and the workers have their connections.
        Person(running, Tally()).join(new_address())
        yield running


@pytest.fixture
def fault(request, stack):
    """The fault of this test, and its end: the processes live, the mail server accepts again, nothing waits."""
    stack.sink.behave()
    started = Fault(stack, request.node.name.removeprefix("test_").replace("_", " "))
    yield started
    stack.sink.behave()
    for name in ("web", "worker", "sweeper", "beat"):
        if name not in stack.processes:
            stack.start_process(name)
    stack.wait_until_healthy()


class Fault:
    def __init__(self, stack, name: str):
        self.stack, self.name = stack, name
        self.smtp, self.rows, self.tally = stack.sink, Rows(stack), Tally()
        self.began = len(self.smtp.receipts)

    def person(self, **options) -> Person:
        return Person(self.stack, self.tally, **options)

    def audit(self, *, doubles: int = 0, cause: str = "", of: str = "", seconds: float = 120):
        """Wait until all mail has left; P1 over every mail since the stack began, P4 over those of this fault.

        ``doubles`` is how many mails may arrive twice for ``cause``; ``of`` looks at one address alone for them.
        """
        self.rows.settle(seconds)
        receipts = list(self.smtp.receipts)
        found = self.rows.exceptions(Counter(receipt.id for receipt in receipts))
        measures.exceptions[self.name] = len(found)
        assert not found, found[:10]
        codes: dict[str, list] = {}
        for receipt in receipts[self.began :] if not of else self.smtp.to(of):
            codes.setdefault(receipt.id, []).append(re.findall(r"^\d{6}$", receipt.text, re.MULTILINE))
        twice = {pk: texts for pk, texts in codes.items() if len(texts) > 1}
        count = sum(len(texts) - 1 for texts in twice.values())
        measures.doubles[self.name] = (count, cause)
        assert count <= doubles, twice
        assert all(text == texts[0] for texts in twice.values() for text in texts), "another code under the same id"

    def note_waits(self, label: str):
        """Keep how long each mail of this fault took, from its commit to the server's 250."""
        began = dict(self.rows.ask("SELECT id::text, extract(epoch FROM created_at)::float8 FROM mail_outbox"))
        first = {receipt.id: receipt.at for receipt in reversed(self.smtp.receipts[self.began :])}
        waits = [at - began[pk] for pk, at in first.items()]
        measures.waits.setdefault(label, []).extend(waits)
        assert max(waits) < 60 * measures.slowness()

    def note_answers(self, *, normal: float | None = None, allowed: int | None = 0):
        """P5: how many 5xx there were. ``allowed`` None: any number of 503 and nothing else."""
        polite, errors = self.tally.statuses[503], self.tally.server_errors
        measures.answers[self.name] = (errors, polite, self.tally.cut, normal)
        assert errors == polite, self.tally.errors
        assert allowed is None or errors <= allowed, self.tally.errors
        if normal is not None:
            assert normal < 10 * measures.slowness()

    def seconds_until_normal(self, since: float) -> float:
        """Return the seconds from ``since`` (monotonic) until somebody signs in without a hitch, in one go."""
        import time

        def works() -> bool:
            unnoted = Person(self.stack, Tally())
            try:
                return unnoted.sign_in(new_address("nobody")) == 200
            except (OSError, TypeError):
                return False

        wait_until(works, 60)
        return time.monotonic() - since


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.timeout(300))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Tell a failure at once: should the run be ended from outside, its summary never comes."""
    report = yield
    if report.failed:
        reporter = item.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line(f"\n{report.nodeid}, {report.when}:\n{report.longreprtext[-3000:]}")
    return report


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("What was promised, and what was measured")
    for line in measures.lines():
        terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """A fault that did not run is a promise that was not kept, in CI or not."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    idle = [kind for kind in ("skipped", "xfailed", "xpassed", "deselected") if reporter and reporter.stats.get(kind)]
    if idle and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line(f"Not every fault was tried: {idle}", red=True)
