"""What a load balancer is told, with everything there and with each server away."""

from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.functions import Now
from django.utils import timezone

from mumaris import clock, heartbeats
from mumaris.mail.delivery import ServerAway, deliver_rows
from mumaris.mail.models import Lane, Outbox
from mumaris.models import Heartbeat
from mumaris.tasks import beat
from tests.servers import find_free_port

NOWHERE = "redis://127.0.0.1:9/0"


def test_healthz_answers_without_database_session_or_language(client):
    """No database mark: a query would fail this test."""
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-store" in answer["Cache-Control"]
    assert answer.cookies == {}


@pytest.fixture(autouse=True)
def _first_beats(monkeypatch):
    monkeypatch.setattr(heartbeats, "_last", {})


@pytest.fixture
def alive(db):
    """The sweeper and the worker were heard of a moment ago."""
    call_command("deliver_mail", once=True)
    beat()


def make_silent(name: str, seconds: int):
    Heartbeat.objects.filter(name=name).update(at=Now() - timedelta(seconds=seconds))


def queue_row(*, seconds_ago: int, lane: Lane = Lane.CODE, put_off: int = 0) -> Outbox:
    then = timezone.now() - timedelta(seconds=seconds_ago)
    return Outbox.objects.create(
        kind="library", lane=lane, recipient="nora@example.com", language="ar",
        created_at=then, next_at=then + timedelta(seconds=put_off), attempts=bool(put_off),
    )  # fmt: skip


@pytest.mark.usefixtures("alive")
def test_readyz_says_ok_when_all_answer(client):
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": "ok", "degraded": []})
    assert answer.cookies == {}


@pytest.mark.usefixtures("alive")
def test_readyz_names_an_absent_cache_and_stays_ready(client, settings):
    settings.REDIS_URL = NOWHERE
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "degraded", "database": "ok", "degraded": ["cache", "broker"]}


@pytest.mark.django_db
def test_readyz_refuses_with_migrations_missing(client):
    newest = MigrationLoader(connection).graph.leaf_nodes("profiles")[0]
    MigrationRecorder(connection).record_unapplied(*newest)
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "database": "migrations missing", "degraded": []}


@pytest.mark.django_db
def test_readyz_refuses_without_the_database(client, monkeypatch):
    """The one port that nobody listens on stands for a server that is gone."""
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", "9")
    answer = client.get("/readyz")
    monkeypatch.undo()

    assert answer.status_code == 503
    assert answer.json()["database"] == "away"


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize("lane", Lane)
def test_readyz_names_mail_that_is_late(client, lane):
    row = queue_row(seconds_ago=130, lane=lane)
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "degraded", "database": "ok", "degraded": ["mail"]}
    Outbox.objects.filter(pk=row.pk).update(state=Outbox.State.SENT)
    assert client.get("/readyz").json()["degraded"] == []


@pytest.mark.usefixtures("alive")
def test_mail_that_waits_its_turn_is_not_late(client):
    queue_row(seconds_ago=60)
    # A mailbox has asked us to come back later.
    queue_row(seconds_ago=3600, put_off=3700)

    assert client.get("/readyz").json()["degraded"] == []


@pytest.mark.usefixtures("alive")
def test_mail_is_late_however_often_an_absent_server_is_asked(client, member, settings):
    row = queue_row(seconds_ago=130)
    Outbox.objects.filter(pk=row.pk).update(kind="password_changed", references={"user": member.pk})
    settings.EMAIL_PORT = find_free_port()
    with pytest.raises(ServerAway):
        deliver_rows(limit=1, probing=True)

    row.refresh_from_db()
    assert timezone.now() - row.next_at < timedelta(seconds=60)
    assert client.get("/readyz").json()["degraded"] == ["mail"]


@pytest.mark.usefixtures("alive")
def test_mail_is_not_late_by_a_clock_that_is_wrong(client, monkeypatch):
    queue_row(seconds_ago=1)
    monkeypatch.setattr(clock, "_ahead", timedelta(minutes=-5))
    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=True):
        assert client.get("/readyz").json()["degraded"] == []


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize(("name", "limit"), [("sweeper", 90), ("worker", 120)])
def test_readyz_names_a_process_that_fell_silent(client, name, limit):
    make_silent(name, limit - 20)
    assert client.get("/readyz").json()["degraded"] == []
    make_silent(name, limit + 5)
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["degraded"]) == (200, [name])


@pytest.mark.django_db
def test_readyz_names_processes_that_never_came(client):
    assert client.get("/readyz").json()["degraded"] == ["sweeper", "worker"]


@pytest.mark.django_db
def test_local_run_asks_for_no_other_process(client, settings):
    settings.REDIS_URL = ""
    queue_row(seconds_ago=3600)
    assert client.get("/readyz").json() == {"status": "ok", "database": "ok", "degraded": []}


@pytest.mark.usefixtures("alive")
def test_sweeper_beats_before_each_mail_and_seldom_writes(smtp, monkeypatch, django_assert_num_queries):
    """A mail server that takes a minute for each mail is no silence of the sweeper."""
    make_silent("sweeper", 1000)
    with django_assert_num_queries(0):
        heartbeats.beat("sweeper")
    written = []
    monkeypatch.setattr("mumaris.mail.management.commands.deliver_mail.beat", written.append)
    for _ in range(3):
        queue_row(seconds_ago=1)
    call_command("deliver_mail", once=True)

    assert written == ["sweeper"] * 4
    monkeypatch.setattr(heartbeats, "_last", {})
    with django_assert_num_queries(1):
        heartbeats.beat("sweeper")
    assert heartbeats.list_ages()["sweeper"] < 5


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_only_asked(client, path):
    assert client.post(path).status_code == 405
