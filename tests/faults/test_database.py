"""PostgreSQL goes away: the answer is a bilingual 503 that says when to come again, and nobody is restarted after."""

import contextlib
import http.client
import time

import psycopg2

from tests.faults.mail_server import in_background, wait_until
from tests.faults.measures import measures
from tests.faults.people import CODE, LOGIN, PROFILE, Load, Person, Tally, new_address


def test_postgres_is_restarted_under_load(fault):
    stack, member = fault.stack, fault.person().join(new_address())
    fault.rows.queue_notices(300)
    registering = [new_address() for _ in range(3)]

    def visit(number: int):
        # Everybody posts, looks, or registers while it goes.
        if number % 10 == 0:
            Person(stack, fault.tally).forget(new_address())
        elif number % 2:
            member.ask("GET", PROFILE)
        else:
            Person(stack, fault.tally).ask("GET", LOGIN)

    with Load(visit, rate=20):
        threads = [in_background(quietly, fault.person().register, address) for address in registering]
        time.sleep(1)
        stack.postgres.stop()
        status, page, retry = ask_once(stack, member, PROFILE)
        time.sleep(2)
        stack.postgres.start()
        back = time.monotonic()
        normal = fault.seconds_until_normal(back)
        time.sleep(2)
        for thread in threads:
            thread.join()
    assert (status, retry) == (503, "10")
    assert 'lang="en"' in page
    assert fault.tally.statuses[503]
    assert stack.dead() == []
    fault.audit()
    fault.note_answers(normal=normal, allowed=None)
    assert member.is_signed_in()


def quietly(act, *arguments):
    """Who registers in the middle of it may find the page away."""
    with contextlib.suppress(OSError, http.client.HTTPException, TypeError):
        act(*arguments)


def ask_once(stack, member, path: str) -> tuple[int, str, str | None]:
    connection = http.client.HTTPConnection("localhost", stack.port, timeout=30)
    connection.request("GET", path, headers=member.headers)
    response = connection.getresponse()
    found = response.status, response.read().decode(), response.headers.get("Retry-After")
    connection.close()
    return found


def test_mail_that_was_taken_while_postgres_restarts_is_recorded_once(fault):
    """Between the 250 and the commit the database goes: the sender waits for it, and sends nothing twice."""
    address, postgres = new_address(), fault.stack.postgres
    gone = []

    def stop_once():
        if not gone:
            gone.append(True)
            postgres.stop()

    fault.smtp.before_reply = stop_once
    fault.person().register(address)
    fault.smtp.wait_for(address)
    wait_until(lambda: postgres.server.poll() is not None)
    time.sleep(1)
    postgres.start()
    wait_until(lambda: fault.rows.state(address) == "sent", 30)
    fault.audit()


def test_connections_are_exhausted(fault):
    stack, member = fault.stack, fault.person().join(new_address())
    with contextlib.ExitStack() as taken:
        with contextlib.suppress(psycopg2.OperationalError):
            while True:
                taken.enter_context(contextlib.closing(psycopg2.connect(stack.postgres.url_as("mumaris_app"))))
        # Every thread of every process asks, those that have a connection and those that get none.
        with Load(lambda number: member.ask("GET", PROFILE if number % 2 else CODE), rate=40, threads=30) as load:
            wait_until(lambda: load.done > 200)
    normal = fault.seconds_until_normal(time.monotonic())
    fault.audit()
    fault.note_answers(normal=normal, allowed=None)
    assert set(fault.tally.statuses) <= {200, 302, 503}
    assert stack.dead() == []


def test_postgres_and_redis_are_away(fault):
    """Nothing is left to ask: pages that need no data go on, all others say so at once."""
    stack = fault.stack
    visitor = Person(stack, Tally())
    stack.valkey.terminate()
    stack.postgres.stop()
    try:
        assert [visitor.ask("GET", path)[0] for path in ("/en/", "/ar/", LOGIN, "/healthz")] == [200] * 4
        fault.person().ask("GET", PROFILE)
        assert fault.person().ask("GET", "/readyz")[0] == 503
    finally:
        stack.postgres.start()
        stack.start_valkey()
    normal = fault.seconds_until_normal(time.monotonic())
    fault.note_answers(normal=normal, allowed=None)
    fault.audit()
    measures.facts.setdefault("P5 pages without PostgreSQL and Redis", ("home, sign-in and /healthz answer 200", "503"))
