"""What every test gets: an empty cache, an empty mailbox."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.backends.signals import connection_created

from accounts import captcha_tokens
from accounts.passwords import NormalisedArgon2Hasher
from tests import servers


@pytest.fixture(autouse=True)
def _clear_cache():
    """Rate limits live in the cache and leak from test to test."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(scope="session", autouse=True)
def _own_clock():
    """Tests turn this process's clock, and the database's does not follow (tests/faults has clocks apart)."""
    connection_created.disconnect(dispatch_uid="mumaris.clock")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """End what still holds the database before it is dropped.

    A connection opened while the browser's event loop runs is nobody's to close, and may be the last of a session.
    """
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(autouse=True)
def _cheap_work(request, monkeypatch):
    """Hundreds of posts check a password or a puzzle: ``real_work`` marks the tests of their price."""
    if request.node.get_closest_marker("real_work"):
        return
    monkeypatch.setattr(NormalisedArgon2Hasher, "time_cost", 1)
    monkeypatch.setattr(NormalisedArgon2Hasher, "memory_cost", 8)
    monkeypatch.setitem(captcha_tokens.PUZZLE_BITS, "robot", 4)


@pytest.fixture
def smtp():
    """The SMTP server behind EMAIL_URL, empty: ``smtp.messages``, ``smtp.wait(count)``, ``smtp.answer_recipient``."""
    servers.sink.clear()
    yield servers.sink
    servers.sink.clear()


@pytest.fixture
def member(db):
    """A member whose mails are in English."""
    return make_user("member@example.com", language="en", first_name="Mona", last_name="Harbi")


@pytest.fixture
def other_member(db):
    return make_user("other@example.com", first_name="Omar", last_name="Zahrani")


@pytest.fixture
def reviewer(db):
    return make_user("reviewer@example.com", first_name="Reem", last_name="Otaibi", is_staff=True)


def make_user(email: str, **fields):
    from allauth.account.models import EmailAddress

    from accounts.models import User
    from tests.journey import PASSWORD

    user = User.objects.create_user(email, PASSWORD, **fields)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user
