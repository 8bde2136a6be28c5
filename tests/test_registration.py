"""Story: a new practitioner registers, from the declaration to the profile."""

import re
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts import texts
from accounts.models import Challenge, Consent, PendingRegistration, SignInName, User
from mumaris.mail.models import Outbox
from tests.journey import (
    PASSWORD,
    accept_declaration,
    code_in,
    deliver,
    hidden,
    in_arabic_digits,
    mails_to,
    register,
    registration_fields,
    sign_in,
    subject_of,
    text_of,
    tick_robot,
    type_code,
    url,
)

pytestmark = pytest.mark.django_db
NORA = "nora@example.com"


@pytest.mark.parametrize(
    ("language", "subject", "greeting"),
    [("ar", "رمز التحقق في ممارس بلس: ", "نورة"), ("en", "Your Mumaris Plus code: ", "نورة")],
)
def test_registration_leads_from_declaration_to_profile(client, smtp, language, subject, greeting):
    answer = register(client, language=language)
    assert answer.url == url("account_email_verification_sent", language=language)
    assert not User.objects.exists()
    deliver()
    (mail,) = mails_to(smtp, NORA)
    assert subject_of(mail) == subject + code_in(mail)

    page = type_code(client, code_in(mail), language)

    assert page.redirect_chain[-1][0] == url("profile", language=language)
    assert greeting in page.content.decode()
    user = User.objects.get(email=NORA)
    assert (user.first_name, user.last_name, user.language) == ("نورة", "العتيبي", language)
    assert user.check_password(PASSWORD)
    assert EmailAddress.objects.get(user=user).verified
    assert SignInName.objects.get(user=user).value == NORA
    assert not PendingRegistration.objects.exists()


@pytest.mark.parametrize(("language", "words"), [("ar", "لم تُرسل رسالتنا بعد"), ("en", "has not left yet")])
def test_page_says_that_the_mail_has_not_left(client, smtp, language, words):
    register(client, language=language)
    page = url("account_email_verification_sent", language=language)
    assert words not in client.get(page).content.decode()
    with time_machine.travel(timezone.now() + timedelta(seconds=31), tick=True):
        assert words in client.get(page).content.decode()
        deliver()
        assert words not in client.get(page).content.decode()


@pytest.mark.parametrize("failure", ["refused", "given_up"])
def test_page_promises_nothing_of_a_mail_that_never_leaves(client, smtp, failure):
    register(client, language="en")
    Challenge.objects.update(failure=failure)
    with time_machine.travel(timezone.now() + timedelta(seconds=31), tick=True):
        page = client.get(url("account_email_verification_sent", language="en")).content.decode()
    assert "use a different email address" in page or "The mailbox refused our message" in page
    assert "has not left yet" not in page


def test_registration_without_declaration_leads_back_to_it(client):
    assert client.get(url("account_signup")).url == url("account_declaration")
    assert client.post(url("account_signup"), registration_fields()).url == url("account_declaration")
    assert not PendingRegistration.objects.exists()


def test_declaration_must_be_ticked(client):
    page = client.post(url("account_declaration"), {})
    assert "وافق على الإقرار للمتابعة." in page.content.decode()
    assert client.get(url("account_signup")).url == url("account_declaration")


def test_declaration_page_names_three_doors(client):
    content = client.get(url("account_declaration")).content.decode()
    assert "أقر بأني ممارس جديد غير مصنف أو مسجل لدى الهيئة" in content
    for name in ("account_login", "account_reset_password"):
        assert f'href="{url(name)}"' in content


def test_consents_record_exactly_what_was_shown(client, smtp):
    register(client, email_consent="on")
    deliver()
    type_code(client, code_in(mails_to(smtp, NORA)[0]))
    consents = {consent.kind: consent for consent in Consent.objects.all()}
    assert set(consents) == {"declaration", "terms", "email"}
    assert {consent.version for consent in consents.values()} == {texts.VERSION}
    assert {consent.language for consent in consents.values()} == {"ar"}
    assert {consent.ip for consent in consents.values()} == {"127.0.0.1"}
    from django.utils import translation

    with translation.override("ar"):
        for kind, consent in consents.items():
            assert consent.digest == texts.text_digest(kind)
            assert abs((timezone.now() - consent.accepted_at).total_seconds()) < 60


def test_consent_to_mail_is_optional_and_not_ticked(client, smtp):
    accept_declaration(client)
    content = client.get(url("account_signup")).content.decode()
    assert not re.search(r"<input[^>]* checked", content)
    register(client)
    deliver()
    type_code(client, code_in(mails_to(smtp, NORA)[0]))
    assert not Consent.objects.filter(kind="email").exists()


def test_welcome_mail_carries_the_receipt(client, smtp):
    register(client, language="en")
    deliver()
    type_code(client, code_in(mails_to(smtp, NORA)[0]), "en")
    deliver()
    welcome = mails_to(smtp, NORA)[1]
    assert welcome["Subject"] == "Registration completed in Mumaris Plus"
    declaration = Consent.objects.get(kind="declaration")
    assert declaration.digest in text_of(welcome)
    assert "I declare that I am a new practitioner" in text_of(welcome)


def test_code_mail_to_unproved_address_holds_nothing_the_visitor_typed(client, smtp):
    register(client, first_name="Buy-gold-now", last_name="Visit-us")
    deliver()
    (mail,) = mails_to(smtp, NORA)
    assert "Buy-gold-now" not in mail.as_string()
    assert "Buy-gold-now" not in text_of(mail)


# --- Refusals, in the order a person meets them ------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"first_name": ""}, "أدخل الاسم الأول."),
        ({"last_name": ""}, "أدخل اسم العائلة."),
        ({"email": ""}, "أدخل البريد الإلكتروني."),
        ({"email": "nora"}, "أدخل بريدًا إلكترونيًا صحيحًا، مثل name@example.com."),
        ({"email2": "other@example.com"}, "البريد الإلكتروني وتأكيده غير متطابقين."),
        ({"password1": ""}, "أدخل كلمة المرور."),
        ({"password1": "short", "password2": "short"}, "اكتب 8 أحرف على الأقل في كلمة المرور."),
        ({"password2": "Something-Else9"}, "كلمتا المرور غير متطابقتين."),
        ({"terms": ""}, "وافق على شروط التسجيل لإنشاء الحساب."),
        ({"captcha": ""}, "أكّد أنك لست برنامج روبوت."),
    ],
)
def test_refusal_says_what_to_do_and_keeps_what_was_typed(client, changes, sentence):
    accept_declaration(client)
    fields = registration_fields() | tick_robot(client.get(url("account_signup"))) | changes
    page = client.post(url("account_signup"), fields)
    content = page.content.decode()
    assert page.status_code == 200
    assert content.count(sentence) >= 2, "in the summary and at the field"
    assert "<title>خطأ: " in content
    assert "autofocus" in content
    for name in ("first_name", "last_name", "email", "email2"):
        if fields[name]:
            assert f'value="{fields[name]}"' in content
    assert PASSWORD not in content
    assert not PendingRegistration.objects.exists()
    assert not Outbox.objects.exists()


def test_robot_check_is_not_asked_twice_for_a_typing_error(client):
    accept_declaration(client)
    fields = registration_fields(last_name="") | tick_robot(client.get(url("account_signup")))
    page = client.post(url("account_signup"), fields)
    again = registration_fields() | {"captcha_pass": hidden(page, "captcha_pass")}
    assert client.post(url("account_signup"), again).url == url("account_email_verification_sent")


def test_password_like_the_person_is_refused(client):
    accept_declaration(client)
    fields = registration_fields("buthaynah@example.com", password1="Buthaynah@1405", password2="Buthaynah@1405")
    page = client.post(url("account_signup"), fields | tick_robot(client.get(url("account_signup"))))
    assert 'id="id_password1_error"' in page.content.decode()


# --- An address that is known ------------------------------------------------------------------


def test_known_address_gets_same_page_and_another_mail(client, smtp, member):
    unknown = register(client)
    page_of_unknown = client.get(unknown.url).content.decode()
    client.cookies.clear()
    known = register(client, email=member.email)
    page_of_known = client.get(known.url).content.decode()
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert without_secrets(page_of_known).replace(member.email, NORA) == without_secrets(page_of_unknown)
    deliver()
    (mail,) = mails_to(smtp, member.email)
    # In the owner's language, whoever caused it.
    assert mail["Subject"] == "Someone tried to register with your email"
    assert "/en/accounts/password/reset/" in text_of(mail)
    assert not User.objects.exclude(pk=member.pk).exists()


def test_address_of_a_file_never_activated_leads_to_the_third_door(client, smtp):
    User.objects.create_user("file@example.com", None, first_name="Sara", last_name="Ali")
    register(client, email="file@example.com")
    deliver()
    (mail,) = mails_to(smtp, "file@example.com")
    assert "لديك ملف لدى الهيئة" in text_of(mail)
    assert url("account_reset_password") in text_of(mail)


def test_no_code_completes_a_registration_of_a_known_address(client, member):
    register(client, email=member.email)
    from accounts.challenges import derive_code

    page = type_code(client, derive_code(Challenge.objects.get()))
    assert page.redirect_chain[-1][0] == url("account_login") + "?notice=registered"
    assert "_auth_user_id" not in client.session
    assert User.objects.count() == 1


def test_strangers_later_registration_never_becomes_the_owners_account(client, smtp, django_user_model):
    from django.test import Client

    stranger = Client()
    register(client)
    with time_machine.travel(timezone.now() + timezone.timedelta(minutes=2)):
        register(stranger, password1="Strange+Visit0r", password2="Strange+Visit0r", first_name="Eve")
        deliver()
        type_code(client, code_in(mails_to(smtp, NORA)[0]))
    user = User.objects.get(email=NORA)
    assert user.first_name == "نورة"
    assert user.check_password(PASSWORD)
    assert not user.check_password("Strange+Visit0r")
    assert stranger.get(url("account_email_verification_sent")).status_code == 302


# --- Another browser ---------------------------------------------------------------------------


def test_signing_in_elsewhere_lands_on_the_code_page_for_the_same_code(client, smtp):
    from django.test import Client

    register(client)
    deliver()
    (mail,) = mails_to(smtp, NORA)
    phone = Client()
    answer = sign_in(phone, NORA, PASSWORD)
    assert answer.url == url("account_email_verification_sent")
    type_code(phone, in_arabic_digits(code_in(mail)))
    assert User.objects.get(email=NORA).pk == int(phone.session["_auth_user_id"])


def test_wrong_password_elsewhere_shows_nothing(client):
    from django.test import Client

    register(client)
    phone = Client()
    answer = sign_in(phone, NORA, "Wrong-Password1")
    assert answer.status_code == 200
    assert "اسم المستخدم أو كلمة المرور غير صحيحة." in answer.content.decode()


def without_secrets(content: str) -> str:
    """Return a page without its CSRF tokens, which differ at every view."""
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", content)


def test_second_tap_on_create_leads_to_the_code_page(client):
    accept_declaration(client)
    fields = registration_fields() | tick_robot(client.get(url("account_signup")))
    answers = [client.post(url("account_signup"), fields) for _ in range(2)]
    assert {answer.url for answer in answers} == {url("account_email_verification_sent")}


def test_second_tap_on_confirm_says_that_the_account_is_ready(client, smtp):
    register(client)
    deliver()
    code = code_in(mails_to(smtp, NORA)[0])
    from django.test import Client

    twin = Client()
    twin.cookies = client.cookies.copy()
    type_code(client, code)
    page = type_code(twin, code)
    assert page.redirect_chain[-1][0] == url("account_login") + "?notice=code_gone"
    assert "حسابك جاهز" in page.content.decode()


def test_whole_subject_pasted_as_code_is_understood(client, smtp):
    register(client)
    deliver()
    type_code(client, subject_of(mails_to(smtp, NORA)[0]))
    assert User.objects.filter(email=NORA).exists()
