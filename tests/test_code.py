"""Story: the verification code, typed, repeated, mistyped and waited for."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts import challenges
from accounts.models import Challenge, PendingRegistration, User
from mumaris.mail.models import Outbox
from tests.journey import code_in, deliver, in_arabic_digits, mails_to, register, text_of, type_code, url, waiting

pytestmark = pytest.mark.django_db
NORA = "nora@example.com"
CODE_PAGE = "account_email_verification_sent"


@pytest.fixture
def code(client, smtp):
    register(client)
    deliver()
    return code_in(mails_to(smtp, NORA)[0])


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def shift(**span):
    return time_machine.travel(timezone.now() + timedelta(**span), tick=True)


@pytest.mark.parametrize(
    "spell",
    [
        str,
        in_arabic_digits,
        lambda code: code.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")),
        lambda code: code.translate(str.maketrans("0123456789", "０１２３４５６７８９")),
        lambda code: f"{code[:3]} {code[3:]}",
        lambda code: f"{code[:3]}-{code[3:]}",
        lambda code: f"{code[:3]}\u00a0{code[3:]}",
        lambda code: f"\u200f\u2067{code}\u2069\u200e",
    ],
    ids=["plain", "arabic", "persian", "full-width", "space", "dash", "nbsp", "bidi"],
)
def test_code_is_accepted_however_it_was_pasted(client, code, spell):
    type_code(client, spell(code))
    assert User.objects.filter(email=NORA).exists()


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "ⅣⅣⅣⅣⅣⅣ", "\u200f"])
def test_what_is_no_code_costs_no_try(client, code, typed):
    page = type_code(client, typed)
    assert page.status_code == 200
    assert 'id="id_code_error"' in page.content.decode()
    assert challenges.tries_left(Challenge.objects.get(), PendingRegistration.objects.get().visitor) == 5


def test_wrong_code_says_how_many_tries_are_left_in_six_plurals(client, code):
    sentences = [
        "بقيت لك 4 محاولات",
        "بقيت لك 3 محاولات",
        "بقيت لك محاولتان",
        "بقيت لك محاولة واحدة",
        "لم تبق لك محاولات",
    ]
    for sentence in sentences:
        assert sentence in type_code(client, wrong(code)).content.decode()
    page = type_code(client, code)
    assert not User.objects.exists(), "the right code after five wrong ones must not work"
    assert "استنفدت محاولات" in page.content.decode()


def test_after_five_wrong_codes_a_new_code_opens_the_way(client, code, smtp):
    for _ in range(5):
        type_code(client, wrong(code))
    with shift(minutes=2):
        client.post(url(CODE_PAGE), {"action": "resend"})
        deliver()
        new = code_in(mails_to(smtp, NORA)[1])
        assert new != code
        type_code(client, new)
    assert User.objects.exists()


def test_resending_repeats_the_live_code(client, code, smtp):
    with shift(minutes=2):
        client.post(url(CODE_PAGE), {"action": "resend"})
        deliver()
        assert [code_in(mail) for mail in mails_to(smtp, NORA)] == [code, code]


def test_late_resend_makes_a_new_code_and_both_work(client, code, smtp):
    with shift(minutes=7):
        client.post(url(CODE_PAGE), {"action": "resend"})
        deliver()
        first, second = (code_in(mail) for mail in mails_to(smtp, NORA))
        assert first != second
        type_code(client, first)
        assert User.objects.exists(), "the former code stays good to its end"


def test_resend_too_soon_says_when(client, code, smtp):
    page = client.post(url(CODE_PAGE), {"action": "resend"}, follow=True)
    assert "يمكنك طلبه من جديد" in page.content.decode()
    assert not waiting()


def test_page_shows_wait_and_sends_left(client, code):
    page = client.get(url(CODE_PAGE))
    assert 55 <= page.context["wait_seconds"] <= 60
    assert page.context["sends_left"] == 4
    assert page.context["tries_left"] == 5
    assert page.context["sent_at"] is not None


def test_code_expires_ten_minutes_after_the_mail_server_took_it(client, smtp):
    register(client)
    with shift(minutes=30):
        # Half an hour in the queue costs nothing.
        deliver()
        code = code_in(mails_to(smtp, NORA)[0])
    with shift(minutes=39):
        assert challenges.matches(Challenge.objects.get(), code)
    with shift(minutes=41):
        page = type_code(client, code)
        assert "انتهت صلاحية رمز التحقق. اطلب رمزًا جديدًا." in page.content.decode()
    assert not User.objects.exists()


def test_address_can_be_changed_on_the_code_page(client, smtp, code):
    client.post(url(CODE_PAGE), {"action": "change", "email": "nora@example.org"})
    deliver()
    (mail,) = mails_to(smtp, "nora@example.org")
    type_code(client, code_in(mail))
    assert User.objects.get().email == "nora@example.org"


def test_old_code_does_not_prove_the_new_address(client, smtp, code):
    client.post(url(CODE_PAGE), {"action": "change", "email": "nora@example.org"})
    type_code(client, code)
    assert not User.objects.exists()


def test_bad_new_address_is_refused_in_words(client, code):
    page = client.post(url(CODE_PAGE), {"action": "change", "email": "nora@"})
    assert "أدخل بريدًا إلكترونيًا صحيحًا" in page.content.decode()
    assert PendingRegistration.objects.get().address == NORA


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("nora@gmial.com", "nora@gmail.com"),
        ("nora@hotmal.com", "nora@hotmail.com"),
        ("nora@gmail.con", "nora@gmail.com"),
    ],
)
def test_likely_typing_error_is_hinted_and_never_blocks(client, address, meant):
    answer = register(client, email=address)
    page = client.get(answer.url).content.decode()
    assert meant in page
    assert waiting("registration_code") == 1


def test_code_page_without_registration_leads_to_the_declaration(client):
    assert client.get(url(CODE_PAGE)).url == url("account_declaration")


def test_mailbox_gets_one_code_a_minute_and_five_an_hour(client, smtp):
    from django.test import Client

    start = timezone.now()
    for minute in range(8):
        with time_machine.travel(start + timedelta(minutes=minute, seconds=1), tick=True):
            visitor = Client()
            answer = register(visitor)
            assert answer.status_code == 302
            register(Client())
            deliver()
    assert len(mails_to(smtp, NORA)) == 5
    with time_machine.travel(start + timedelta(hours=3), tick=True):
        register(Client())
        deliver()
    assert len(mails_to(smtp, NORA)) == 6, "one an hour without end: no stranger can starve the owner"


def test_plus_label_is_the_same_mailbox(client, smtp):
    from django.test import Client

    register(client, email="nora+1@example.com")
    register(Client(), email="nora+2@example.com")
    deliver()
    assert len(smtp.messages) == 1


def test_refused_mailbox_is_told_on_the_page(client, smtp):
    smtp.answer_recipient = lambda address: "550 5.1.1 unknown"
    register(client)
    deliver()
    page = client.get(url(CODE_PAGE)).content.decode()
    assert "رفض" in page
    assert Outbox.objects.get().state == "refused"


def test_no_code_lies_in_the_database(client, code):
    from django.apps import apps

    for model in apps.get_models():
        for row in model._default_manager.values():
            assert code not in str(row), model


def test_fifty_guesses_a_day_stop_new_visitors_but_not_one_with_tries_left(client, code):
    challenge = Challenge.objects.get()
    for number in range(9):
        for _ in range(5):
            challenges.count_try(challenge, f"visitor {number}")
    challenges.count_try(challenge, PendingRegistration.objects.get().visitor)
    for _ in range(4):
        challenges.count_try(challenge, "visitor 10")
    with pytest.raises(challenges.MailboxClosed):
        challenges.count_try(challenge, "visitor 11")
    type_code(client, code)
    assert User.objects.filter(email=NORA).exists()


def test_code_mail_is_right_to_left_with_an_unbroken_code_of_its_own_line(client, smtp, code):
    (mail,) = mails_to(smtp, NORA)
    assert f"\n{code}\n" in text_of(mail)
    html = mail.get_body(("html",)).get_content()
    assert '<html lang="ar" dir="rtl"' in html
    assert f">{code}</p>" in html
    assert "<img" not in html


def test_strangers_renewals_do_not_kill_a_delivered_code(client, code, smtp):
    """A stranger registers the address, burns five tries and asks again, twice over."""
    from django.test import Client

    now = timezone.now()
    stranger = Client()
    for minutes in (1, 3):
        with time_machine.travel(now + timedelta(minutes=minutes, seconds=5), tick=True):
            register(stranger)
            for _ in range(5):
                type_code(stranger, wrong(code))
        with time_machine.travel(now + timedelta(minutes=minutes + 1, seconds=10), tick=True):
            stranger.post(url(CODE_PAGE), {"action": "resend"})
            deliver()
    with time_machine.travel(now + timedelta(minutes=8), tick=True):
        type_code(client, code)
    assert User.objects.filter(email=NORA).exists()


def test_sends_come_back_one_an_hour(client, smtp):
    now = timezone.now()
    register(client)
    for minutes in (2, 4, 6, 8):
        with time_machine.travel(now + timedelta(minutes=minutes), tick=True):
            client.post(url(CODE_PAGE), {"action": "resend"})
            deliver()
    with time_machine.travel(now + timedelta(minutes=10), tick=True):
        assert client.get(url(CODE_PAGE)).context["sends_left"] == 0
    with time_machine.travel(now + timedelta(minutes=70), tick=True):
        assert client.get(url(CODE_PAGE)).context["sends_left"] > 0
        client.post(url(CODE_PAGE), {"action": "resend"})
        assert deliver() == 1


def test_repeated_code_names_its_end(client, code, smtp):
    with shift(minutes=2):
        client.post(url(CODE_PAGE), {"action": "resend"})
        deliver()
    assert "الرمز صالح حتى" in text_of(mails_to(smtp, NORA)[1])
