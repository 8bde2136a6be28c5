"""The seals of the history: nobody changes, adds or removes an event afterwards without its being seen."""

import logging
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO

import psycopg2
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import seals, tasks
from accounts.events import record_event
from accounts.models import AccountEvent, EventSeal, User
from tests.conftest import make_user
from tests.journey import (
    NEW_PASSWORD,
    PASSWORD,
    ask_reset,
    code_in,
    deliver,
    link_in,
    mails_to,
    register,
    sign_in,
    text_of,
    type_code,
    url,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def make_events(member, count: int = 4, *, at: datetime | None = None) -> list[AccountEvent]:
    events = [record_event("sign_in.done", user=member, actor=member, fields=["é", "جدة"]) for _ in range(count)]
    source = {"network": "192.0.2.7", "device": "Chrome, Android"}
    AccountEvent.objects.filter(pk__in=[event.pk for event in events]).update(**source | ({"at": at} if at else {}))
    return events


def verify() -> str:
    told = StringIO()
    call_command("verify_events", stdout=told)
    return told.getvalue()


def refuse_verification(word: str) -> None:
    with pytest.raises(CommandError, match=word):
        call_command("verify_events")


# --- Sealing ------------------------------------------------------------------------------------


def test_every_event_is_sealed_once_and_in_order(member, monkeypatch):
    monkeypatch.setattr(seals, "ROWS", 3)
    first = make_events(member, 4)
    assert seals.seal_events() == 4
    make_events(member, 2)
    assert (tasks.seal(), tasks.seal()) == (2, 0)
    ranges = list(EventSeal.objects.order_by("pk").values_list("first_id", "last_id", "count"))
    numbers = [event.pk for event in first]
    assert ranges[:2] == [(1, numbers[2], 3), (numbers[2] + 1, numbers[3], 1)]
    assert ranges[2][0] == numbers[3] + 1
    assert verify().startswith("3 seals hold: 6 events, 0 dropped")


def test_nothing_to_seal_writes_nothing():
    assert seals.seal_events() == 0
    assert not EventSeal.objects.exists()
    assert "0 seals hold" in verify()


def test_last_digest_is_told_to_the_log_and_by_the_command(member, caplog):
    make_events(member)
    with caplog.at_level(logging.INFO):
        tasks.seal()
    digest = EventSeal.objects.get().digest
    assert digest in caplog.text
    assert f"Last digest: {digest}" in verify()


# --- What is seen -------------------------------------------------------------------------------


@pytest.fixture
def sealed(member, monkeypatch):
    """Six events under three seals."""
    monkeypatch.setattr(seals, "ROWS", 2)
    events = make_events(member, 6)
    seals.seal_events()
    assert "3 seals hold" in verify()
    return events


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "sign_out.done"},
        {"outcome": "refused"},
        {"subject": "x"},
        {"fields": []},
        {"user": None},
        {"actor": None},
        {"at": NOW},
    ],
)
def test_changed_event_breaks_its_seal_and_is_named(sealed, change):
    AccountEvent.objects.filter(pk=sealed[2].pk).update(**change)
    second = EventSeal.objects.order_by("pk")[1]
    refuse_verification(rf"seal {second.pk} \(events {sealed[1].pk + 1}–{sealed[3].pk}\) fails: an event was changed")


def test_deleted_event_is_seen(sealed):
    AccountEvent.objects.filter(pk=sealed[3].pk).delete()
    refuse_verification("1 events instead of 2")


def test_event_pushed_in_between_is_seen(member, monkeypatch):
    monkeypatch.setattr(seals, "ROWS", 2)
    make_events(member, 2)
    with transaction.atomic():
        gap = record_event("sign_in.done", user=member).pk
        transaction.set_rollback(True)
    make_events(member, 2)
    seals.seal_events()
    assert "2 seals hold" in verify()
    AccountEvent.objects.create(pk=gap, kind="sign_in.done", user=member)
    refuse_verification("3 events instead of 2")


@pytest.mark.parametrize("which", [0, 1])
def test_removed_seal_is_seen(sealed, which):
    EventSeal.objects.filter(pk=EventSeal.objects.order_by("pk")[which].pk).delete()
    refuse_verification("was changed, added or removed")


def test_seal_made_anew_over_a_changed_event_breaks_the_next(sealed):
    AccountEvent.objects.filter(pk=sealed[2].pk).update(kind="sign_out.done")
    first, second, third = EventSeal.objects.order_by("pk")
    rows = list(seals.rows_of(second.first_id, second.last_id, "default"))
    second.rows_digest = seals.digest_rows(rows)
    second.digest = seals.chain(first, second)
    second.save()
    refuse_verification(f"seal {third.pk} ")


def test_event_dropped_before_its_time_is_seen(sealed):
    second = EventSeal.objects.order_by("pk")[1]
    AccountEvent.objects.filter(pk__range=(second.first_id, second.last_id)).delete()
    EventSeal.objects.filter(pk=second.pk).update(dropped_at=timezone.now())
    refuse_verification("dropped before their time")
    EventSeal.objects.filter(pk=second.pk).update(newest_at=NOW - timedelta(days=1000))
    refuse_verification("was changed, added or removed")


# --- How long -----------------------------------------------------------------------------------


def sources_of(events) -> set[tuple]:
    rows = AccountEvent.objects.filter(pk__in=[event.pk for event in events])
    return set(rows.values_list("network", "device"))


def test_sources_are_taken_after_six_months_and_the_chain_holds(member):
    now = timezone.now()
    old = make_events(member, 2, at=now - timedelta(days=184))
    young = make_events(member, 2, at=now - timedelta(days=182))
    seals.seal_events()
    assert tasks.keep_history() == {"networks": 2, "events": 0}
    assert sources_of(old) == {(None, "")}
    assert sources_of(young) == {("192.0.2.7", "Chrome, Android")}
    assert "4 events" in verify()
    told = AccountEvent.objects.get(kind="purge.done")
    assert (told.subject, told.fields) == ("history", ["networks: 2"])
    assert tasks.keep_history() == {"networks": 0, "events": 0}
    assert AccountEvent.objects.filter(kind="purge.done").count() == 1


@time_machine.travel(NOW, tick=False)
def test_whole_sealed_months_are_dropped_after_two_years_and_the_chain_holds(member, monkeypatch):
    monkeypatch.setattr(seals, "ROWS", 2)
    over = make_events(member, 2, at=datetime(2024, 10, 31, 23, 59, tzinfo=UTC))
    month = make_events(member, 2, at=datetime(2024, 11, 1, tzinfo=UTC))
    seals.seal_events()
    unsealed = make_events(member, 1, at=datetime(2024, 10, 1, tzinfo=UTC))
    assert tasks.keep_history()["events"] == 2
    left = list(AccountEvent.objects.exclude(kind="purge.done").order_by("pk"))
    assert left == [*month, *unsealed], "neither a younger month nor what no seal covers"
    assert over[0] not in left
    assert "2 seals hold: 2 events, 2 dropped" in verify()
    assert "events: 2" in AccountEvent.objects.get(kind="purge.done").fields


# --- Real transactions --------------------------------------------------------------------------


@contextmanager
def open_transaction(act):
    """Run ``act`` in a transaction of another connection, which stays open inside the block."""
    begun, finish = threading.Event(), threading.Event()

    def run():
        with transaction.atomic():
            act()
            begun.set()
            finish.wait(10)
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert begun.wait(10)
        yield finish
    finally:
        finish.set()
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_event_of_an_open_transaction_is_never_passed_over(member, monkeypatch):
    monkeypatch.setattr(seals, "PATIENCE", 0.2)
    with open_transaction(lambda: record_event("sign_in.done", user=member)):
        later = record_event("sign_out.done", user=member)
        assert seals.seal_events() == 0, "a lower number may still appear"
    assert seals.seal_events() == 2
    assert EventSeal.objects.get().last_id == later.pk
    assert "2 events" in verify()


@pytest.mark.django_db(transaction=True)
def test_sealer_waits_for_those_who_were_writing(member):
    with open_transaction(lambda: record_event("sign_in.done", user=member)) as finish:
        record_event("sign_out.done", user=member)
        threading.Timer(0.3, finish.set).start()
        assert seals.seal_events() == 2


@pytest.mark.django_db(transaction=True)
def test_second_sealer_leaves_at_once(member):
    make_events(member)
    with open_transaction(lambda: seals.lock_seals("default")):
        assert seals.seal_events() == 0
        assert tasks.keep_history() == {}
    assert seals.seal_events() == 4


# --- Roles --------------------------------------------------------------------------------------


@pytest.fixture
def roles(transactional_db):
    """The two roles of a production, as PostgreSQL has them: made for this test, and gone after it."""
    name = connection.settings_dict["NAME"]
    app, keeper = f"app_of_{name}", f"keeper_of_{name}"
    with connection.cursor() as cursor:
        for role in (app, keeper):
            cursor.execute(f'CREATE ROLE "{role}" LOGIN')
    try:
        call_command("grant_roles", app=app, keeper=keeper, stdout=StringIO())
        yield app, keeper
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
            for role in (app, keeper):
                cursor.execute(f'DROP OWNED BY "{role}"')
                cursor.execute(f'DROP ROLE "{role}"')


def run_as(role: str, statement: str) -> list:
    """Sign in to PostgreSQL as a role, run a statement and return its rows."""
    here = connection.settings_dict
    session = psycopg2.connect(dbname=here["NAME"], user=role, host=here["HOST"], port=here["PORT"])
    try:
        with session, session.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        session.close()


@contextmanager
def acting_as(role: str):
    """Let Django's own connection do no more than a role may."""
    with connection.cursor() as cursor:
        cursor.execute(f'SET ROLE "{role}"')
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")


CHANGES = (
    "UPDATE accounts_accountevent SET kind = 'x'",
    "UPDATE accounts_accountevent SET network = NULL",
    "DELETE FROM accounts_accountevent",
    "TRUNCATE accounts_accountevent",
    "INSERT INTO accounts_eventseal (first_id) VALUES (1)",
    "UPDATE accounts_eventseal SET digest = ''",
    "DELETE FROM accounts_eventseal",
    "TRUNCATE accounts_eventseal",
    "ALTER TABLE accounts_accountevent DISABLE TRIGGER ALL",
    "DROP TABLE accounts_accountevent",
)


def test_site_may_not_change_history(roles):
    make_events(make_user("member@example.com", language="en"))
    seals.seal_events()
    app, _keeper = roles
    for statement in CHANGES:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            run_as(app, statement)
    assert run_as(app, "SELECT count(*) FROM accounts_accountevent") == [(4,)]
    assert run_as(app, "SELECT count(*) FROM accounts_eventseal") == [(1,)]
    assert "4 events" in verify()


def test_site_does_all_its_work_as_its_role(roles, client, smtp):
    with acting_as(roles[0]):
        register(client, "nora@example.com", email_consent="on")
        deliver()
        type_code(client, code_in(smtp.messages[0]))
        client.post(url("account_logout"))
        ask_reset(client, "nora@example.com")
        deliver()
        [reset] = [mail for mail in mails_to(smtp, "nora@example.com") if "/key/" in text_of(mail)]
        page = client.get(link_in(reset), follow=True)
        client.post(page.redirect_chain[-1][0], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
        assert sign_in(Client(), "nora@example.com", PASSWORD).status_code == 200
        assert sign_in(Client(), "nora@example.com", NEW_PASSWORD).url == url("profile")
        assert client.get("/readyz").status_code == 200
        with time_machine.travel(timezone.now() + timedelta(days=11)):
            assert tasks.purge()["sessions"]
        with pytest.raises(ProgrammingError):
            EventSeal.objects.all().delete()
        assert "0 seals hold" in verify()
    kinds = set(AccountEvent.objects.filter(user=User.objects.get()).values_list("kind", flat=True))
    assert {"registration.done", "reset.asked", "reset.done", "sign_in.done", "sign_in.failed"} <= kinds


def test_keeper_seals_shortens_and_drops_and_does_no_more(roles):
    member = make_user("member@example.com", language="en")
    _app, keeper = roles
    make_events(member, at=timezone.now() - timedelta(days=900))
    with acting_as(keeper):
        assert seals.seal_events() == 4
        assert tasks.keep_history() == {"networks": 4, "events": 4}
    assert "4 dropped" in verify()
    for statement in (
        "UPDATE accounts_accountevent SET kind = 'x'",
        "UPDATE accounts_eventseal SET digest = ''",
        "DELETE FROM accounts_eventseal",
        "SELECT * FROM accounts_user",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            run_as(keeper, statement)


def test_grants_are_made_again_without_change_and_refuse_strong_roles(roles):
    app, keeper = roles
    call_command("grant_roles", app=app, keeper=keeper, stdout=StringIO())
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run_as(app, CHANGES[0])
    with pytest.raises(CommandError, match="no role nobody"):
        call_command("grant_roles", app="nobody", keeper=keeper)
    with pytest.raises(CommandError, match="superuser"):
        call_command("grant_roles", app=connection.settings_dict["USER"], keeper=keeper)
