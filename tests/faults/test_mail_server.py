"""The mail server fails in every way: nothing is lost, and the first code leaves soon after its return."""

import time

import pytest

from tests.faults.mail_server import wait_until
from tests.faults.measures import Outage, measures
from tests.faults.people import new_address

# Enough for a rate: what a silent server holds when it comes back waits for the end of its time-out of 15 s.
QUEUED = 500


def refuse_connections(smtp):
    smtp.pause()


def refuse_login(smtp):
    smtp.refuse_login = True


def refuse_relaying(smtp):
    smtp.answer_recipient = lambda address: "554 5.7.1 Relay access denied"


def close_at_once(smtp):
    smtp.answer_recipient = lambda address: "421 4.3.2 closing"


def fall_silent(smtp):
    smtp.stall_at = "RCPT"


def fall_silent_after_data(smtp):
    smtp.stall_at = "DATA"


OUTAGES = [refuse_connections, refuse_login, refuse_relaying, close_at_once, fall_silent, fall_silent_after_data]


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.__name__)
def test_mail_server(fault, outage):
    smtp, people = fault.smtp, {new_address("outage"): fault.person() for _ in range(3)}
    told = fault.stack.log("sweeper").count("mail server away")
    outage(smtp)
    try:
        for address, person in people.items():
            assert person.register(address) == 302
        fault.rows.queue_notices(QUEUED)
        # Both ways out have met it, and the sweeper probes.
        wait_until(lambda: fault.stack.log("sweeper").count("mail server away") >= told + 2, 60)
        assert not smtp.receipts[fault.began :]
    finally:
        smtp.behave()
        if outage is refuse_connections:
            smtp.resume()
    back = time.time()
    receipts = wait_until(lambda: len(smtp.receipts) > fault.began and smtp.receipts[fault.began :], 60)
    first = min(receipt.at for receipt in receipts) - back
    for address, person in people.items():
        code = smtp.code_for(address, seconds=60)
        # Their ten minutes began with the acceptance, which is after the outage.
        assert fault.rows.accepted_at(address) > back
        fault.rows.age_code(address)
        measures.late_codes.append("Otaibi" in person.type_code(code))
    fault.audit()
    mails = [receipt.at for receipt in smtp.receipts[fault.began :] if receipt.recipient.startswith("notice")]
    rate = (len(mails) - 1) / (max(mails) - min(mails))
    measures.outages[fault.name] = Outage(first, rate)
    fault.note_answers()
    assert all(measures.late_codes)
    slow = measures.slowness()
    assert first < 10 * slow
    assert rate * slow > 20


def test_greylisting_delays_its_recipient_alone(fault):
    grey, other = new_address("grey"), new_address()
    fault.smtp.answer_recipient = lambda address: "451 4.7.1 Greylisted" if address == grey else None
    fault.person().register(grey)
    wait_until(lambda: fault.smtp.met["451"])
    began = time.monotonic()
    fault.person().register(other)
    fault.smtp.wait_for(other)
    assert time.monotonic() - began < 10
    fault.smtp.behave()
    fault.audit()
    assert len(fault.smtp.to(grey)) == 1


def test_refused_mailbox_is_told_on_the_page_and_stops_nobody(fault):
    refused, other = new_address("refused"), new_address()
    fault.smtp.answer_recipient = lambda address: "550 5.1.1 unknown" if address == refused else None
    person = fault.person()
    person.register(refused)
    fault.person().register(other)
    fault.smtp.wait_for(other)
    wait_until(lambda: fault.rows.state(refused) == "refused")
    _status, page = person.ask("GET", "/en/accounts/confirm-email/")
    assert "The mailbox refused our message" in page
    fault.audit()
    assert fault.smtp.met["550"] == 1
    assert not fault.smtp.to(refused)


@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "lost"])
def test_conversation_that_ends_after_the_final_dot(fault, keeps):
    address = new_address("dropped")
    fault.smtp.keep_dropped, fault.smtp.drops = keeps, 1
    fault.person().register(address)
    fault.smtp.wait_for(address, count=1 + keeps)
    fault.audit(doubles=int(keeps), cause="the server kept it and dropped the connection before its 250")
    assert len({receipt.id for receipt in fault.smtp.to(address)}) == 1


def test_slow_mail_server_slows_no_page(fault):
    fault.smtp.seconds = 1
    people = [(fault.person(), new_address("slow")) for _ in range(8)]
    for person, address in people:
        assert person.register(address) == 302
    for person, address in people:
        assert "Otaibi" in person.type_code(fault.smtp.code_for(address))
    fault.audit()
    fault.note_waits("mail server a second slow")
    fault.note_answers()


def test_poison_row_stops_nothing(fault):
    """A mail that can never be written waits alone, and is given up in its time."""
    poison = fault.rows.one(
        """INSERT INTO mail_outbox (id, kind, lane, recipient, language, "references", state, attempts, error,
           created_at, next_at)
           VALUES (gen_random_uuid(), 'registration_code', 0, 'poison@example.com', 'ar', '{}', 'waiting', 0, '',
           now() - interval '1 hour', now() - interval '1 hour') RETURNING id::text"""
    )
    address = new_address()
    began = time.monotonic()
    fault.person().register(address)
    fault.smtp.wait_for(address)
    assert time.monotonic() - began < 10
    wait_until(lambda: fault.rows.one("SELECT error FROM mail_outbox WHERE id = %s", poison).startswith("unwritable"))
    # Two hours later it is given up.
    fault.rows.ask(
        "UPDATE mail_outbox SET created_at = now() - interval '2 hours', next_at = now() WHERE id = %s", poison
    )
    wait_until(lambda: fault.rows.one("SELECT state FROM mail_outbox WHERE id = %s", poison) == "given_up", 30)
    fault.rows.ask("DELETE FROM mail_outbox WHERE id = %s", poison)
    fault.audit()
