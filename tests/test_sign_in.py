"""Story: signing in, being remembered, being locked, signing out."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts import limits
from accounts.models import Session
from tests.journey import PASSWORD, answer_visual_code, register, sign_in, url

pytestmark = pytest.mark.django_db
LOGIN, PROFILE = "account_login", "profile"


def test_signing_in_opens_the_profile(client, member):
    answer = sign_in(client, member.email, PASSWORD)
    assert answer.url == url(PROFILE)
    assert "Mona" in client.get(answer.url).content.decode()


@pytest.mark.parametrize(
    "typed", ["Member@Example.COM", " member@example.com ", "\u200fmember@example.com\u200e", "ｍember@example.com"]
)
def test_user_name_is_one_however_it_is_typed(client, member, typed):
    assert sign_in(client, typed, PASSWORD).status_code == 302


@pytest.mark.parametrize(
    ("language", "told"),
    [("ar", "سجّلت الدخول باسم"), ("en", "You are signed in as")],
)
def test_other_name_typed_where_somebody_is_signed_in_is_told(client, member, other_member, language, told):
    """Two tabs of a shared computer: the second person must not take the first one's profile for the own one."""
    fields = {"password": PASSWORD} | answer_visual_code(client.get(url("account_login")))
    sign_in(client, member.email)
    for typed, is_told in [(other_member.email, True), ("nobody", True), (member.email.upper(), False), ("", False)]:
        answer = client.post(url("account_login", language=language), fields | {"login": typed}, follow=True)
        assert (told in answer.content.decode()) == is_told
        assert member.get_full_name() in answer.content.decode()


def test_next_leads_back_and_never_to_another_host(client, member):
    page = client.get(url(LOGIN) + "?next=/ar/terms/")
    fields = {"login": member.email, "password": PASSWORD, "next": "/ar/terms/"} | answer_visual_code(page)
    assert client.post(url(LOGIN), fields).url == "/ar/terms/"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "\thttps://evil.example"],
)
def test_next_to_another_host_is_ignored(client, member, target):
    page = client.get(url(LOGIN))
    fields = {"login": member.email, "password": PASSWORD, "next": target} | answer_visual_code(page)
    assert client.post(url(LOGIN), fields).url == url(PROFILE)


@pytest.mark.parametrize("login", ["member@example.com", "nobody@example.com", "1234567", "' or 1=1 --", "x" * 254])
def test_wrong_parts_get_one_sentence(client, member, login):
    page = sign_in(client, login, "Wrong-Password1")
    assert "اسم المستخدم أو كلمة المرور غير صحيحة." in page.content.decode()
    assert "Wrong-Password1" not in page.content.decode()


def test_wrong_visual_code_costs_no_sql_and_no_hash(client, member, django_assert_num_queries):
    page = client.get(url(LOGIN))
    fields = {"login": member.email, "password": PASSWORD} | answer_visual_code(page) | {"captcha": "00000"}
    with django_assert_num_queries(0):
        answer = client.post(url(LOGIN), fields)
    assert answer.status_code == 200
    assert "_auth_user_id" not in client.session


def test_visual_code_serves_once(client, member):
    page = client.get(url(LOGIN))
    fields = {"login": member.email, "password": PASSWORD} | answer_visual_code(page)
    assert client.post(url(LOGIN), fields).status_code == 302
    assert Client().post(url(LOGIN), fields).status_code == 200


def test_sign_in_page_asks_no_database_for_a_visitor(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        page = client.get(url(LOGIN))
    assert settings.SESSION_COOKIE_NAME not in page.cookies


def test_disabled_account_is_told_only_with_the_right_password(client, member):
    member.is_active = False
    member.save()
    assert "غير صحيحة" in sign_in(client, member.email, "Wrong-Password1").content.decode()
    assert sign_in(client, member.email, PASSWORD).url == url("account_inactive")
    assert "_auth_user_id" not in client.session


def test_account_of_the_registry_without_password_cannot_sign_in(client, django_user_model):
    django_user_model.objects.create_user("file@example.com", None)
    assert sign_in(client, "file@example.com", "").status_code == 200
    assert sign_in(client, "file@example.com", "!").status_code == 200


def test_own_registration_of_a_known_address_looks_like_any_other(member):
    """Otherwise registering an address and signing in would tell whether it has an account."""
    answers = []
    for email in (member.email, "nobody@example.com"):
        stranger = Client()
        register(stranger, email=email, password1="Stranger+Word7", password2="Stranger+Word7")
        elsewhere = Client()
        answer = sign_in(elsewhere, email, "Stranger+Word7")
        answers.append((answer.status_code, answer.url))
        assert "_auth_user_id" not in elsewhere.session
        wrong = sign_in(Client(), email, "Neither-Word7")
        answers.append((wrong.status_code, None))
    assert answers[:2] == answers[2:]
    assert answers[0] == (302, url("account_email_verification_sent"))
    # The owner's own password still opens the owner's account, and the stranger's tries count.
    assert sign_in(Client(), member.email, PASSWORD).url == url(PROFILE)


def test_strangers_registration_does_not_clear_the_owners_counter(member):
    stranger = Client()
    register(stranger, email=member.email, password1="Stranger+Word7", password2="Stranger+Word7")
    for _ in range(2):
        sign_in(Client(), member.email, "Wrong-Password1")
    for _ in range(3):
        sign_in(Client(), member.email, "Stranger+Word7")
    assert sign_in(Client(), member.email, "Wrong-Password1").status_code == 429


def test_visual_code_after_failures_is_asked_on_the_page_that_tells_of_one(client, member, settings):
    settings.VISUAL_CODE = "after_failures"
    page = client.get(url(LOGIN))
    assert "captcha_token" not in page.content.decode()
    page = client.post(url(LOGIN), {"login": member.email, "password": "Wrong-Password1"})
    assert "captcha_token" in page.content.decode()
    refused = client.post(url(LOGIN), {"login": member.email, "password": PASSWORD})
    assert "أدخل رمز التحقق المرئي." in refused.content.decode()
    fields = {"login": member.email, "password": PASSWORD} | answer_visual_code(refused)
    assert client.post(url(LOGIN), fields).status_code == 302


def test_disabled_account_with_remember_me_leaves_no_session_mark(client, member):
    member.is_active = False
    member.save()
    sign_in(client, member.email, PASSWORD, remember="on")
    assert "signed_in" not in client.session


def test_name_of_the_command_line_is_kept_in_one_spelling(client, django_user_model):
    django_user_model.objects.create_superuser("Root@Example.COM", PASSWORD, first_name="R", last_name="A")
    assert sign_in(client, "root@example.com", PASSWORD).status_code == 302


# --- Locks -------------------------------------------------------------------------------------


def test_lock_names_its_end_keeps_what_was_typed_and_leaves_reset_open(client, member):
    for _ in range(5):
        sign_in(client, member.email, "Wrong-Password1")
    with time_machine.travel(timezone.now(), tick=False):
        page = sign_in(client, member.email, PASSWORD)
        end = timezone.localtime(timezone.now() + timedelta(seconds=int(page.headers["Retry-After"])))
    content = page.content.decode()
    assert page.status_code == 429
    assert f"{end:%-I:%M}" in content or f"{end + timedelta(minutes=1):%-I:%M}" in content
    assert f'value="{member.email}"' in content
    assert f'href="{url("account_reset_password")}"' in content


def test_lock_looks_the_same_for_unknown_names(client, member):
    answers = []
    for name in (member.email, "nobody@example.com"):
        for _ in range(5):
            sign_in(Client(REMOTE_ADDR="10.1.2.3"), name, "Wrong-Password1")
        answers.append(sign_in(Client(REMOTE_ADDR="10.1.2.3"), name, "Wrong-Password1").status_code)
    assert answers == [429, 429]


def test_waits_double_after_the_fifth_failure():
    now, waits = timezone.now(), []
    for _ in range(10):
        with time_machine.travel(now, tick=False):
            limits.count(limits.SIGN_IN_HERE, "nora@example.com", "10.0.0.0/24")
            _count, wait = limits.used(limits.SIGN_IN_HERE, "nora@example.com", "10.0.0.0/24")
        waits.append(round(wait.total_seconds() / 60))
        now += wait + timedelta(seconds=1)
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 15, 15]


def test_four_failures_are_forgotten_after_fifteen_minutes():
    now = timezone.now()
    for minutes in (0, 1, 2, 3, 16, 17, 18, 19):
        with time_machine.travel(now + timedelta(minutes=minutes), tick=False):
            limits.count(limits.SIGN_IN_HERE, "nora@example.com", "10.0.0.0/24")
            assert limits.used(limits.SIGN_IN_HERE, "nora@example.com", "10.0.0.0/24")[1] == timedelta(0)


def test_success_starts_the_count_again(client, member):
    for _ in range(4):
        sign_in(client, member.email, "Wrong-Password1")
    assert sign_in(client, member.email, PASSWORD).status_code == 302
    client.cookies.clear()
    for _ in range(4):
        assert sign_in(client, member.email, "Wrong-Password1").status_code == 200
    assert sign_in(client, member.email, PASSWORD).status_code == 302


def test_attacker_elsewhere_slows_himself_and_not_the_owner(member):
    attacker, owner = Client(REMOTE_ADDR="203.0.113.9"), Client(REMOTE_ADDR="198.51.100.7")
    for _ in range(6):
        sign_in(attacker, member.email, "Wrong-Password1")
    assert sign_in(attacker, member.email, PASSWORD).status_code == 429
    assert sign_in(owner, member.email, PASSWORD).status_code == 302


def test_one_network_address_fails_thirty_times_a_minute(member):
    visitor = Client(REMOTE_ADDR="203.0.113.9")
    with time_machine.travel("2026-11-23 10:00:00+00:00", tick=False):
        for number in range(30):
            assert sign_in(visitor, f"somebody{number}@example.com", "Wrong-Password1").status_code == 200
        refused = sign_in(visitor, "new@example.com", "Wrong-Password1")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    with time_machine.travel("2026-11-23 10:01:00+00:00", tick=False):
        assert sign_in(visitor, "new@example.com", "Wrong-Password1").status_code == 200


def test_forged_forwarded_header_changes_nothing(member):
    for number in range(6):
        sign_in(Client(headers={"x-forwarded-for": f"192.0.2.{number}"}), member.email, "Wrong-Password1")
    assert sign_in(Client(headers={"x-forwarded-for": "192.0.2.99"}), member.email, PASSWORD).status_code == 429


# --- Sessions ----------------------------------------------------------------------------------


def signed_in_after(client, **span):
    with time_machine.travel(timezone.now() + timedelta(**span), tick=True):
        return client.get(url(PROFILE)).status_code == 200


def test_session_ends_after_thirty_idle_minutes_and_says_so(client, member):
    sign_in(client, member.email, PASSWORD)
    assert signed_in_after(client, minutes=29)
    with time_machine.travel(timezone.now() + timedelta(minutes=60), tick=True):
        page = client.get(url(PROFILE), follow=True)
        assert "انتهت جلستك" in page.content.decode()


def test_session_ends_after_twelve_hours_of_use(client, member):
    start = timezone.now()
    sign_in(client, member.email, PASSWORD)
    for minutes in range(20, 12 * 60, 20):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=True):
            assert client.get(url(PROFILE)).status_code == 200
    with time_machine.travel(start + timedelta(hours=12, minutes=1), tick=True):
        assert client.get(url(PROFILE)).status_code == 302


def test_remembered_session_lives_fourteen_idle_days(client, member):
    answer = sign_in(client, member.email, PASSWORD, remember="on")
    cookie = answer.cookies[settings.SESSION_COOKIE_NAME]
    assert 29 * 86400 < int(cookie["max-age"]) <= 30 * 86400
    assert signed_in_after(client, days=13)
    assert not signed_in_after(client, days=28)


def test_session_without_remember_is_a_browser_session(client, member):
    cookie = sign_in(client, member.email, PASSWORD).cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["max-age"] == ""


def test_staff_is_never_remembered_and_ends_after_fifteen_minutes(client, reviewer):
    sign_in(client, reviewer.email, PASSWORD, remember="on")
    assert signed_in_after(client, minutes=14)
    assert not signed_in_after(client, minutes=31)


def test_staff_session_ends_after_eight_hours_of_use(client, reviewer):
    start = timezone.now()
    sign_in(client, reviewer.email, PASSWORD)
    for minutes in range(14, 8 * 60, 14):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=True):
            assert client.get(url(PROFILE)).status_code == 200
    with time_machine.travel(start + timedelta(hours=8, minutes=1), tick=True):
        assert client.get(url(PROFILE)).status_code == 302


def test_activity_is_written_once_a_minute_at_most(client, member, django_assert_num_queries):
    sign_in(client, member.email, PASSWORD)
    # It asks for nothing but the session and its user.
    page = url("account_logout")
    with django_assert_num_queries(2):
        client.get(page)
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
        with django_assert_num_queries(3):
            client.get(page)
        with django_assert_num_queries(2):
            client.get(page)


def test_session_id_changes_at_sign_in(client, member):
    client.get(url("account_declaration"))
    client.post(url("account_declaration"), {"declaration": "on"})
    before = client.session.session_key
    sign_in(client, member.email, PASSWORD)
    assert client.session.session_key != before


def test_sign_out_by_post_ends_the_session(client, member):
    sign_in(client, member.email, PASSWORD)
    client.get(url("account_logout"))
    assert "_auth_user_id" in client.session
    ended = client.session.session_key
    client.post(url("account_logout"))
    assert client.get(url(PROFILE)).status_code == 302
    assert not Session.objects.filter(session_key=ended).exists()


def test_cookies_are_locked_to_the_host(client, member):
    answer = sign_in(client, member.email, PASSWORD)
    for name in ("__Host-session", "__Host-csrf"):
        cookie = answer.cookies[name]
        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert not cookie["domain"]
