"""A database that was restored sends, accepts and keeps open nothing that may have served since the backup."""

from datetime import timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import AccountEvent, Challenge, LatePost, Session, User
from mumaris.mail.models import Outbox
from profiles import claims
from profiles.models import Claim
from tests.journey import (
    PASSWORD,
    ask_reset,
    code_in,
    deliver,
    link_in,
    mails_to,
    register,
    sign_in,
    type_code,
    url,
    waiting,
)  # fmt: skip
from tests.registry import make_registry_member
from tests.test_claim import objection_link
from tests.test_claim_review import make_claim

pytestmark = pytest.mark.django_db


def settle(capsys) -> dict[str, int]:
    """Run the command as after a backup that was made just now; return its counts."""
    call_command("after_restore", since=timezone.now().isoformat())
    return {name: int(count) for name, count in (line.split(": ") for line in capsys.readouterr().out.splitlines())}


def test_nothing_of_before_is_sent_typed_or_signed_in(client, member, smtp, capsys):
    signed_in = Client()
    sign_in(signed_in, member.email)
    register(client)
    ask_reset(Client(), member.email)
    deliver()
    code, link = code_in(mails_to(smtp, "nora@example.com")[0]), link_in(mails_to(smtp, member.email)[-1])
    register(Client(), "later@example.com")
    Outbox.objects.waiting().update(lease="0" * 32, leased_until=timezone.now() + timedelta(seconds=90))
    sent, waited = len(smtp.messages), waiting()
    assert waited >= 1
    counts = settle(capsys)
    assert counts["mails withheld"] == waited
    assert counts["codes and links ended"] == 3
    assert counts["sessions ended"] >= 1
    assert deliver() == 0
    assert len(smtp.messages) == sent
    assert set(Outbox.objects.filter(error="restored").values_list("state", flat=True)) == {"given_up"}
    assert signed_in.get(url("profile")).status_code == 302
    type_code(client, code)
    assert not User.objects.filter(email="nora@example.com").exists()
    assert client.get(link).status_code == 200, "the page that says that the link has ended, not the form"
    assert not Challenge.objects.filter(used_at=None).exclude(failure="ended").exists()
    assert not Session.objects.filter(user=member).exists()
    assert not LatePost.objects.exists()


def test_everybody_goes_on_after_a_restore(client, member, smtp, capsys):
    register(client)
    deliver()
    settle(capsys)
    assert sign_in(Client(), member.email, PASSWORD).status_code == 302
    # One mail a minute for a mailbox, whoever asks.
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
        client = Client()
        register(client)
        deliver()
        type_code(client, code_in(mails_to(smtp, "nora@example.com")[-1]))
    assert User.objects.filter(email="nora@example.com").exists()


def test_claim_that_was_objected_to_since_the_backup_waits_anew(member, smtp, capsys):
    """The link that its owner has used already, and thinks of no more, comes once more."""
    file = make_registry_member()
    make_claim(member, file)
    link = objection_link(smtp, file.registry_email)
    with time_machine.travel(timezone.now() + timedelta(hours=73), tick=True):
        assert settle(capsys)["waits of claims begun again"] == 1
        assert claims.tie_due_claims() == 0
        deliver()
        assert claims.tie_due_claims() == 0
        assert len(mails_to(smtp, file.registry_email)) == 2
        assert objection_link(smtp, file.registry_email) == link
    with time_machine.travel(timezone.now() + timedelta(hours=73 + 71), tick=True):
        assert claims.tie_due_claims() == 0
        Client().post(link)
    assert Claim.objects.get().state == "stopped"


def test_restore_is_recorded_with_its_counts(capsys):
    Outbox.objects.create(kind="welcome", lane=3, recipient="a@example.com", language="ar")
    settle(capsys)
    event = AccountEvent.objects.get(kind="restore.done")
    assert event.subject.startswith("backup of 20")
    assert event.fields[0] == "mails withheld: 1"


def test_database_that_lives_is_left_alone(member):
    sign_in(Client(), member.email)
    Outbox.objects.create(kind="welcome", lane=3, recipient="a@example.com", language="ar")
    sessions = Session.objects.count()
    with pytest.raises(CommandError, match="holds events from after"):
        call_command("after_restore", since=(timezone.now() - timedelta(hours=1)).isoformat())
    assert Session.objects.count() == sessions
    assert Outbox.objects.waiting().filter(kind="welcome").count() == 1


@pytest.mark.parametrize(
    ("since", "told"),
    [("yesterday", "is no time"), ("2026-11-28T02:00:00", "names no zone"), ("2999-01-01T00:00:00Z", "in the future")],
)
def test_time_that_says_nothing_is_refused(since, told):
    with pytest.raises(CommandError, match=told):
        call_command("after_restore", since=since)
