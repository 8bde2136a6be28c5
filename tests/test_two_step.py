"""Story: a second step of signing in, by the code of an app or by a recovery code; staff cannot do without."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import second_step, second_step_tries
from accounts.models import AccountEvent, Session, Throttle, User
from mumaris.mail.models import Outbox
from mumaris.mail.queue import queue_mail
from tests.journey import (
    NEW_PASSWORD,
    PASSWORD,
    ask_reset,
    deliver,
    link_in,
    mails_to,
    sign_in,
    subject_of,
    text_of,
    url,
)
from tests.roles import APP_KEY, add_app, app_code
from tests.test_parallel import together

pytestmark = pytest.mark.django_db
LANGUAGES = ("ar", "en")
SUBJECTS = {"ar": "أُدخلت رموز خاطئة لحسابك", "en": "Wrong codes were entered for your account"}
SIGNED_OUT = {"ar": "سُجّل خروجك من الأجهزة الأخرى", "en": "signed out of other devices"}
STEP, INDEX, APP, CODES = "mfa_authenticate", "mfa_index", "mfa_activate_totp", "mfa_view_recovery_codes"
CLOSED = [
    (APP, []),
    ("mfa_deactivate_totp", []),
    (CODES, []),
    ("mfa_generate_recovery_codes", []),
    ("mfa_download_recovery_codes", []),
    ("mfa_add_webauthn", []),
    ("mfa_remove_webauthn", [1]),
    ("mfa_edit_webauthn", [1]),
]


def later(minutes: int):
    return time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=True)


def wrong_code() -> str:
    return f"{(int(app_code()) + 1) % 10**6:06}"


def is_signed_in(client) -> bool:
    return "_auth_user_id" in client.session


def key_on(page) -> str:
    """Return the key that the page shows to type into an app."""
    return re.search(r'<bdi dir="ltr"><b>([A-Z2-7 ]+)</b>', page.content.decode())[1].replace(" ", "")


def kinds() -> list[str]:
    """Return what happened, but for the devices that sign-ins make known."""
    events = AccountEvent.objects.exclude(kind="device.added").order_by("pk")
    return list(events.values_list("kind", flat=True))


@pytest.fixture
def here(client, member):
    """A member who has just signed in."""
    sign_in(client, member.email)
    return client


@pytest.fixture
def guarded(member):
    """A member with an app."""
    add_app(member)
    return member


# --- Signing in -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_password_alone_signs_nobody_in(client, guarded, language):
    answer = sign_in(client, guarded.email, language=language, next=f"/{language}/terms/")
    assert answer.url == url(STEP, language=language)
    assert not is_signed_in(client)
    assert client.get(url("profile")).status_code == 302
    page = client.get(url(STEP, language=language)).content.decode()
    assert {"ar": "الخطوة الثانية لتسجيل الدخول", "en": "Second step of signing in"}[language] in page

    done = client.post(url(STEP, language=language), {"code": app_code()})

    assert (done.status_code, done.url) == (302, f"/{language}/terms/")
    assert is_signed_in(client)
    assert client.session["signed_in"]["second_factor"] is True
    assert kinds() == ["sign_in.done"]


def test_code_is_taken_in_arabic_digits_with_spaces(client, guarded):
    sign_in(client, guarded.email)
    code = app_code().translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert client.post(url(STEP), {"code": f" {code[:3]} {code[3:]} "}).status_code == 302
    assert is_signed_in(client)


@pytest.mark.parametrize("language", LANGUAGES)
def test_wrong_code_is_told_counted_and_recorded(client, guarded, language):
    sign_in(client, guarded.email)
    page = client.post(url(STEP, language=language), {"code": wrong_code()})
    assert page.status_code == 200
    assert {"ar": "الرمز غير صحيح أو سبق استخدامه.", "en": "The code is wrong or was used already."}[
        language
    ] in page.content.decode()
    assert not is_signed_in(client)
    failed = AccountEvent.objects.get()
    assert (failed.kind, failed.outcome, failed.user, failed.actor) == ("mfa.failed", "refused", guarded, None)
    assert Throttle.objects.get(kind="second-step").count == 1
    assert set(Throttle.objects.filter(kind__startswith="sign-in").values_list("count", flat=True)) == {0}


@pytest.mark.parametrize("steps", [-1, 1, -20])
def test_code_of_another_half_minute_is_wrong(client, guarded, steps):
    sign_in(client, guarded.email)
    with time_machine.travel(timezone.now(), tick=False):
        client.post(url(STEP), {"code": app_code(steps_ahead=steps)})
    assert not is_signed_in(client)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "123456789", "abcdef", "\x00" * 6, "٣" * 5000])
def test_what_is_no_code_is_told_and_not_counted(client, guarded, typed):
    sign_in(client, guarded.email)
    page = client.post(url(STEP), {"code": typed})
    assert page.status_code == 200
    assert 'id="id_code_error"' in page.content.decode()
    assert not Throttle.objects.filter(kind="second-step").exists()


def test_remember_me_is_kept_over_the_second_step(client, guarded):
    sign_in(client, guarded.email, remember="on")
    client.post(url(STEP), {"code": app_code()})
    assert client.session["signed_in"]["kind"] == "remembered"
    client.post(url("account_logout"))
    sign_in(client, guarded.email)
    with later(1):
        client.post(url(STEP), {"code": app_code()})
        assert client.session["signed_in"]["kind"] == "normal"


def test_second_step_is_left_for_another_sign_in(client, guarded, other_member):
    sign_in(client, guarded.email)
    assert client.get(url("account_login")).url == url(STEP)
    assert client.post(url(STEP), {"action": "cancel", "code": ""}).url == url("account_login")
    assert client.get(url(STEP)).url == url("account_login")
    assert sign_in(client, other_member.email).url == url("profile")
    assert client.session["signed_in"]["second_factor"] is False


def test_second_step_is_shown_to_nobody_without_the_first(guarded, client, other_member):
    assert urlsplit(Client().get(url(STEP)).url).path == url("account_login")
    assert urlsplit(Client().post(url(STEP), {"code": app_code()}).url).path == url("account_login")
    sign_in(client, other_member.email)
    assert client.get(url(STEP)).url == url("profile")


def test_new_password_ends_a_sign_in_that_waits_for_its_second_step(client, guarded, smtp):
    sign_in(client, guarded.email)
    owner = Client()
    ask_reset(owner, guarded.email)
    deliver()
    form = owner.get(link_in(mails_to(smtp, guarded.email)[0])).url
    assert owner.post(form, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}).status_code == 302
    assert not is_signed_in(owner), "a reset signs nobody in"

    answer = client.post(url(STEP), {"code": app_code()})

    assert urlsplit(answer.url).path == url("account_login")
    assert client.get(answer.url).status_code == 200
    assert not is_signed_in(client)
    # The reset has kept the second step.
    assert sign_in(owner, guarded.email, NEW_PASSWORD).url == url(STEP)
    assert second_step.factors_of(guarded).totp


# --- Codes serve once, and wrong ones run out -----------------------------------------------------


def test_code_serves_once_and_after_the_cache_was_emptied_too(guarded):
    with time_machine.travel(timezone.now(), tick=False):
        code = app_code()
        first, second = Client(), Client()
        for client in (first, second):
            sign_in(client, guarded.email)
        first.post(url(STEP), {"code": code})
        cache.clear()
        page = second.post(url(STEP), {"code": code})
    assert is_signed_in(first)
    assert page.status_code == 200
    assert not is_signed_in(second)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("which", ["app", "recovery"])
def test_one_code_in_parallel_posts_signs_one_in(guarded, which):
    # All of them within one half minute of the app.
    with time_machine.travel(timezone.now(), tick=False):
        code = app_code() if which == "app" else second_step.factors_of(guarded).codes_left[0]
        clients = [Client() for _ in range(4)]
        for client in clients:
            sign_in(client, guarded.email)
        together(*[lambda client=client: client.post(url(STEP), {"code": code}) for client in clients])
    assert sum(map(is_signed_in, clients)) == 1


@pytest.mark.django_db(transaction=True)
def test_five_of_many_parallel_wrong_codes_are_looked_at(guarded):
    clients = [Client(REMOTE_ADDR=f"10.{number}.0.1") for number in range(12)]
    for client in clients:
        sign_in(client, guarded.email)
    together(*[lambda client=client: client.post(url(STEP), {"code": wrong_code()}) for client in clients])
    assert AccountEvent.objects.filter(kind="mfa.failed").count() == 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_lock_names_its_end_and_the_right_code_waits_for_it(client, guarded, language):
    sign_in(client, guarded.email)
    for _ in range(5):
        client.post(url(STEP), {"code": wrong_code()})
    page = client.post(url(STEP, language=language), {"code": app_code()})
    assert page.status_code == 429
    assert 0 < int(page.headers["Retry-After"]) <= 60
    said = {"ar": "تجاوزت عدد المحاولات. يمكنك المحاولة مرة أخرى الساعة", "en": "Too many tries. You can try again at"}
    assert said[language] in page.content.decode()
    assert not is_signed_in(client)
    with later(2):
        client.post(url(STEP), {"code": app_code()})
        assert is_signed_in(client)
        assert Throttle.objects.get(kind="second-step").count == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_lock_tells_the_owner_that_the_password_is_known(client, guarded, smtp, language):
    User.objects.filter(pk=guarded.pk).update(language=language)
    sign_in(client, guarded.email)
    for _ in range(4):
        page = client.post(url(STEP, language=language), {"code": wrong_code()}).content.decode()
        assert url("account_reset_password", language=language) not in page
    # With the fifth, whether the sixth is tried or not.
    for _ in range(5):
        page = client.post(url(STEP, language=language), {"code": wrong_code()}).content.decode()
        assert url("account_reset_password", language=language) in page
    deliver()
    # One for the lock, however often it is met.
    [mail] = [mail for mail in mails_to(smtp, guarded.email) if SUBJECTS[language] in subject_of(mail)]
    assert url("account_reset_password", language=language) in text_of(mail)
    assert SIGNED_OUT[language] not in text_of(mail)


def test_slow_guesser_has_twenty_tries_a_day_and_the_owner_goes_on(guarded, smtp):
    owner = Client(REMOTE_ADDR="10.1.0.1")
    sign_in(owner, guarded.email)
    owner.post(url(STEP), {"code": app_code()})
    Outbox.objects.all().delete()
    started, tried = timezone.now(), 0
    for number in range(25):
        # Just below what the short limit notices, with the right password each time.
        with time_machine.travel(started + number * timedelta(minutes=4)):
            thief = Client(REMOTE_ADDR="10.2.0.1")
            sign_in(thief, guarded.email)
            tried += thief.post(url(STEP), {"code": wrong_code()}).status_code == 200
    assert tried == 20
    assert Outbox.objects.filter(kind="second_step_changed", references__what="locked").count() == 1
    with time_machine.travel(started + timedelta(minutes=105)):
        # The device that its owner has signed in on before counts for itself.
        owner.cookies.pop(settings.SESSION_COOKIE_NAME)
        sign_in(owner, guarded.email)
        owner.post(url(STEP), {"code": app_code()})
        assert is_signed_in(owner)
        thief = Client(REMOTE_ADDR="10.2.0.1")
        sign_in(thief, guarded.email)
        assert thief.post(url(STEP), {"code": app_code()}).status_code == 429


def test_typing_errors_at_a_new_app_lock_no_sign_in_and_alarm_nobody(here, member):
    here.get(url(APP))
    assert [here.post(url(APP), {"code": "000000"}).status_code for _ in range(6)] == [200] * 5 + [429]
    assert not Outbox.objects.filter(kind="second_step_changed").exists()
    assert not second_step_tries.is_locked(here.get(url(INDEX)).wsgi_request, member)


def test_password_again_gives_no_more_tries(guarded):
    """A right password sets the failed sign-ins back; codes are counted on."""
    for number in range(5):
        client = Client(REMOTE_ADDR=f"10.{number}.0.1")
        sign_in(client, guarded.email)
        client.post(url(STEP), {"code": wrong_code()})
    client = Client(REMOTE_ADDR="10.9.0.1")
    sign_in(client, guarded.email)
    assert client.post(url(STEP), {"code": app_code()}).status_code == 429


# --- Recovery codes -------------------------------------------------------------------------------


def test_recovery_code_signs_in_once_and_its_owner_is_told(client, guarded, smtp):
    codes = second_step.factors_of(guarded).codes_left
    assert len(codes) == len(set(codes)) == 10
    sign_in(client, guarded.email)
    client.post(url(STEP), {"code": f"{codes[3][:4]} {codes[3][4:]}"})
    assert is_signed_in(client)
    assert kinds() == ["mfa.code_used", "sign_in.done"]
    deliver()
    mail = mails_to(smtp, guarded.email)[0]
    assert subject_of(mail) == "A recovery code of your account was used"
    assert codes[3] not in text_of(mail)
    assert second_step.factors_of(guarded).codes_left == codes[:3] + codes[4:]
    again = Client()
    sign_in(again, guarded.email)
    again.post(url(STEP), {"code": codes[3]})
    assert not is_signed_in(again)


def test_codes_are_shown_downloaded_and_made_anew_for_their_owner(here, guarded, smtp):
    codes = second_step.factors_of(guarded).codes_left
    page = here.get(url(CODES))
    assert "no-store" in page.headers["Cache-Control"]
    assert all(code in page.content.decode() for code in codes)
    text = here.get(url("mfa_download_recovery_codes"))
    assert text.headers["Content-Disposition"].startswith("attachment")
    assert "no-store" in text.headers["Cache-Control"]
    assert text.content.decode().split()[-10:] == codes

    assert here.get(url("mfa_generate_recovery_codes")).status_code == 200
    assert second_step.factors_of(guarded).codes_left == codes, "a GET makes nothing"
    assert here.post(url("mfa_generate_recovery_codes")).url == url(CODES)
    made = second_step.factors_of(guarded).codes_left
    assert not set(made) & set(codes)
    assert kinds()[-1] == "mfa.codes_made"


# --- Adding and removing an app -------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_app_is_added_told_and_other_devices_end(here, member, smtp, language):
    member.language = language
    member.save()
    elsewhere = Client()
    sign_in(elsewhere, member.email)
    deliver()
    smtp.clear()
    page = here.get(url(APP, language=language))
    key, before = key_on(page), here.session.session_key
    assert "<svg viewBox" in page.content.decode()
    assert "data:" not in page.content.decode()

    code = app_code(key)
    answer = here.post(url(APP, language=language), {"code": code})

    assert (answer.status_code, answer.url) == (302, url(CODES, language=language))
    assert second_step.factors_of(member).totp
    assert here.session.session_key != before
    assert here.get(url("profile")).status_code == 200
    assert elsewhere.get(url("profile")).status_code == 302
    assert kinds()[-2:] == ["mfa.codes_made", "mfa.totp_added"]
    deliver()
    subject = {"ar": "أُضيف تطبيق المصادقة إلى حسابك", "en": "An authenticator app was added to your account"}
    assert [subject_of(mail) for mail in mails_to(smtp, member.email)] == [
        {"ar": "أُضيف تطبيق مصادقة إلى حسابك", "en": subject["en"]}[language]
    ]
    assert key not in text_of(mails_to(smtp, member.email)[0])
    # What has opened the app opens nothing else.
    fresh = Client()
    sign_in(fresh, member.email)
    fresh.post(url(STEP), {"code": code})
    assert not is_signed_in(fresh)


def test_key_is_the_same_after_a_typing_error_and_not_of_our_choice(here, member):
    key = key_on(here.get(url(APP)))
    wrong = here.post(url(APP), {"code": "000000" if app_code(key) != "000000" else "000001", "secret": APP_KEY})
    assert key_on(wrong) == key
    assert not second_step.factors_of(member).totp
    short = here.post(url(APP), {"code": "1"})
    assert key_on(short) == key
    assert here.post(url(APP), {"code": app_code(APP_KEY), "secret": APP_KEY}).status_code == 200
    assert not second_step.factors_of(member).totp


@pytest.mark.parametrize("language", LANGUAGES)
def test_key_is_the_same_when_a_phone_loads_the_page_again(here, member, language):
    """Whoever has typed the key into an app on the same phone comes back to a page that is loaded anew."""
    page = url(APP, language=language)
    key = key_on(here.get(page))
    here.get(url(INDEX, language=language))
    assert key_on(here.get(page)) == key
    with later(14):
        assert key_on(here.get(page)) == key
    with later(16):
        here.post(url("account_reauthenticate"), {"password": PASSWORD})
        assert key_on(here.get(page)) != key
    assert here.post(page, {"code": app_code(key)}).status_code == 200
    assert not second_step.factors_of(member).totp


def test_key_of_an_app_that_was_removed_is_not_shown_again(here, member):
    key = key_on(here.get(url(APP)))
    here.post(url(APP), {"code": app_code(key)})
    here.post(url("mfa_deactivate_totp"))
    assert not second_step.factors_of(member).totp
    assert key_on(here.get(url(APP))) != key


def test_page_to_add_an_app_leads_away_when_there_is_one(here, guarded):
    assert here.get(url(APP)).url == url(INDEX)
    assert here.post(url(APP), {"code": app_code()}).url == url(INDEX)


def test_app_is_removed_with_its_codes_and_told(here, guarded, smtp):
    elsewhere = Client()
    elsewhere.force_login(guarded)
    assert here.get(url("mfa_deactivate_totp")).status_code == 200
    assert second_step.factors_of(guarded).totp, "a GET removes nothing"
    assert here.post(url("mfa_deactivate_totp")).url == url(INDEX)
    assert not Authenticator.objects.exists()
    assert here.get(url("profile")).status_code == 200
    assert elsewhere.get(url("profile")).status_code == 302
    assert kinds()[-1] == "mfa.totp_removed"
    deliver()
    assert subject_of(mails_to(smtp, guarded.email)[0]) == "The authenticator app was removed from your account"
    assert here.post(url("mfa_deactivate_totp")).status_code == 404


@pytest.mark.parametrize("language", LANGUAGES)
def test_overview_tells_what_there_is(here, member, language):
    page = here.get(url(INDEX, language=language)).content.decode()
    assert url(APP, language=language) in page
    assert url(CODES, language=language) not in page
    add_app(member)
    page = here.get(url(INDEX, language=language)).content.decode()
    assert url(APP, language=language) not in page
    assert url("mfa_deactivate_totp", language=language) in page
    assert APP_KEY not in page
    assert url(INDEX, language=language) in here.get(url("profile", language=language)).content.decode()


@pytest.mark.parametrize(("name", "arguments"), CLOSED)
@pytest.mark.parametrize("method", ["get", "post"])
def test_late_visit_is_led_to_a_proof_and_nothing_is_kept(here, guarded, name, arguments, method):
    rows = list(Authenticator.objects.order_by("pk").values())
    with later(16):
        answer = getattr(here, method)(url(name, *arguments), {"code": "Zq7-secret", "credential": "Zq7-secret"})
        sent = urlsplit(answer.url)
        assert (answer.status_code, sent.path) == (302, url("account_reauthenticate"))
        assert parse_qs(sent.query)["next"][0].partition("?")[0] == url(name, *arguments)
        assert "Zq7-secret" not in str(dict(here.session))
        assert "account_reauthentication_state" not in here.session
    assert list(Authenticator.objects.order_by("pk").values()) == rows


@pytest.mark.parametrize("language", LANGUAGES)
def test_code_of_the_app_is_a_fresh_proof(here, guarded, language):
    page = url(CODES, language=language)
    with later(16):
        asked = here.get(page, follow=True)
        assert urlsplit(asked.redirect_chain[-1][0]).path == url("mfa_reauthenticate", language=language)
        before = here.session.session_key
        answer = here.post(url("mfa_reauthenticate", language=language), {"code": app_code(), "next": page})
        assert (answer.status_code, answer.url) == (302, page)
        assert here.get(page).status_code == 200
        assert here.session.session_key != before
        assert kinds()[-1] == "identity.proved"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:a"])
def test_proof_leads_nowhere_else(here, guarded, elsewhere):
    assert here.post(url("mfa_reauthenticate"), {"code": app_code(), "next": elsewhere}).url == url("profile")


def test_wrong_code_is_no_proof_and_is_counted(here, guarded):
    with later(16):
        for _ in range(5):
            assert here.post(url("mfa_reauthenticate"), {"code": wrong_code()}).status_code == 200
        assert here.post(url("mfa_reauthenticate"), {"code": app_code()}).status_code == 429
        assert here.get(url(CODES)).status_code == 302


@pytest.mark.parametrize(
    ("what", "subjects"),
    [
        ("totp_added", ("أُضيف تطبيق مصادقة إلى حسابك", "An authenticator app was added to your account")),
        ("totp_removed", ("أُزيل تطبيق المصادقة من حسابك", "The authenticator app was removed from your account")),
        ("passkey_added", ("أُضيف مفتاح مرور إلى حسابك", "A passkey was added to your account")),
        ("passkey_removed", ("أُزيل مفتاح مرور من حسابك", "A passkey was removed from your account")),
        ("codes_made", ("أُنشئت رموز استرداد جديدة لحسابك", "New recovery codes were made for your account")),
        ("code_used", ("استُخدم رمز استرداد لحسابك", "A recovery code of your account was used")),
        ("passkey_copied", ("رُفض مفتاح مرور لحسابك", "A passkey of your account was refused")),
    ],
)
def test_notice_is_written_in_the_stored_language(member, other_member, smtp, what, subjects):
    # ``other_member`` keeps the language that accounts begin with.
    for user in (member, other_member):
        queue_mail(second_step.CHANGED_MAIL, user.email, user=user.pk, what=what)
    deliver()
    for user, subject in zip((other_member, member), subjects, strict=True):
        [mail] = mails_to(smtp, user.email)
        assert subject_of(mail) == subject
        assert ("signed out" in text_of(mail) or "خروجك" in text_of(mail)) == (
            what not in {"code_used", "passkey_copied"}
        )
        assert "/accounts/password/reset/" in text_of(mail)


# --- At rest --------------------------------------------------------------------------------------


def test_rows_hold_neither_key_nor_seed_nor_codes(here, member):
    key = key_on(here.get(url(APP)))
    waiting = Session.objects.get(session_key=here.session.session_key).get_decoded()
    assert key not in str(waiting)
    here.post(url(APP), {"code": app_code(key)})
    codes = second_step.factors_of(member).codes
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator")
        stored = str(cursor.fetchall())
    assert stored.count("gAAAA") == 2
    assert key not in stored
    assert not [code for code in codes.wrap().generate_codes() if code in stored]
    assert not re.search(r"[0-9a-f]{80}", stored)
    assert key not in str(list(Session.objects.values_list("session_data", flat=True)))


def test_new_key_of_the_data_keeps_apps_and_codes_good(client, guarded, settings):
    code = second_step.factors_of(guarded).codes_left[0]
    settings.DATA_KEYS = ["a new key of at least thirty-two characters", *settings.DATA_KEYS]
    sign_in(client, guarded.email)
    client.post(url(STEP), {"code": app_code()})
    assert is_signed_in(client)
    assert second_step.factors_of(guarded).codes_left[0] == code


def test_secrets_are_sealed_anew_before_a_key_is_retired(client, guarded, settings, capsys):
    codes, new = second_step.factors_of(guarded).codes_left, "a new key of at least thirty-two characters"
    settings.DATA_KEYS = [new, *settings.DATA_KEYS]
    call_command("reseal_second_steps")
    assert "2 secrets" in capsys.readouterr().out
    settings.DATA_KEYS = [new]
    assert second_step.factors_of(guarded).codes_left == codes
    sign_in(client, guarded.email)
    client.post(url(STEP), {"code": app_code()})
    assert is_signed_in(client)


def test_key_that_was_retired_too_early_breaks_no_page(client, guarded, settings):
    client.force_login(guarded)
    waiting = Client()
    settings.DATA_KEYS = ["a new key of at least thirty-two characters"]
    sign_in(waiting, guarded.email)
    assert waiting.post(url(STEP), {"code": app_code()}).status_code == 200
    assert not is_signed_in(waiting)
    assert [client.get(url(name)).status_code for name in (INDEX, CODES, "mfa_generate_recovery_codes")] == [200] * 3
    with pytest.raises(CommandError, match="2 secrets cannot be opened"):
        call_command("reseal_second_steps")


def test_recovery_code_of_the_present_key_opens_although_the_key_of_the_app_was_retired(client, guarded, settings):
    settings.DATA_KEYS = ["a new key of at least thirty-two characters"]
    second_step.make_codes(user=guarded)
    sign_in(client, guarded.email)
    client.post(url(STEP), {"code": second_step.factors_of(guarded).codes_left[0]})
    assert is_signed_in(client)


def test_recovery_codes_that_are_remade_meanwhile_are_no_error(guarded, monkeypatch):
    before = second_step.factors_of(guarded)
    code = before.codes_left[0]
    second_step.make_codes(user=guarded)
    monkeypatch.setattr(second_step, "factors_of", lambda user: before)
    with pytest.raises(second_step.WrongProof):
        second_step.prove_by_code(user=guarded, code=code)


# --- Staff ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_staff_without_a_second_step_are_told_to_add_it(client, reviewer, language):
    sign_in(client, reviewer.email, language=language)
    client.cookies["language"] = client.cookies["__Host-language"] = language
    answer = client.get("/admin/accounts/user/", follow=True)
    assert urlsplit(answer.redirect_chain[-1][0]).path == url(INDEX, language=language)
    assert {"ar": "لا تُفتح صفحات الموظفين إلا بعد خطوة ثانية", "en": "The pages of staff open after a second step"}[
        language
    ] in answer.content.decode()


def test_session_from_before_the_app_goes_through_the_second_step(client, reviewer):
    sign_in(client, reviewer.email)
    key = key_on(client.get(url(APP)))
    client.post(url(APP), {"code": app_code(key)})
    asked = client.get("/admin/", follow=True)
    assert urlsplit(asked.redirect_chain[-1][0]).path == url("mfa_reauthenticate")
    assert 'name="next" value="/admin/"' in asked.content.decode()
    with later(1):
        answer = client.post(url("mfa_reauthenticate"), {"code": app_code(key), "next": "/admin/"})
        assert answer.url == "/admin/"
        assert client.get("/admin/").status_code == 200
        # Without the last factor the door is shut again.
        client.post(url("mfa_deactivate_totp"))
        assert client.get("/admin/").status_code == 302


def test_password_given_once_more_opens_no_admin(client, reviewer):
    client.force_login(reviewer)
    add_app(reviewer)
    client.post(url("account_reauthenticate"), {"password": PASSWORD})
    assert client.get("/admin/").status_code == 302


def test_member_is_refused_the_admin_with_a_second_step_too(client, guarded):
    sign_in(client, guarded.email)
    client.post(url(STEP), {"code": app_code()})
    assert client.get("/admin/", follow=True).status_code == 403


def test_admin_shows_nothing_of_what_proves_a_person(client, admin_user):
    from django.contrib import admin

    assert Authenticator not in admin.site._registry
