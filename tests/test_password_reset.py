"""Story: a forgotten password, from the question to the new one."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Challenge, User
from tests.journey import (
    NEW_PASSWORD,
    PASSWORD,
    ask_reset,
    deliver,
    link_in,
    mails_to,
    sign_in,
    text_of,
    tick_robot,
    url,
    waiting,
)

pytestmark = pytest.mark.django_db
PASSWORDS = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}


@pytest.fixture
def link(client, member, smtp):
    ask_reset(client, member.email)
    deliver()
    return link_in(mails_to(smtp, member.email)[0])


def open_link(client, link: str) -> str:
    answer = client.get(link)
    assert answer.status_code == 302
    return answer.url


def test_reset_leads_from_question_to_new_password(client, member, smtp, link):
    form = open_link(client, link)
    assert form.endswith("-set-password/")
    answer = client.post(form, PASSWORDS)
    assert answer.url == url("account_reset_password_from_key_done", language="en")
    assert "_auth_user_id" not in client.session, "a reset never signs in"
    deliver()
    notice = mails_to(smtp, member.email)[1]
    assert notice["Subject"] == "Your password was changed"
    assert sign_in(client, member.email, NEW_PASSWORD).status_code == 302


def test_link_mail_speaks_the_owners_language(link, member, smtp):
    (mail,) = mails_to(smtp, member.email)
    assert mail["Subject"] == "Reset your Mumaris Plus password"
    assert "60 minutes" in text_of(mail)
    assert link.startswith("/en/")


def test_unknown_address_gets_same_page_and_a_mail_that_helps(client, member, smtp):
    known, unknown = ask_reset(client, member.email), ask_reset(client, "nobody@example.com")
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert "إذا كان البريد مسجلًا لدينا" in client.get(unknown.url).content.decode()
    deliver()
    (mail,) = mails_to(smtp, "nobody@example.com")
    assert "لا يوجد حساب" in text_of(mail)
    assert url("account_declaration") in text_of(mail)
    assert "password/reset/key" not in text_of(mail)


def test_account_made_by_the_registry_is_opened_by_a_reset(client, smtp):
    user = User.objects.create_user("file@example.com", None, first_name="Sara", last_name="Ali")
    ask_reset(client, user.email)
    deliver()
    client.post(open_link(client, link_in(mails_to(smtp, user.email)[0])), PASSWORDS)
    assert sign_in(client, user.email, NEW_PASSWORD).status_code == 302
    assert user.emailaddress_set.get().verified


def test_opening_a_link_consumes_nothing(client, link):
    for _ in range(3):
        open_link(Client(), link)
        Client().head(link)
    assert client.post(open_link(client, link), PASSWORDS).status_code == 302


def test_link_works_once(client, link):
    form = open_link(client, link)
    client.post(form, PASSWORDS)
    again = Client().get(link)
    assert again.status_code == 200
    assert "This link does not work or has expired" in again.content.decode()


def test_link_lives_sixty_minutes(client, link):
    with time_machine.travel(timezone.now() + timedelta(minutes=59), tick=True):
        form = open_link(client, link)
    with time_machine.travel(timezone.now() + timedelta(minutes=61), tick=True):
        assert Client().get(link).status_code == 200
        page = client.post(form, PASSWORDS)
        assert page.status_code == 200
    assert not User.objects.get().check_password(NEW_PASSWORD)


def test_link_and_opened_form_die_with_a_password_change(client, member, link):
    form = open_link(client, link)
    owner = Client()
    sign_in(owner, member.email, PASSWORD)
    changed = {"oldpassword": PASSWORD, "password1": "Bright/Meadow3", "password2": "Bright/Meadow3"}
    assert owner.post(url("account_change_password"), changed).status_code == 302
    assert Client().get(link).status_code == 200
    client.post(form, PASSWORDS)
    assert User.objects.get().check_password("Bright/Meadow3")


def test_second_question_repeats_the_live_link(client, member, smtp, link):
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
        ask_reset(client, member.email)
        deliver()
        assert [link_in(mail) for mail in mails_to(smtp, member.email)] == [link, link]


def test_reset_ends_all_sessions(client, member, link):
    elsewhere = Client()
    sign_in(elsewhere, member.email, PASSWORD)
    client.post(open_link(client, link), PASSWORDS)
    assert elsewhere.get(url("profile")).status_code == 302


@pytest.mark.parametrize("tampered", ["0", "zz", "123456789abc", "-"])
def test_tampered_link_is_told_in_words_and_opens_no_form(client, link, tampered):
    path = link[:-3] + tampered + "/"
    page = client.get(path)
    assert page.status_code == 200
    assert "This link does not work or has expired" in page.content.decode()
    clean = link.rpartition("-")[0] + "-set-password/"
    client.post(clean, PASSWORDS)
    assert User.objects.get().check_password(PASSWORD)


def test_withheld_mail_does_not_kill_the_link_already_sent(client, member, smtp, link):
    """Near its end a question would make a new link, but the mailbox has had its mails."""
    now = timezone.now()
    for minutes in (2, 4, 6, 8):
        with time_machine.travel(now + timedelta(minutes=minutes), tick=True):
            ask_reset(client, member.email)
            deliver()
    with time_machine.travel(now + timedelta(minutes=57), tick=True):
        ask_reset(client, member.email)
        assert not waiting()
        open_link(Client(), link)


def test_former_link_and_its_open_form_stay_good_to_their_end(client, member, smtp, link):
    form = open_link(client, link)
    with time_machine.travel(timezone.now() + timedelta(minutes=57), tick=True):
        ask_reset(Client(), member.email)
        deliver()
        assert link_in(mails_to(smtp, member.email)[1]) != link
        open_link(Client(), link)
        assert client.post(form, PASSWORDS).status_code == 302


def test_reset_lifts_the_lock_that_pointed_to_it(client, member, link):
    for _ in range(6):
        sign_in(client, member.email, "Wrong-Password1")
    client.post(open_link(client, link), PASSWORDS)
    assert sign_in(client, member.email, NEW_PASSWORD).status_code == 302


def test_change_in_flight_gives_way_to_the_owners_reset(client, member, link, monkeypatch):
    """Whoever sits in an open session must not overwrite what the owner has just recovered."""
    from accounts import adapter

    thief = Client()
    sign_in(thief, member.email, PASSWORD)
    hashing = adapter.make_password

    def reset_meanwhile(password):
        client.post(open_link(client, link), PASSWORDS)
        return hashing(password)

    monkeypatch.setattr(adapter, "make_password", reset_meanwhile)
    change = {"oldpassword": PASSWORD, "password1": "Thief-Was-Here1", "password2": "Thief-Was-Here1"}
    thief.post(url("account_change_password"), change)
    assert User.objects.get().check_password(NEW_PASSWORD)


def test_link_key_stands_in_no_log(client, member, link, caplog):
    from mumaris.logs import HideSecrets

    caplog.handler.addFilter(HideSecrets())
    client.put(link)
    lines = [record.getMessage() for record in caplog.records]
    assert any("password/reset/key/" in line for line in lines)
    assert link.rstrip("/").rpartition("-")[2] not in " ".join(lines)


def test_key_travels_neither_in_referrer_nor_in_session(client, link):
    answer = client.get(link)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    key = link.rstrip("/").rpartition("-")[2]
    assert key not in str(dict(client.session))
    assert client.get(answer.url).headers["Referrer-Policy"] == "same-origin"


def test_link_comes_from_the_setting_and_not_from_the_host_header(client, member, smtp):
    forgot = url("account_reset_password")
    fields = {"email": member.email} | tick_robot(client.get(forgot, headers={"Host": "testserver"}))
    client.post(forgot, fields, headers={"Host": "testserver", "X-Forwarded-Host": "evil.example"})
    deliver()
    assert "http://localhost:8000/" in text_of(mails_to(smtp, member.email)[0])


def test_foreign_host_is_a_400(client):
    assert client.get(url("account_reset_password"), headers={"Host": "evil.example"}).status_code == 400


def test_password_rule_holds_and_nothing_is_consumed(client, member, link):
    form = open_link(client, link)
    page = client.post(form, {"password1": "Mona-1405", "password2": "Mona-1405"})
    assert page.status_code == 200
    assert client.post(form, PASSWORDS).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_sixty_parallel_posts_set_exactly_one_password(member, smtp):
    ask_reset(Client(), member.email)
    deliver()
    link = link_in(mails_to(smtp, member.email)[0])
    clients = [Client() for _ in range(60)]
    forms = [open_link(client, link) for client in clients]
    outcomes = {}

    def post(number):
        word = f"Parallel-Try{number:02d}x"
        outcomes[number] = clients[number].post(forms[number], {"password1": word, "password2": word}).status_code
        connection.close()

    threads = [threading.Thread(target=post, args=[number]) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes.values()).count(302) == 1
    # Those whom the gate on hashing turned away come again, and read that the link has served.
    assert set(outcomes.values()) <= {200, 302, 503}
    (winner,) = (number for number, status in outcomes.items() if status == 302)
    assert User.objects.get().check_password(f"Parallel-Try{winner:02d}x")
    assert waiting("password_changed") == 1


def test_mailbox_gets_one_link_a_minute(client, member):
    ask_reset(client, member.email)
    deliver()
    ask_reset(client, member.email)
    assert not waiting()
    assert Challenge.objects.count() == 1


def test_forgot_is_limited_by_network_address(client):
    with time_machine.travel(timezone.now().replace(minute=10), tick=True):
        answers = [ask_reset(client, f"person{number}@example.com").status_code for number in range(21)]
    assert answers == [302] * 20 + [429]


def test_two_links_in_one_browser_each_open_their_own_account(client, member, other_member, smtp, link):
    ask_reset(Client(), other_member.email)
    deliver()
    form = open_link(client, link)
    open_link(client, link_in(mails_to(smtp, other_member.email)[0]))
    client.post(form, PASSWORDS)
    assert not User.objects.get(pk=other_member.pk).check_password(NEW_PASSWORD)


def test_second_tap_on_save_finds_the_first_one_done(client, link):
    form = open_link(client, link)
    done = url("account_reset_password_from_key_done", language="en")
    assert client.post(form, PASSWORDS).url == done
    assert client.post(form, PASSWORDS).url == done


def test_second_tap_on_next_leads_to_the_same_page(client, member):
    forgot = url("account_reset_password")
    fields = {"email": member.email} | tick_robot(client.get(forgot))
    assert client.post(forgot, fields).url == client.post(forgot, fields).url == url("account_reset_password_done")
    assert waiting("password_reset") == 1


def test_owner_of_a_disabled_account_is_told_so(client, member, smtp):
    member.is_active = False
    member.save()
    ask_reset(client, member.email)
    deliver()
    assert mails_to(smtp, member.email)[0]["Subject"] == "Your Mumaris Plus account is disabled"
