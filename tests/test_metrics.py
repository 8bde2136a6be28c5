"""Story: an operator's Prometheus asks each process what it counts, and reads nothing of anybody."""

import contextlib
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable

import psycopg2
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from accounts.hashing_gate import TooBusy
from accounts.middleware import HashingGate
from mumaris.mail.backlog import measure_backlog
from mumaris.metrics import DatabaseGauges
from profiles.metrics import measure_requests
from tests.journey import PASSWORD
from tests.servers import find_free_port
from tests.stack import Stack
from tests.test_leaks import NORA, Person, register

pytestmark = pytest.mark.timeout(300)
WRONG = "Mistyped-Secret4"
SEED = """
from accounts.models import User
from tests.registry import make_registry_member
for name, state in (("a", "draft"), ("b", "submitted"), ("c", "submitted"), ("d", "approved")):
    user = User.objects.create_user(f"{name}@example.com", "Sunlit-Wadi7", first_name="A", last_name="B")
    member = make_registry_member(user)
    from django.utils import timezone
    from datetime import timedelta
    then = None if state == "draft" else timezone.now() - timedelta(hours=5 if name == "b" else 1)
    member.requests.create(requested_by=user, state=state, reference=f"UPD-{name}", submitted_at=then,
        decided_at=then if state == "approved" else None)
"""


@pytest.fixture(scope="module")
def stack():
    with Stack(port=find_free_port(), workers=2) as stack:
        stack.manage("shell", "-v", "0", "-c", SEED)
        yield stack


def scrape(stack: Stack, name: str) -> str:
    address = f"http://127.0.0.1:{stack.metrics_ports[name]}/metrics"
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read().decode()


def figure(text: str, name: str, **labels: str) -> float:
    """Return the sum of all samples of this name and these labels; 0 where none is there yet."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(
        sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items()
    )  # fmt: skip


def wait_for(ask: Callable[[], bool], seconds: float = 30):
    end = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)


def grown(stack: Stack, process: str, before: str, name: str, **labels: str) -> float:
    return figure(scrape(stack, process), name, **labels) - figure(before, name, **labels)


def test_sign_ins_are_counted_by_outcome(stack):
    before = scrape(stack, "web")
    person = Person(stack)
    person.sign_in("a@example.com", WRONG)
    assert person.sign_in("a@example.com", PASSWORD) == "/ar/profile/"
    assert grown(stack, "web", before, "mumaris_sign_ins_total", outcome="wrong_password") == 1
    assert grown(stack, "web", before, "mumaris_sign_ins_total", outcome="done") == 1
    assert grown(stack, "web", before, "mumaris_events_total", kind="sign_in.failed", outcome="refused") == 1


def test_limit_that_holds_is_named(stack):
    before = scrape(stack, "web")
    person = Person(stack)
    for _ in range(5):
        person.sign_in("nobody@example.com", WRONG)
    status, _page = person.ask("GET", "/ar/accounts/login/")
    assert status == 200
    with pytest.raises(AssertionError, match="429"):
        person.sign_in("nobody@example.com", WRONG)
    assert grown(stack, "web", before, "mumaris_limits_reached_total", limit="sign-in") == 1
    assert grown(stack, "web", before, "mumaris_sign_ins_total", outcome="limited") == 1
    assert grown(stack, "web", before, "mumaris_responses_total", status="429") == 1


def test_registration_is_counted_from_the_form_to_the_mail_and_the_code(stack):
    before = {name: scrape(stack, name) for name in ("web", "worker", "sweeper")}
    register(stack, {})
    assert grown(stack, "web", before["web"], "mumaris_events_total", kind="registration.done") == 1
    # A wrong one and the right one.
    assert grown(stack, "web", before["web"], "mumaris_codes_total", purpose="registration", step="typed") == 2
    assert grown(stack, "web", before["web"], "mumaris_codes_total", purpose="registration", step="used") == 1

    def sent(name: str, **labels: str) -> float:
        return sum(grown(stack, process, before[process], name, **labels) for process in ("worker", "sweeper"))

    wait_for(lambda: sent("mumaris_mails_total", lane="code", outcome="sent") == 1)
    assert sent("mumaris_mail_delivery_seconds_count", lane="code") == 1
    assert 0 < sent("mumaris_mail_delivery_seconds_sum", lane="code") < 60


def test_answers_are_timed_by_the_name_of_the_page(stack):
    before = scrape(stack, "web")
    person = Person(stack)
    person.ask("GET", "/ar/accounts/login/")
    person.ask("GET", "/ar/secret-that-was-typed/")
    person.ask("GET", "/static/css/none-secret.css")
    person.ask("GET", "/ar/accounts/password/reset/key/1-planted-secret/")
    assert grown(stack, "web", before, "mumaris_response_seconds_count", view="account_login") == 1
    assert grown(stack, "web", before, "mumaris_response_seconds_count", view="none") == 1
    assert grown(stack, "web", before, "mumaris_response_seconds_count", view="static") == 1
    assert grown(stack, "web", before, "mumaris_response_seconds_count", view="account_reset_password_from_key") == 1
    assert grown(stack, "web", before, "mumaris_responses_total", status="404") >= 2
    assert "secret" not in scrape(stack, "web")


def test_whichever_process_answers_tells_of_all(stack):
    """Two web processes count; one of them dies, and nothing that it counted is lost."""
    master = stack.processes["web"].pid
    children = subprocess.run(["pgrep", "-P", str(master)], capture_output=True, text=True, check=True).stdout.split()
    assert len(children) == 2
    for _ in range(10):
        Person(stack).ask("GET", "/ar/contact/")
    told = {figure(scrape(stack, "web"), "mumaris_response_seconds_count", view="contact") for _ in range(20)}
    assert len(told) == 1
    os.kill(int(children[0]), signal.SIGKILL)

    def renewed() -> bool:
        now = subprocess.run(["pgrep", "-P", str(master)], capture_output=True, text=True, check=True).stdout.split()
        return len(now) == 2 and children[0] not in now

    wait_for(renewed)
    Person(stack).ask("GET", "/ar/contact/")

    def tells_one_more() -> bool:
        try:
            found = figure(scrape(stack, "web"), "mumaris_response_seconds_count", view="contact")
        except OSError:
            return False
        assert found >= max(told)
        return found == max(told) + 1

    wait_for(tells_one_more)


def test_mail_that_waits_is_told_by_the_sweeper_alone(stack):
    with contextlib.closing(psycopg2.connect(stack.postgres.url)) as owner, owner, owner.cursor() as cursor:
        cursor.execute("""
            INSERT INTO mail_outbox (id, kind, lane, recipient, language, "references", state, attempts, error,
                created_at, next_at)
            SELECT gen_random_uuid(), 'library', 3, 'x@example.com', 'ar', '{}', 'waiting', 1, '',
                now() - interval '2 hours', now() + interval '1 hour' FROM generate_series(1, 3)""")
    told = scrape(stack, "sweeper")
    assert figure(told, "mumaris_mail_waiting", lane="other") == 3
    assert 7200 <= figure(told, "mumaris_mail_oldest_seconds", lane="other") < 7800
    assert figure(told, "mumaris_mail_overdue_seconds", lane="other") == 0
    assert figure(told, "mumaris_mail_waiting", lane="security") == 0
    for name in ("web", "worker"):
        assert "mumaris_mail_waiting" not in scrape(stack, name)


def test_open_requests_are_told_by_state_and_age(stack):
    told = scrape(stack, "sweeper")
    states = {state: figure(told, "mumaris_update_requests", state=state) for state in ("draft", "submitted")}
    assert states == {"draft": 1, "submitted": 2}
    assert figure(told, "mumaris_update_requests", state="returned") == 0
    assert 'state="approved"' not in told
    assert 18_000 <= figure(told, "mumaris_update_request_oldest_seconds", state="submitted") < 19_000


def test_heartbeats_are_real(stack):
    """Written by the sweeper itself, and by beat through the broker to the worker."""
    wait_for(lambda: 'process="worker"' in scrape(stack, "sweeper"), seconds=60)
    ages = {name: figure(scrape(stack, "sweeper"), "mumaris_heartbeat_age_seconds", process=name)
            for name in ("sweeper", "worker")}  # fmt: skip
    assert ages["sweeper"] < 30
    assert ages["worker"] < 120
    status, told = Person(stack).ask("GET", "/readyz")
    assert (status, told) == (200, '{"status": "ok", "database": "ok", "degraded": []}')


def test_absent_database_is_told_and_ends_no_process(stack):
    stack.postgres.stop()
    try:
        told = scrape(stack, "sweeper")
    finally:
        stack.postgres.start()
    assert "mumaris_database_up 0.0" in told
    assert "mumaris_mail_waiting" not in told
    wait_for(lambda: "mumaris_database_up 1.0" in scrape(stack, "sweeper"))
    assert stack.dead() == []
    assert Person(stack).ask("GET", "/readyz")[0] == 200


def test_figures_hold_nothing_of_anybody(stack):
    person = Person(stack)
    person.sign_in("a@example.com", PASSWORD)
    person.ask("GET", "/ar/profile/?planted=planted-secret")
    secrets = {NORA, PASSWORD, WRONG, "planted", "@", "10.0.", *person.cookies.values()}
    secrets |= {stack.env[name] for name in ("SECRET_KEY", "CODE_KEY", "DATA_KEY")}
    for process in ("web", "worker", "sweeper"):
        text = scrape(stack, process)
        assert [secret for secret in secrets if secret in text] == []
        families = text_string_to_metric_families(text)
        labels = {
            (name, value)
            for family in families
            if family.name.startswith("mumaris")
            for sample in family.samples
            for name, value in sample.labels.items()
        }
        known = {"status", "view", "lane", "kind", "outcome", "purpose", "step", "limit", "state", "process", "le"}
        assert {name for name, _value in labels} <= known
        assert [value for _name, value in labels if not re.fullmatch(r"[a-z0-9_.:+-]{1,60}|\+Inf", value)] == []
    assert "planted-secret" not in scrape(stack, "web")


def test_visitors_reach_no_figures(stack):
    for path in ("/metrics", "/metrics/", "/ar/metrics/"):
        _status, page = Person(stack).ask("GET", path)
        assert "mumaris_" not in page
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{stack.metrics_ports['web']}/", timeout=10)
    refused.value.close()
    assert refused.value.code == 404


# --- Without the processes ------------------------------------------------------------------------


def test_refusal_of_the_hashing_gate_is_counted(rf):
    from accounts.metrics import HASHING_REFUSALS

    before = HASHING_REFUSALS._value.get()
    assert HashingGate(None).process_exception(rf.get("/ar/"), TooBusy()).status_code == 503
    assert HASHING_REFUSALS._value.get() == before + 1
    assert HashingGate(None).process_exception(rf.get("/ar/"), ValueError()) is None
    assert HASHING_REFUSALS._value.get() == before + 1


def test_registering_the_gauges_asks_nothing():
    """No database mark: a query would fail this test."""
    assert DatabaseGauges().describe() == []


FILL = """
    INSERT INTO mail_outbox (id, kind, lane, recipient, language, "references", state, attempts, error,
        created_at, next_at)
    SELECT gen_random_uuid(), 'library', n % 4, 'x' || n || '@example.com', 'ar', '{}',
        CASE WHEN n % 1000 = 0 THEN 'waiting' ELSE 'sent' END, 0, '', now() - n * interval '1 minute', now()
    FROM generate_series(1, 20000) n;
    ANALYZE mail_outbox;
"""


@pytest.mark.django_db
def test_backlog_is_one_look_that_leaves_what_was_sent_alone():
    with connection.cursor() as cursor:
        cursor.execute(FILL)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            backlog = measure_backlog()
        assert sum(lane.waiting for lane in backlog.values()) == 20
        [query] = asked.captured_queries
        cursor.execute(f"EXPLAIN {query['sql']}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "outbox_waiting" in plan, plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.django_db
def test_open_requests_are_one_look():
    with CaptureQueriesContext(connection) as asked:
        counts, ages = measure_requests()
    assert len(asked.captured_queries) == 1
    assert [sample.value for sample in (*counts.samples, *ages.samples)] == [0] * 5
