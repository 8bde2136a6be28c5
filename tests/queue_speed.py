"""``make queue-speed``: what the reviewers' pages cost when the registry is a hundred times larger.

A PostgreSQL of its own holds two databases, filled by SQL: one with 10,000 members and 2,000 requests, one with
1,000,000 and 200,000, half of them under review and 60 days old at most. Each page is asked for through the test
client in both by turns, so that a noisy moment falls on both alike; only the ratio of the medians is judged.
A plain program: it sets the environment before Django reads it.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

SIZES = {"small": (10_000, 2_000), "large": (1_000_000, 200_000)}
ROUNDS, BUDGET, STATEMENTS = 25, 1.3, 12
# Passports, so that no check digit must be made; every account has a request, every request a member.
SEED = """
INSERT INTO accounts_user (password, is_superuser, email, first_name, last_name, language, is_staff, is_active)
    SELECT '!', false, 'applicant' || n || '@example.com', 'Nora', 'Otaibi', 'ar', false, true
    FROM generate_series(1, {requests}) n;
INSERT INTO profiles_member (membership_number, user_id, tied_at, registry_email, name_arabic, name_latin,
        identity_kind, identity_number, birth_date, birth_typed, birth_calendar, gender, nationality, mobile, city,
        address, specialty_id, job_kind, workplace, job_title, kept_fields, created_at, updated_at)
    SELECT (1000000000 + n)::text, u.id, CASE WHEN u.id IS NOT NULL THEN now() END, 'registry' || n || '@example.com',
        'نورة سعد القحطاني', 'Noura Saad Alqahtani', 'passport', 'P' || lpad(n::text, 9, '0'), '1985-04-05', '',
        'gregorian', 'female', 'SA', '+966551234567', 'الرياض', '', (SELECT min(id) FROM profiles_specialty),
        'government', 'مركز النخيل', 'أخصائية', '[]', now(), now()
    FROM generate_series(1, {members}) n
    LEFT JOIN accounts_user u ON u.email = 'applicant' || n || '@example.com';
INSERT INTO profiles_updaterequest (reference, member_id, requested_by_id, state, revision, new_values, old_values,
        remarks, reason, created_at, updated_at, submitted_at, decided_at)
    SELECT 'UPD-' || lpad(m.user_id::text, 9, '0'), m.id, m.user_id,
        (ARRAY['submitted', 'approved', 'submitted', 'rejected'])[m.id % 4 + 1], 1,
        '{{"job_title": "رئيسة"}}', '{{"job_title": "أخصائية"}}', '{{}}', '', now(), now(),
        now() - (m.id * 7919 % 5000) * interval '1037 seconds', CASE WHEN m.id % 2 = 1 THEN now() END
    FROM profiles_member m WHERE m.user_id IS NOT NULL;
"""


def prepare(folder: Path):
    """Start a PostgreSQL and bring Django up on it; return the server."""
    from tests.servers import make_keys, start_postgres

    postgres = start_postgres(folder / "cluster")
    os.environ |= {
        **make_keys(), "DJANGO_SETTINGS_MODULE": "mumaris.settings", "DEBUG": "1", "VAR_DIR": str(folder / "var"),
        "BASE_URL": "http://localhost:8000", "DATABASE_URL": postgres.url, "REDIS_URL": "",
    }  # fmt: skip
    import django
    from django.core.management import call_command

    django.setup()
    # As in production: DEBUG keeps every statement and reads every template anew.
    from django.conf import settings

    settings.DEBUG, settings.ALLOWED_HOSTS = False, ["*"]
    call_command("compile_catalogues", verbosity=0)
    (folder / "var" / "static").mkdir(parents=True)
    return postgres


def use(name: str):
    """Lead Django to another database of the same server."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name


def make_database(name: str):
    from django.core.management import call_command
    from django.db import connection

    use("postgres")
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    use(name)
    call_command("migrate", verbosity=0)
    members, requests = SIZES[name]
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for statement in SEED.format(members=members, requests=requests).split(";\n"):
            if statement.strip():
                cursor.execute(statement)
        cursor.execute("VACUUM ANALYZE")
    print(f"{members:,} members and {requests:,} requests are there.", flush=True)


def make_reviewer():
    from django.contrib.auth.models import Group
    from django.test import Client

    from tests.conftest import make_user
    from tests.roles import enter

    client = Client()
    reviewer = make_user("senior@example.com", is_staff=True)
    reviewer.groups.add(Group.objects.get(name="senior reviewer"))
    enter(client, reviewer)
    return client


def find_pages() -> dict[str, tuple[str, dict]]:
    """Return name → (path, query) of each page, about a request in the middle of the queue."""
    from django.urls import reverse

    from profiles.models import UpdateRequest
    from profiles.references import new_reference

    rows = UpdateRequest.objects.filter(state="submitted").select_related("member__user")
    request = rows.order_by("pk")[rows.count() // 2]
    UpdateRequest.objects.filter(pk=request.pk).update(reference=new_reference())
    request.refresh_from_db(fields=["reference"])
    queue, members = reverse("admin:profiles_updaterequest_changelist"), reverse("admin:profiles_member_changelist")
    return {
        "queue": (queue, {}),
        "queue, last page within the cap": (queue, {"p": 20}),
        "queue, overdue": (queue, {"age": "overdue"}),
        "queue, of everybody": (queue, {"reviewer": "all"}),
        "queue, mine": (queue, {"reviewer": "mine"}),
        "queue, every state": (queue, {"state": "all", "reviewer": "all"}),
        "queue, approved": (queue, {"state": "approved", "reviewer": "all"}),
        "search by reference": (queue, {"q": request.reference}),
        "search by membership number": (queue, {"q": request.member.membership_number}),
        "search by address": (queue, {"q": request.member.user.email}),
        "search for nothing there": (queue, {"q": "nobody@example.com"}),
        "review page": (reverse("admin:profiles_updaterequest_change", args=[request.pk]), {}),
        "claims": (reverse("admin:profiles_claim_changelist"), {}),
        "members": (members, {}),
        "members, search by number": (members, {"q": request.member.membership_number}),
        "members, search by identity": (members, {"q": request.member.identity_number}),
        "members, search by address": (members, {"q": request.member.registry_email}),
        "member record": (reverse("admin:profiles_member_change", args=[request.member_id]), {}),
    }


class Site:
    """One of the two databases, with a reviewer who is signed in and the pages to ask for."""

    def __init__(self, name: str):
        self.name = name
        make_database(name)
        self.client, self.pages = make_reviewer(), find_pages()
        self.times: dict[str, list[float]] = {page: [] for page in self.pages}
        self.statements = {page: self.count_statements(page) for page in self.pages}

    def count_statements(self, page: str) -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        self.client.get(*self.pages[page])
        with CaptureQueriesContext(connection) as seen:
            answer = self.client.get(*self.pages[page])
        if answer.status_code != 200:
            raise SystemExit(f"{page} answered {answer.status_code}")
        return len(seen)

    def measure(self):
        use(self.name)
        # The first one connects.
        self.client.get(*self.pages["queue"])
        for page, asked in self.pages.items():
            start = time.perf_counter()
            self.client.get(*asked)
            self.times[page].append((time.perf_counter() - start) * 1000)


def judge(small: Site, large: Site) -> list[str]:
    """Print both beside each other; return the budgets that do not hold, in words."""
    faults = []
    print(f"\n{'medians of ' + str(ROUNDS) + ' turns':<36}{'small ms':>10}{'large ms':>10}{'ratio':>8}{'SQL':>6}")
    for page in small.pages:
        before, after = statistics.median(small.times[page]), statistics.median(large.times[page])
        statements = large.statements[page]
        print(f"{page:<36}{before:10.1f}{after:10.1f}{after / before:8.2f}{statements:6}")
        if after > BUDGET * before:
            faults.append(f"{page}: ×{after / before:.2f}, budget ×{BUDGET}")
        if page.startswith(("queue", "search")) and statements > STATEMENTS:
            faults.append(f"{page}: {statements} statements, budget {STATEMENTS}")
    return faults


def main():
    argparse.ArgumentParser(prog="make queue-speed", description=__doc__).parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mumaris-queue-"))
    postgres = None
    try:
        postgres = prepare(folder)
        sites = [Site(name) for name in SIZES]
        for _ in range(ROUNDS):
            for site in sites:
                site.measure()
        faults = judge(*sites)
    finally:
        if postgres:
            postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print("\n" + ("\n".join(faults) if faults else "Every budget holds."))
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
