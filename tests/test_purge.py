"""What has served its time goes, and nothing else does."""

import re
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts import tasks
from accounts.models import (
    AccountEvent,
    Challenge,
    EmailChange,
    KnownDevice,
    LatePost,
    PendingRegistration,
    Session,
    SpentToken,
    Throttle,
)  # fmt: skip
from mumaris import keys
from mumaris.celery import app
from mumaris.mail import keeping
from mumaris.mail.models import Outbox
from profiles.models import RecordView
from profiles.record_views import purge_views
from tests.journey import PASSWORD, register, sign_in, url
from tests.registry import make_registry_member
from tests.test_parallel import together

pytestmark = pytest.mark.django_db


FINISHED = (PendingRegistration, Challenge, EmailChange, Throttle, KnownDevice, SpentToken, LatePost, Session)


def counts() -> list[int]:
    return [model.objects.count() for model in FINISHED]


def test_purge_takes_only_what_is_over(client, member, monkeypatch):
    monkeypatch.setattr(tasks, "BATCH", 2)
    register(client)
    sign_in(client, member.email, "Wrong-Password1")
    member_client = Client()
    sign_in(member_client, member.email, PASSWORD)
    member_client.post(url("account_email"), {"email": "new@example.com"})
    LatePost.objects.create(user=member, path="profile/", sealed=b"", expires_at=timezone.now() + timedelta(minutes=30))
    before = counts()
    assert all(before)
    assert set(tasks.purge().values()) == {0}
    assert counts() == before
    with time_machine.travel(timezone.now() + timedelta(days=401), tick=True):
        assert list(tasks.purge().values()) == [*before, 0, 0], "mails that wait stay"
        assert counts() == [0] * len(FINISHED)
        assert set(tasks.purge().values()) == {0}


# --- The table in README.md -----------------------------------------------------------------------

README = (Path(settings.BASE_DIR) / "README.md").read_text()
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \| `([a-z.]+\.tasks\.[a-z_]+)`: ([a-z ]+) \|$", README, re.MULTILINE)
# What tasks count besides, and what takes nothing away.
NO_PURGE = {"claims tied", "requests reminded"}


def run_task(name: str) -> dict[str, int]:
    module, _dot, function = name.rpartition(".")
    return getattr(import_module(module), function)()


def test_every_row_of_the_table_has_its_purge_and_every_purge_its_row():
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    named = {(task, purge) for _what, _long, task, purge in ROWS}
    assert len(named) == len(ROWS) >= 12
    assert {task for task, _purge in named} <= scheduled
    done = {(task, purge) for task in {task for task, _purge in named} for purge in run_task(task)}
    assert named == {(task, purge) for task, purge in done if purge not in NO_PURGE}


def test_mails_go_after_half_a_year_and_waiting_ones_stay(member):
    now = timezone.now()
    for state, age in (("sent", 181), ("sent", 179), ("waiting", 400)):
        Outbox.objects.create(
            kind="welcome", lane=3, recipient="a@example.com", language="ar", state=state,
            created_at=now - timedelta(days=age),
        )  # fmt: skip
    assert tasks.purge()["mails"] == 1
    assert set(Outbox.objects.values_list("state", flat=True)) == {"sent", "waiting"}


def make_mail(state: str, age: int, recipient: str = "nora@example.com") -> Outbox:
    made = timezone.now() - timedelta(days=age)
    return Outbox.objects.create(
        kind="welcome", lane=3, recipient=recipient, language="ar", state=state, created_at=made
    )


def test_recipients_become_digests_after_a_month_and_waiting_mails_keep_theirs(monkeypatch):
    monkeypatch.setattr(keeping, "BATCH", 2)
    old = [make_mail("sent", 31), make_mail("refused", 32), make_mail("given_up", 33)]
    other, young, waiting = make_mail("sent", 31, "b@example.com"), make_mail("sent", 29), make_mail("waiting", 31)
    assert tasks.purge()["recipients"] == 4
    rows = dict(Outbox.objects.values_list("pk", "recipient"))
    assert {rows[mail.pk] for mail in old} == {keys.digest("recipient", "nora@example.com")}
    assert rows[other.pk] == keys.digest("recipient", "b@example.com")
    assert {rows[young.pk], rows[waiting.pk]} == {"nora@example.com"}
    assert tasks.purge()["recipients"] == 0


@pytest.mark.django_db(transaction=True)
def test_two_purges_at_once_delete_and_count_each_row_once(monkeypatch):
    """Batches smaller than the rows, so that the two meet again and again; nobody waits into a deadlock."""
    monkeypatch.setattr(tasks, "BATCH", 7)
    monkeypatch.setattr(keeping, "BATCH", 7)
    past = timezone.now() - timedelta(days=1)
    SpentToken.objects.bulk_create(SpentToken(digest=f"{n:064x}", expires_at=past) for n in range(150))
    for number in range(60):
        make_mail("sent", 40, f"person{number}@example.com")
        make_mail("sent", 200)
    first, second = together(tasks.purge, tasks.purge)
    assert {name: first[name] + second[name] for name in ("spent tokens", "mails", "recipients")} == {
        "spent tokens": 150, "mails": 60, "recipients": 60,
    }  # fmt: skip
    assert SpentToken.objects.count() == 0
    assert not Outbox.objects.filter(recipient__contains="@").exists()
    recorded = AccountEvent.objects.filter(kind="purge.done", subject="accounts").values_list("fields", flat=True)
    told = [line for fields in recorded for line in fields if line.startswith("spent tokens: ")]
    assert sum(int(line.rpartition(" ")[2]) for line in told) == 150


def test_views_of_records_go_after_two_years(member, reviewer):
    file = make_registry_member(member)
    for age in (731, 729):
        view = RecordView.objects.create(member=file, viewed_by=reviewer, what="member")
        RecordView.objects.filter(pk=view.pk).update(viewed_at=timezone.now() - timedelta(days=age))
    assert (purge_views(), purge_views()) == (1, 0)
    assert RecordView.objects.get() == view
