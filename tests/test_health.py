"""What a load balancer is told, with everything there and with each server away."""

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

NOWHERE = "redis://127.0.0.1:9/0"


def test_healthz_answers_without_database_session_or_language(client):
    """No database mark: a query would fail this test."""
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-store" in answer["Cache-Control"]
    assert answer.cookies == {}


@pytest.mark.django_db
def test_readyz_says_ok_when_all_answer(client):
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": "ok", "degraded": []})
    assert answer.cookies == {}


@pytest.mark.django_db
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
    assert answer.json()["database"] == "migrations missing"


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


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_only_asked(client, path):
    assert client.post(path).status_code == 405
