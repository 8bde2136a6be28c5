"""Story: a developer fills a local run with people and requests."""

import re

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from profiles.demo import PASSWORD
from profiles.models import Claim, Member, UpdateRequest
from tests.journey import sign_in, url
from tests.roles import app_code

pytestmark = pytest.mark.django_db


@pytest.fixture
def local(settings):
    settings.DEBUG = True


def test_demo_makes_requests_in_every_state_and_says_how_to_sign_in(local, capsys, client):
    call_command("demo")
    told = capsys.readouterr().out
    assert set(UpdateRequest.objects.values_list("state", flat=True)) == set(UpdateRequest.State.values)
    assert Claim.objects.waiting().count() == 1
    assert Member.objects.exclude(name_latin="").exclude(name_arabic="").count() == 8
    for user in User.objects.all():
        assert user.email in told
    assert PASSWORD in told
    assert sign_in(client, "noura@demo.example", PASSWORD).url == url("profile")
    for name in ("reviewer@demo.example", "admin@demo.example"):
        assert User.objects.get(email=name).is_staff


def test_staff_of_the_demo_get_into_the_admin_by_what_it_prints(local, capsys, client):
    call_command("demo")
    key = re.search(r"with the key ([A-Z2-7]+)", capsys.readouterr().out)[1]
    assert sign_in(client, "admin@demo.example", PASSWORD).url == url("mfa_authenticate")
    with time_machine.travel(timezone.now(), tick=False):
        call_command("demo", "--code")
        assert capsys.readouterr().out.strip() == app_code(key)
        assert client.post(url("mfa_authenticate"), {"code": app_code(key)}).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_demo_is_refused_in_production(capsys):
    with pytest.raises(CommandError, match="DEBUG=1"):
        call_command("demo")
    assert not User.objects.exists()


def test_second_demo_says_that_it_is_there(local, capsys):
    call_command("demo")
    count = User.objects.count()
    with pytest.raises(CommandError, match="there already"):
        call_command("demo")
    assert User.objects.count() == count
