"""Story: every page in the visitor's language, every mail in the member's."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import OperationalError
from django.test import Client
from django.utils import timezone, translation

from accounts import limits
from mumaris import views
from profiles.services import begin_update_request
from tests.journey import (
    NEW_PASSWORD,
    PASSWORD,
    ask_reset,
    deliver,
    mails_to,
    register,
    sign_in,
    subject_of,
    text_of,
    url,
)
from tests.registry import make_registry_member
from tests.roles import add_app
from tests.test_routes import ARGUMENTS, PAGES

pytestmark = pytest.mark.django_db
COOKIE = settings.LANGUAGE_COOKIE_NAME
DIRECTIONS = {"ar": "rtl", "en": "ltr"}
OPEN_PAGES = [
    "home", "contact", "terms", "privacy", "accessibility", "account_declaration", "account_login", "account_inactive",
    "account_reset_password", "account_reset_password_done", "account_reset_password_from_key",
    "account_reset_password_from_key_done", "account_email_undo", "account_not_me",
    "claim_objection",
]  # fmt: skip
MEMBER_PAGES = [
    "profile", "account_change_password", "account_reauthenticate", "account_email", "account_logout", "claim",
    "account_sessions", "account_devices", "account_activity", "account_privacy", "account_own_data",
]  # fmt: skip
# Of somebody whose member file is tied; those of one request after it.
DATA_PAGES = ["profile", "update_begin", "update_requests"]
REQUEST_PAGES = ["update_edit", "update_check", "update_request"]
# Of somebody with an authenticator app and a passkey; those of the passkey after them.
STEP_PAGES = [
    "mfa_index", "mfa_reauthenticate", "mfa_deactivate_totp", "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes", "mfa_add_webauthn",
]  # fmt: skip
PASSKEY_PAGES = ["mfa_edit_webauthn", "mfa_remove_webauthn"]


def assert_language(answer, language: str):
    """The page says its language and direction, and holds no word of the other one where it matters."""
    page = answer.content.decode()
    assert f'<html lang="{language}" dir="{DIRECTIONS[language]}">' in page
    assert ("ممارس بلس</title>" if language == "ar" else "Mumaris Plus</title>") in page


def switch(client, language: str, page: str, present: str = "ar"):
    return client.post(url("set_language", language=present), {"language": language, "next": page})


# --- The first visit --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cookie", "accepted", "home"),
    [
        ("", "", "/ar/"),
        ("", "en", "/en/"),
        ("", "en-GB,en;q=0.9,ar;q=0.5", "/en/"),
        ("", "ar-SA,ar;q=0.9,en;q=0.8", "/ar/"),
        ("", "fr-FR,fr;q=0.9", "/ar/"),
        ("", "fr,en;q=0.1", "/en/"),
        ("ar", "en", "/ar/"),
        ("en", "ar", "/en/"),
        ("xx", "en", "/en/"),
        ("", "\u0627,;;q=x", "/ar/"),
    ],
)
def test_root_leads_to_the_language_of_cookie_then_browser_then_arabic(client, cookie, accepted, home):
    if cookie:
        client.cookies[COOKIE] = cookie
    answer = client.get("/", headers={"accept-language": accepted})
    assert (answer.status_code, answer.url) == (302, home)
    assert {"Accept-Language", "Cookie"} <= {name.strip() for name in answer["Vary"].split(",")}


def test_address_decides_over_cookie_and_browser(client):
    client.cookies[COOKIE] = "ar"
    assert_language(client.get("/en/terms/", headers={"accept-language": "ar"}), "en")


# --- The switch -------------------------------------------------------------------------------


@pytest.mark.parametrize(("present", "other"), [("ar", "en"), ("en", "ar")])
@pytest.mark.parametrize("name", ["home", "terms", "account_login", "account_reset_password"])
def test_switch_stays_on_the_page_and_is_remembered(client, name, present, other):
    page = client.get(url(name, language=present)).content.decode()
    target = re.search(r'name="next" value="([^"]*)"', page)[1]
    assert re.search(r'name="language" value="([^"]*)"', page)[1] == other
    assert re.search(rf'<button class="tool" lang="{other}" dir="{DIRECTIONS[other]}"', page)

    answer = switch(client, other, target, present)

    assert (answer.status_code, answer.url) == (302, url(name, language=other))
    cookie = answer.cookies[COOKIE]
    assert cookie.value == other
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert cookie["secure"]
    assert client.get("/").url == f"/{other}/"
    assert settings.SESSION_COOKIE_NAME not in client.cookies


def test_switch_keeps_the_query(client):
    page = client.get("/ar/accounts/login/?next=/ar/profile/").content.decode()
    target = re.search(r'name="next" value="(/en[^"]*)"', page)[1]
    assert switch(client, "en", target).url == "/en/accounts/login/?next=/ar/profile/"


def test_switch_of_a_member_is_stored(client, member):
    client.force_login(member)
    switch(client, "ar", "/ar/profile/", "en")
    member.refresh_from_db()
    assert member.language == "ar"
    assert "العربية" in client.get("/ar/profile/").content.decode()


@pytest.mark.parametrize("language", ["xx", "", "fr", "ar-sa", "<script>", "a" * 10_000, "en\r\nSet-Cookie: a=b"])
def test_switch_to_an_unknown_language_changes_nothing(client, member, language):
    client.force_login(member)
    answer = switch(client, language, "/ar/terms/")
    member.refresh_from_db()
    assert member.language == "en"
    assert COOKIE not in answer.cookies
    assert answer.url == "/ar/terms/"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "\thttps://evil.example",
     "https:evil.example", "///evil.example", "http://testserver@evil.example/", "", "\0", "/ar/\r\nX: y"],
)  # fmt: skip
def test_switch_leads_to_no_other_host(client, target):
    answer = switch(client, "en", target)
    assert answer.status_code == 302
    assert "evil" not in answer.url.partition("?")[0].replace("/ar/", "")
    assert answer.url.startswith("/")
    assert not answer.url.startswith(("//", "/\\"))
    assert "X" not in answer.headers


def test_switch_works_without_a_session_and_writes_none(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        switch(client, "en", "/ar/terms/")


# --- Pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", DIRECTIONS)
@pytest.mark.parametrize("name", OPEN_PAGES)
def test_open_page_says_its_language(client, name, language):
    answer = client.get(url(name, *ARGUMENTS.get(name, []), language=language))
    assert answer.status_code == 200
    assert answer["Content-Language"] == language
    assert_language(answer, language)


@pytest.mark.parametrize("language", DIRECTIONS)
@pytest.mark.parametrize("name", MEMBER_PAGES)
def test_page_of_a_member_says_its_language(client, member, name, language):
    client.force_login(member)
    assert_language(client.get(url(name, language=language)), language)


@pytest.mark.parametrize("language", DIRECTIONS)
def test_registration_pages_say_their_language(client, language):
    client.post(url("account_declaration", language=language), {"declaration": "on"})
    assert_language(client.get(url("account_signup", language=language)), language)
    register(client, language=language)
    assert_language(client.get(url("account_email_verification_sent", language=language)), language)


@pytest.mark.parametrize("language", DIRECTIONS)
def test_code_page_of_a_new_address_says_its_language(client, member, language):
    client.force_login(member)
    code_page = client.post(url("account_email", language=language), {"email": "new@example.com"}).url
    assert_language(client.get(code_page), language)


@pytest.mark.parametrize("language", DIRECTIONS)
def test_pages_of_member_data_say_their_language(client, member, language):
    file = make_registry_member(member)
    request = begin_update_request(user=member, membership_number=file.membership_number)
    client.force_login(member)
    for name in DATA_PAGES:
        assert_language(client.get(url(name, language=language)), language)
    for name in REQUEST_PAGES:
        assert_language(client.get(url(name, request.reference, language=language)), language)


@pytest.mark.parametrize("language", DIRECTIONS)
def test_pages_of_the_second_step_say_their_language(client, member, language):
    client.force_login(member)
    assert_language(client.get(url("mfa_activate_totp", language=language)), language)
    add_app(member)
    passkey = Authenticator.objects.create(user=member, type="webauthn", data={"name": "1", "credential": {}})
    for name in STEP_PAGES:
        assert_language(client.get(url(name, language=language)), language)
    for name in PASSKEY_PAGES:
        assert_language(client.get(url(name, passkey.pk, language=language)), language)
    visitor = Client()
    assert_language(visitor.get(sign_in(visitor, member.email, language=language).url), language)


def test_every_page_of_the_contract_is_covered():
    # A picture, a sound or a file; what only a POST answers.
    pictures = {
        "account_captcha_picture", "account_captcha_sound", "member_file", "set_language", "account_own_data_file",
        "account_session_keep",
    }  # fmt: skip
    code_pages = {"account_email_verification_sent", "account_email_code"}
    # They lead to other pages, or answer with JSON or a file.
    no_pages = {
        "mfa_list_webauthn",
        "mfa_login_webauthn",
        "mfa_reauthenticate_webauthn",
        "mfa_download_recovery_codes",
    }
    steps = {"mfa_activate_totp", "mfa_authenticate", *STEP_PAGES, *PASSKEY_PAGES, *no_pages}
    covered = {*OPEN_PAGES, *MEMBER_PAGES, "account_signup", *code_pages, *DATA_PAGES, *REQUEST_PAGES, *pictures}
    assert covered | steps == set(PAGES)


RAISED = {400: BadRequest(), 403: PermissionDenied(), 500: ValueError("secret"), 503: OperationalError("secret")}


@pytest.fixture
def failing_page(monkeypatch):
    """Return ``fail(status, path)``: the answer to a page whose view raises."""

    def fail(status: int, path: str, **request):
        def raising(request, *args, **kwargs):
            raise RAISED[status]

        monkeypatch.setattr(views, "render", raising)
        return Client(raise_request_exception=False).get(path, **request)

    return fail


@pytest.mark.parametrize("language", DIRECTIONS)
@pytest.mark.parametrize("status", RAISED)
def test_error_page_says_its_language(failing_page, status, language):
    answer = failing_page(status, f"/{language}/terms/")
    assert answer.status_code == status
    assert_language(answer, language)


@pytest.mark.parametrize("language", DIRECTIONS)
def test_page_not_found_says_its_language(client, language):
    assert_language(client.get(f"/{language}/nothing/"), language)
    client.cookies[COOKIE] = language
    assert_language(client.get("/nothing/"), language)


@pytest.mark.parametrize("language", DIRECTIONS)
def test_too_many_requests_says_its_language(client, language, monkeypatch):
    monkeypatch.setitem(limits.IP_LIMITS, "any", (0, 60))
    client.post(url("account_login", language=language))
    answer = client.post(url("account_login", language=language))
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    assert_language(answer, language)


@pytest.mark.parametrize("language", DIRECTIONS)
def test_refused_form_token_says_its_language(language):
    answer = Client(enforce_csrf_checks=True).post(url("account_login", language=language), {"login": "x"})
    assert answer.status_code == 403
    assert_language(answer, language)


# --- Mails ------------------------------------------------------------------------------------


def test_mail_of_registration_is_in_the_language_of_the_page(client, smtp):
    register(client, "nora@example.com", "en")
    with translation.override("ar"):
        deliver()
    assert subject_of(mails_to(smtp, "nora@example.com")[0]).startswith("Your Mumaris Plus code")


def test_mails_after_the_switch_are_in_the_new_language(client, member, smtp):
    sign_in(client, member.email, PASSWORD)
    switch(client, "ar", "/ar/profile/", "en")
    # On an English page again: the stored language counts, not the page's.
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client.post(url("account_change_password", language="en"), fields)
    with translation.override("en"):
        deliver()

    (mail,) = mails_to(smtp, member.email)
    assert subject_of(mail).startswith("تم تغيير كلمة المرور")
    assert mail["Content-Language"] == "ar"
    html = mail.get_body(("html",)).get_content()
    assert re.search(r'<html lang="ar" dir="rtl"', html)


@pytest.mark.parametrize("page_language", DIRECTIONS)
def test_mail_is_in_the_language_of_its_reader_whoever_causes_it(client, member, other_member, smtp, page_language):
    ask_reset(client, member.email, page_language)
    ask_reset(client, other_member.email, page_language)
    deliver()
    assert subject_of(mails_to(smtp, member.email)[0]) == "Reset your Mumaris Plus password"
    assert subject_of(mails_to(smtp, other_member.email)[0]) == "استعادة كلمة المرور في ممارس بلس"


def test_html_of_an_english_mail_says_its_language(client, member, smtp):
    ask_reset(client, member.email, "ar")
    deliver()
    (mail,) = mails_to(smtp, member.email)
    assert re.search(r'<html lang="en" dir="ltr"', mail.get_body(("html",)).get_content())
    assert not re.search("[\u0621-\u064a]", text_of(mail).replace("العربية", ""))


# --- Dates and numbers --------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "told"), [("ar", "22 نوفمبر 2026"), ("en", "22 November 2026")])
def test_dates_are_told_in_riyadh_and_in_the_language_of_the_page(client, member, language, told):
    # Half past one at night in Riyadh is the day before in UTC.
    type(member).objects.update(date_joined=datetime(2026, 11, 21, 22, 30, tzinfo=UTC))
    client.force_login(member)
    assert told in client.get(url("profile", language=language)).content.decode()


@pytest.mark.parametrize(("language", "told"), [("ar", "12:30 م"), ("en", "12:30 pm")])
def test_end_of_a_lock_is_told_in_riyadh_and_in_the_language_of_the_page(client, member, language, told):
    with time_machine.travel(datetime(2026, 11, 22, 9, 29, tzinfo=UTC), tick=False):
        for _ in range(6):
            page = sign_in(client, member.email, "Wrong-Password1", language)
    assert page.status_code == 429
    assert told in page.content.decode()


@pytest.mark.parametrize("language", DIRECTIONS)
def test_numbers_are_written_with_the_same_digits_in_both_languages(client, language):
    register(client, language=language)
    page = client.get(url("account_email_verification_sent", language=language)).content.decode()
    assert ("رمزًا من 6 أرقام" if language == "ar" else "a 6-digit code") in page
    assert not re.search("[٠-٩]", page)


@pytest.mark.parametrize(
    ("minutes", "told"), [(1, "1 دقيقة|دقيقة واحدة"), (2, "دقيقتين|دقيقتان"), (5, "5 دقائق"), (15, "15 دقيقة")]
)
def test_counted_minutes_follow_the_arabic_plural(minutes, told):
    from accounts.mails import minutes as count_minutes

    with translation.override("ar"):
        assert re.search(told, count_minutes(timedelta(minutes=minutes)))


def test_time_zone_of_people_is_riyadh():
    assert str(timezone.get_default_timezone()) == "Asia/Riyadh"
