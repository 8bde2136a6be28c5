"""What has served its time goes, and nothing else does."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts import tasks
from accounts.models import Challenge, PendingRegistration, SpentToken, Throttle
from tests.journey import register, sign_in

pytestmark = pytest.mark.django_db


def counts() -> list[int]:
    return [model.objects.count() for model in (PendingRegistration, Challenge, Throttle, SpentToken, Session)]


def test_purge_takes_only_what_is_over(client, member, monkeypatch):
    monkeypatch.setattr(tasks, "BATCH", 2)
    register(client)
    sign_in(client, member.email, "Wrong-Password1")
    before = counts()
    assert all(before)
    assert set(tasks.purge().values()) == {0}
    assert counts() == before
    with time_machine.travel(timezone.now() + timedelta(days=4), tick=True):
        assert list(tasks.purge().values()) == before
        assert counts() == [0, 0, 0, 0, 0]
        assert set(tasks.purge().values()) == {0}
