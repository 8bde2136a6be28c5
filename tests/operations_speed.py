"""``make operations-speed``: what the operations page costs after EVENTS events, and what keeping its figures costs.

A PostgreSQL of its own holds 1,000,000 members, 200,000 requests, EVENTS events of 24 months, 3 mails for every 10 of
them and 400,000 counters, filled by SQL. The page is measured through the test client: with the figures kept, as the
task leaves them, and with none kept at all, as in the first minutes after a deployment.
A plain program: it sets the environment before Django reads it.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.queue_speed import make_database, prepare

BUDGET_MS, ROUNDS = 300, 15
KINDS = (
    "'sign_in.done', 'sign_out.done', 'sign_in.failed', 'registration.done', 'session.ended', 'device.added', "
    "'request.submitted', 'request.approved', 'sign_in.done', 'mfa.failed'"
)
SEED = """
INSERT INTO accounts_accountevent (at, kind, outcome, user_id, subject, fields, device)
    SELECT now() - n * (interval '730 days' / {events}), (ARRAY[{kinds}])[1 + n::bigint * 7919 % 10], 'done',
        n % 200000 + 1, '', '[]', 'Chrome, Windows'
    FROM generate_series({events}, 1, -1) n;
INSERT INTO mail_outbox (id, kind, lane, recipient, language, "references", state, attempts, error, created_at,
        next_at, finished_at)
    SELECT gen_random_uuid(), 'code', n % 4, 'u' || n || '@example.com', 'ar', '{{}}', 'sent', 1, '', t, t,
        t + (1 + n::bigint * 7919 % 1000) * interval '10 milliseconds'
    FROM (SELECT n, now() - n * (interval '180 days' / {mails}) t FROM generate_series({mails}, 1, -1) n) made;
INSERT INTO accounts_throttle (kind, key, count, first_at, next_at)
    SELECT (ARRAY['sign-in', 'sign-in-all', 'sign-in-streak', 'mailbox'])[n % 4 + 1], md5(n::text), n % 7, now(),
        CASE WHEN n % 100 = 0 THEN now() + interval '10 minutes' ELSE '2000-01-01Z' END
    FROM generate_series(1, 400000) n
"""


def fill(events: int):
    from django.db import connection

    make_database("large")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for statement in SEED.format(events=events, mails=events * 3 // 10, kinds=KINDS).split(";\n"):
            cursor.execute(statement)
        cursor.execute("VACUUM ANALYZE")
    print(f"{events:,} events and {events * 3 // 10:,} mails are there.", flush=True)


def enter_chief():
    from tests.conftest import make_user
    from tests.roles import give_role, signed_in

    return signed_in(give_role(make_user("chief@example.com"), "administrator"))


def measure(client, days: int, rounds: int) -> tuple[float, float, int]:
    """Return median and slowest in milliseconds, and the statements of one page."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    times = []
    client.get("/admin/operations/dailyfigure/", {"days": days})
    with CaptureQueriesContext(connection) as seen:
        client.get("/admin/operations/dailyfigure/", {"days": days})
    # Read now: the next request empties what was captured.
    statements = len(seen)
    for _round in range(rounds):
        start = time.perf_counter()
        answer = client.get("/admin/operations/dailyfigure/", {"days": days})
        times.append((time.perf_counter() - start) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"the page answered {answer.status_code}")
    return statistics.median(times), max(times), statements


def report(client, rounds: int) -> list[float]:
    medians = []
    for days in (7, 30, 90):
        median, slowest, statements = measure(client, days, rounds)
        print(f"  {days:>3} days: median {median:7.1f} ms, slowest {slowest:7.1f} ms, {statements} SQL", flush=True)
        medians.append(median)
    return medians


def keep(what: str):
    from mumaris.operations.days import keep_days

    start = time.perf_counter()
    days = keep_days()
    print(f"{what}: {days} days of figures in {time.perf_counter() - start:.2f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="make operations-speed", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    events = parser.parse_args().events
    folder = Path(tempfile.mkdtemp(prefix="mumaris-operations-"))
    postgres = None
    try:
        postgres = prepare(folder)
        fill(events)
        client = enter_chief()
        print("No figure kept, every day counted by the page:")
        report(client, 1)
        keep("The first run of the task")
        keep("Each later run")
        print("Figures kept:")
        medians = report(client, ROUNDS)
    finally:
        if postgres:
            postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    is_held = max(medians) <= BUDGET_MS
    print("Every budget holds." if is_held else f"The page takes longer than {BUDGET_MS} ms.")
    sys.exit(not is_held)


if __name__ == "__main__":
    main()
