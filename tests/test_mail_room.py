"""The outbox: one row, one mail, whatever fails on the way."""

import smtplib
import socket
import threading
import time
import uuid
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.core.mail import EmailMessage, get_connection, send_mail
from django.db import OperationalError, connection, transaction
from django.db.backends.signals import connection_created
from django.utils import timezone

from mumaris import clock
from mumaris.mail import delivery, queue
from mumaris.mail.delivery import ServerAway, claim_rows, deliver_rows
from mumaris.mail.models import Lane, Outbox
from mumaris.mail.queue import queue_mail
from tests.journey import deliver, subject_of, text_of

pytestmark = pytest.mark.django_db


def queue_notice(user, count: int = 1):
    return [queue_mail("password_changed", user.email, user=user.pk) for _ in range(count)]


def test_mail_leaves_once_and_its_row_tells(member, smtp):
    (row,) = queue_notice(member)
    assert deliver() == 1
    assert deliver() == 0
    (mail,) = smtp.messages
    assert mail["Message-ID"] == f"<{row.pk}@localhost>"
    row.refresh_from_db()
    assert (row.state, row.attempts, row.error) == ("sent", 1, "")
    assert row.finished_at


def test_mail_of_an_action_that_was_rolled_back_does_not_exist(member, smtp):
    with transaction.atomic():
        queue_notice(member)
        transaction.set_rollback(True)
    assert not Outbox.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_senders_on_the_same_rows_send_once(member, smtp):
    queue_notice(member, 40)

    def send():
        deliver_rows(limit=100)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deliver()
    assert len(smtp.messages) == len({mail["Message-ID"] for mail in smtp.messages}) == 40


def test_row_of_a_dead_sender_is_free_after_its_lease(member, smtp):
    queue_notice(member)
    assert len(claim_rows()) == 1
    assert not claim_rows()
    with time_machine.travel(timezone.now() + timedelta(seconds=91), tick=True):
        assert deliver() == 1
    assert len(smtp.messages) == 1


def test_sender_whose_lease_ran_out_sends_nothing(member, smtp):
    from mumaris.mail.delivery import deliver_row

    queue_notice(member)
    (slow,) = claim_rows()
    with time_machine.travel(timezone.now() + timedelta(seconds=91), tick=True):
        deliver()
        assert not deliver_row(slow, None)
    assert len(smtp.messages) == 1


def test_row_that_another_sender_has_taken_is_no_new_refusal(member):
    queue_notice(member)
    Outbox.objects.update(error="policy 554")
    (slow,) = claim_rows()
    slow.leased_until = timezone.now()
    Outbox.objects.update(lease=uuid.uuid4())
    assert delivery.deliver_all([slow], None, lambda: None) == 0


def test_temporary_refusal_is_tried_again_later(member, smtp):
    smtp.answer_recipient = lambda address: "450 4.2.0 greylisted"
    (row,) = queue_notice(member)
    deliver()
    row.refresh_from_db()
    assert (row.state, row.attempts, row.error) == ("waiting", 1, "smtp 450")
    smtp.answer_recipient = lambda address: None
    assert deliver() == 0
    with time_machine.travel(timezone.now() + timedelta(seconds=11), tick=True):
        assert deliver() == 1


def test_final_refusal_is_not_tried_again(member, smtp):
    smtp.answer_recipient = lambda address: "550 5.1.1 unknown"
    (row,) = queue_notice(member)
    deliver()
    row.refresh_from_db()
    assert (row.state, row.error) == ("refused", "smtp 550")


def test_refusal_of_one_does_not_hold_up_the_next(member, other_member, smtp):
    smtp.answer_recipient = lambda address: "550 no" if address == member.email else None
    queue_notice(member)
    queue_notice(other_member)
    assert deliver() == 1


def test_server_away_keeps_every_row_ready(member, smtp, settings):
    settings.EMAIL_PORT = 1
    rows = queue_notice(member, 3)
    with pytest.raises(ServerAway):
        deliver()
    assert {row.state for row in Outbox.objects.all()} == {"waiting"}
    settings.EMAIL_PORT = smtp.port
    assert deliver() == len(rows), "the first success finds all rows ready"


def test_refused_sender_login_keeps_the_row(member, smtp, monkeypatch):
    def refuse(self, *args):
        raise smtplib.SMTPAuthenticationError(535, b"no")

    monkeypatch.setattr("django.core.mail.backends.smtp.EmailBackend.open", refuse)
    (row,) = queue_notice(member)
    with pytest.raises(ServerAway):
        deliver()
    row.refresh_from_db()
    assert (row.state, row.error) == ("waiting", "SMTPAuthenticationError")


def test_poison_row_stops_nothing(member, smtp):
    Outbox.objects.create(kind="password_changed", lane=0, recipient="x@example.com", language="ar", references={})
    Outbox.objects.create(kind="no such kind", lane=0, recipient="x@example.com", language="ar")
    queue_notice(member)
    assert deliver() == 1
    assert Outbox.objects.waiting().filter(error__startswith="unwritable").count() == 2


def test_poison_row_is_given_up_though_its_kind_cannot_be_told(member, smtp):
    Outbox.objects.create(kind="registration_code", lane=0, recipient="x@example.com", language="ar", references={})
    queue_notice(member)
    with time_machine.travel(timezone.now() + timedelta(hours=3), tick=True):
        assert deliver() == 1
    assert Outbox.objects.get(kind="registration_code").state == "given_up"


def test_message_that_cannot_be_handed_over_stops_nothing(member, smtp):
    get_connection("mumaris.mail.backend.OutboxBackend").send_messages(
        [EmailMessage("Subject", "Body", to=["good@example.com"])]
    )
    Outbox.objects.create(
        kind="password_changed", lane=0, recipient="a@b c", language="ar", references={"user": member.pk}
    )
    assert deliver() == 1
    assert Outbox.objects.waiting().get().error.startswith("unwritable")


@pytest.mark.parametrize("reply", ["554 5.7.1 Relay access denied", "550 5.7.1 no", "554 no", "530 log in first"])
def test_policy_against_the_sender_loses_no_mail(member, smtp, reply):
    smtp.answer_recipient = lambda address: reply
    rows = queue_notice(member, 5)
    with pytest.raises(ServerAway):
        deliver()
    assert [row.state for row in Outbox.objects.all()] == ["waiting"] * 5
    assert Outbox.objects.filter(error=f"policy {reply[:3]}", attempts=1).count() == delivery.REFUSALS
    smtp.answer_recipient = lambda address: None
    assert deliver_rows(limit=1, probing=True) == 1
    assert deliver() == len(rows) - 1, "the first success frees them all"


def test_refusal_of_everything_is_probed_before_its_time(member, smtp):
    smtp.answer_recipient = lambda address: "554 5.7.1 Relay access denied"
    queue_notice(member)
    with pytest.raises(ServerAway):
        deliver()
    assert deliver() == 0, "its wait is not over"
    smtp.answer_recipient = lambda address: None
    assert deliver_rows(limit=1, probing=True) == 1


def test_policy_against_one_recipient_stops_nobody_else(member, other_member, smtp):
    smtp.answer_recipient = lambda address: "550 5.7.1 blocked" if address == member.email else None
    queue_notice(member)
    queue_notice(other_member, 3)
    assert deliver() == 3
    assert Outbox.objects.waiting().get().error == "policy 550"


def test_mail_that_the_server_cannot_bear_lets_the_next_probe_pass(member, other_member, smtp):
    smtp.answer_message = lambda message: "421 4.3.0 closing" if message.rcpt_tos == [member.email] else None
    queue_notice(member)
    queue_notice(other_member)
    with pytest.raises(ServerAway, match="smtp 421"):
        deliver_rows(limit=1, probing=True)
    assert deliver_rows(limit=1, probing=True) == 1
    assert smtp.messages[0].rcpt_tos == [other_member.email]
    assert Outbox.objects.waiting().get().attempts == 0


@pytest.mark.parametrize("reply", ["554 5.7.1 blocked", "421 4.3.0 closing"])
def test_code_that_is_refused_alone_holds_up_no_other_lane(member, other_member, smtp, reply):
    smtp.answer_recipient = lambda address: reply if address == member.email else None
    (code,) = queue_notice(member)
    Outbox.objects.filter(pk=code.pk).update(lane=Lane.CODE)
    queue_notice(other_member, 2)
    Outbox.objects.filter(recipient=other_member.email).update(lane=Lane.OTHER)
    with pytest.raises(ServerAway):
        deliver_rows(limit=1)
    assert deliver_rows(limit=1, probing=True) == 1
    assert [mail.rcpt_tos for mail in smtp.messages] == [[other_member.email]]


def test_what_the_server_took_is_recorded_when_the_database_is_back(member, smtp, monkeypatch):
    (row,) = queue_notice(member)
    record_end, calls = delivery.record_end, []

    def fail_once(*args, **kwargs):
        calls.append(args)
        if len(calls) == 1:
            raise OperationalError
        record_end(*args, **kwargs)

    monkeypatch.setattr(delivery, "record_end", fail_once)
    # Inside the test's transaction nobody may close the connection; the database itself goes away in tests/faults.
    monkeypatch.setattr(delivery, "connection", SimpleNamespace(in_atomic_block=False, close=lambda: None))
    assert deliver() == 1
    row.refresh_from_db()
    assert (row.state, len(calls)) == ("sent", 2)


def test_server_that_closes_keeps_the_row(member, smtp):
    smtp.answer_recipient = lambda address: "421 4.3.2 closing"
    queue_notice(member)
    with pytest.raises(ServerAway):
        deliver()
    assert Outbox.objects.waiting().get().attempts == 0


def test_silent_server_keeps_the_row(member, smtp, settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", silent.getsockname()[1]
        settings.EMAIL_TIMEOUT = 1
        queue_notice(member)
        with pytest.raises(ServerAway):
            deliver()
    assert Outbox.objects.waiting().count() == 1


def test_slow_server_is_cut_off_at_the_deadline(member, smtp, monkeypatch):
    monkeypatch.setattr(delivery, "DEADLINE", 0.5)
    smtp.answer_message = lambda message: time.sleep(3) or "450 too late"
    queue_notice(member)
    start = time.monotonic()
    with pytest.raises(ServerAway):
        deliver()
    assert time.monotonic() - start < 2
    assert Outbox.objects.waiting().count() == 1


@pytest.fixture
def _heard_clock(monkeypatch):
    """The database's time counts, as it does outside of tests."""
    monkeypatch.setattr(clock, "_ahead", timedelta(0))
    clock.keep_time()
    yield
    connection_created.disconnect(dispatch_uid="mumaris.clock")


@pytest.mark.usefixtures("_heard_clock")
@pytest.mark.django_db(transaction=True)
def test_process_with_a_wrong_clock_takes_nothing_of_others_in_its_first_claim(member, smtp):
    queue_notice(member)
    assert len(claim_rows()) == 1
    connection.close()
    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=True):
        assert claim_rows() == []


def drip_greeting(listener):
    """One more line of a greeting that has no end, so often that no step takes long."""
    with suppress(OSError):
        visitor, _address = listener.accept()
        with visitor:
            while True:
                visitor.sendall(b"220-wait\r\n")
                time.sleep(0.1)


def test_greeting_without_an_end_is_cut_off_at_the_deadline(member, smtp, settings, monkeypatch):
    monkeypatch.setattr(delivery, "DEADLINE", 0.5)
    queue_notice(member)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.EMAIL_PORT = listener.getsockname()[1]
        threading.Thread(target=drip_greeting, args=[listener], daemon=True).start()
        start = time.monotonic()
        with pytest.raises(ServerAway):
            deliver()
    assert time.monotonic() - start < 5
    assert Outbox.objects.waiting().get().leased_until is None


def test_allauth_mails_through_the_same_door(member, smtp):
    from allauth.account.adapter import get_adapter

    get_adapter().send_mail("account/email/password_changed", member.email, {"ip": "127.0.0.1"})
    assert deliver() == 1
    assert smtp.messages[0]["Subject"] == "Your password was changed"


def test_old_row_is_given_up(member, smtp):
    smtp.answer_recipient = lambda address: "450 later"
    (row,) = queue_notice(member)
    with time_machine.travel(timezone.now() + timedelta(hours=24), tick=True):
        deliver()
    row.refresh_from_db()
    assert row.state == "given_up"


def test_codes_leave_before_notices(member, smtp):
    queue_notice(member, 5)
    from accounts.password_reset import request_reset

    request_reset(member.email)
    deliver()
    assert smtp.messages[0]["Subject"] == "Reset your Mumaris Plus password"


def test_library_mail_lies_sealed_and_is_wiped_when_sent(smtp):
    # pytest-django puts a backend of its own in the place of EMAIL_BACKEND.
    outbox = get_connection("mumaris.mail.backend.OutboxBackend")
    send_mail("A subject", "secret-body-4711", None, ["someone@example.com"], connection=outbox)
    row = Outbox.objects.get()
    assert b"secret-body-4711" not in bytes(row.sealed_message)
    deliver()
    row.refresh_from_db()
    assert row.sealed_message is None
    assert "secret-body-4711" in smtp.messages[0].get_content()


@pytest.mark.django_db(transaction=True)
def test_broker_away_costs_little_and_loses_nothing(member, smtp, monkeypatch):
    from mumaris.mail.tasks import deliver as task

    monkeypatch.setattr(queue, "broker", queue.Breaker(5))
    calls = []

    def fail(*args, **kwargs):
        calls.append(kwargs)
        raise ConnectionError

    monkeypatch.setattr(task, "apply_async", fail)
    start = time.monotonic()
    queue_notice(member, 10)
    assert time.monotonic() - start < 1
    assert len(calls) == 1, "the breaker leaves the broker alone"
    assert calls[0]["retry"] is False
    assert deliver() == 10


def test_mail_is_written_in_the_stored_language_whoever_causes_it(member, other_member, smtp):
    from django.utils import translation

    with translation.override("en"):
        queue_notice(other_member)
    with translation.override("ar"):
        queue_notice(member)
    deliver()
    subjects = {mail.rcpt_tos[0]: subject_of(mail) for mail in smtp.messages}
    assert subjects == {member.email: "Your password was changed", other_member.email: "تم تغيير كلمة المرور في حسابك"}


def test_both_parts_hold_the_same_words_and_no_picture(member, smtp):
    queue_notice(member)
    deliver()
    (mail,) = smtp.messages
    html = mail.get_body(("html",)).get_content()
    assert "Mona" in text_of(mail)
    assert "Mona" in html
    assert "<img" not in html
    assert 'href="http' in html
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "en"


def test_name_with_markup_is_shown_literally(member, smtp):
    member.first_name = "<b>{{ x }}</b>"
    member.save()
    queue_notice(member)
    deliver()
    assert "&lt;b&gt;{{ x }}&lt;/b&gt;" in smtp.messages[0].get_body(("html",)).get_content()
