"""New keys while codes, links and captcha tokens are outstanding."""

import pytest
from django.test import Client

from accounts.models import User
from tests.journey import (
    NEW_PASSWORD,
    PASSWORD,
    answer_visual_code,
    ask_reset,
    code_in,
    deliver,
    hidden,
    link_in,
    mails_to,
    register,
    sign_in,
    type_code,
    url,
)
from tests.roles import add_app, app_code, enter

pytestmark = pytest.mark.django_db
NEW = "a new key of at least thirty-two characters"


def rotate(settings, keep: bool):
    for name in ("CODE_KEYS", "DATA_KEYS"):
        old = getattr(settings, name)
        setattr(settings, name, [f"{NEW} {name}", *(old if keep else [])])


def test_codes_links_and_pictures_outlive_a_rotation(client, member, smtp, settings):
    register(client)
    ask_reset(Client(), member.email)
    page = Client().get(url("account_login"))
    fields = {"login": member.email, "password": PASSWORD} | answer_visual_code(page)
    deliver()
    rotate(settings, keep=True)
    type_code(client, code_in(mails_to(smtp, "nora@example.com")[0]))
    assert User.objects.filter(email="nora@example.com").exists()
    assert Client().post(url("account_login"), fields).status_code == 302
    form = client.get(link_in(mails_to(smtp, member.email)[0])).url
    assert client.post(form, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}).status_code == 302


def test_retired_key_is_told_in_words_and_a_new_code_helps(client, member, smtp, settings):
    register(client)
    ask_reset(Client(), member.email)
    deliver()
    rotate(settings, keep=False)
    code = code_in(mails_to(smtp, "nora@example.com")[0])
    assert "انتهت صلاحية رمز التحقق" in type_code(client, code).content.decode()
    assert Client().get(link_in(mails_to(smtp, member.email)[0])).status_code == 200
    # Counters begin again under a new key: the mail may leave at once.
    client.post(url("account_email_verification_sent"), {"action": "resend"})
    deliver()
    type_code(client, code_in(mails_to(smtp, "nora@example.com")[1]))
    assert User.objects.filter(email="nora@example.com").exists()


def test_sign_in_between_two_steps_and_list_of_devices_outlive_a_new_secret_key(member, settings):
    add_app(member)
    halfway, owner, other = Client(), enter(Client(), member), enter(Client(), member)
    assert sign_in(halfway, member.email).url == url("mfa_authenticate")
    page = owner.get(url("account_sessions"))
    name = hidden(page, "session")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = NEW
    rotate(settings, keep=True)
    assert halfway.post(url("mfa_authenticate"), {"code": app_code()}).url == url("profile")
    # The other device is seen and ended before it asks again, by a name that the page had from the old key.
    assert hidden(owner.get(url("account_sessions")), "session")
    owner.post(url("account_sessions"), {"session": name})
    assert other.get(url("profile")).status_code == 302
    assert owner.get(url("profile")).status_code == 200
