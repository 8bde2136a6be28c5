"""What has served its time goes, and nothing else does."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts import tasks
from accounts.models import Challenge, EmailChange, KnownDevice, PendingRegistration, SpentToken, Throttle
from tests.journey import PASSWORD, register, sign_in, url

pytestmark = pytest.mark.django_db


FINISHED = (PendingRegistration, Challenge, EmailChange, Throttle, KnownDevice, SpentToken, Session)


def counts() -> list[int]:
    return [model.objects.count() for model in FINISHED]


def test_purge_takes_only_what_is_over(client, member, monkeypatch):
    monkeypatch.setattr(tasks, "BATCH", 2)
    register(client)
    sign_in(client, member.email, "Wrong-Password1")
    member_client = Client()
    sign_in(member_client, member.email, PASSWORD)
    member_client.post(url("account_email"), {"email": "new@example.com"})
    before = counts()
    assert all(before)
    assert set(tasks.purge().values()) == {0}
    assert counts() == before
    with time_machine.travel(timezone.now() + timedelta(days=401), tick=True):
        assert list(tasks.purge().values()) == before
        assert counts() == [0] * len(FINISHED)
        assert set(tasks.purge().values()) == {0}
