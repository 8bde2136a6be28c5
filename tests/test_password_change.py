"""Story: «الملف الشخصي» → «تغيير كلمة المرور» → «حفظ»."""

import pytest
from django.test import Client

from accounts.models import User
from tests.journey import NEW_PASSWORD, PASSWORD, ask_reset, deliver, mails_to, sign_in, url

pytestmark = pytest.mark.django_db
CHANGE = "account_change_password"
FIELDS = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}


@pytest.fixture
def here(client, member):
    sign_in(client, member.email, PASSWORD)
    return client


def test_change_is_two_clicks_from_the_profile_and_saved(here, member, smtp):
    assert f'href="{url(CHANGE)}"' in here.get(url("profile")).content.decode()
    assert "حفظ" in here.get(url(CHANGE)).content.decode()
    page = here.post(url(CHANGE), FIELDS, follow=True)
    assert page.redirect_chain[-1][0] == url("profile")
    assert "تم تغيير كلمة المرور" in page.content.decode()
    assert User.objects.get().check_password(NEW_PASSWORD)
    deliver()
    (notice,) = mails_to(smtp, member.email)
    assert notice["Subject"] == "Your password was changed"


def test_change_ends_other_sessions_and_keeps_this_one_under_a_new_id(here, member):
    elsewhere = Client()
    sign_in(elsewhere, member.email, PASSWORD)
    before = here.session.session_key
    here.post(url(CHANGE), FIELDS)
    assert here.get(url("profile")).status_code == 200
    assert here.session.session_key != before
    assert elsewhere.get(url("profile")).status_code == 302


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"oldpassword": ""}, "أدخل كلمة المرور القديمة."),
        ({"oldpassword": "Wrong-Password1"}, "كلمة المرور القديمة غير صحيحة."),
        ({"password2": "Other+Word77"}, "كلمتا المرور غير متطابقتين."),
        ({"password1": "Member@2026", "password2": "Member@2026"}, "id_password1_error"),
        ({"password1": "short", "password2": "short"}, "اكتب 8 أحرف على الأقل في كلمة المرور."),
    ],
)
def test_refusal_says_why_and_changes_nothing(here, smtp, changes, sentence):
    page = here.post(url(CHANGE), FIELDS | changes)
    assert sentence in page.content.decode()
    assert User.objects.get().check_password(PASSWORD)
    deliver()
    assert not smtp.messages


def test_wrong_old_passwords_count_as_failed_sign_ins(here):
    for _ in range(5):
        here.post(url(CHANGE), FIELDS | {"oldpassword": "Wrong-Password1"})
    here.post(url(CHANGE), FIELDS)
    assert User.objects.get().check_password(PASSWORD)


def test_administrator_of_the_command_line_can_change_it_too(client, django_user_model):
    django_user_model.objects.create_superuser("root@example.com", PASSWORD, first_name="Rana", last_name="Ali")
    sign_in(client, "root@example.com", PASSWORD)
    assert client.post(url(CHANGE), FIELDS).url == url("profile")
    assert User.objects.get().check_password(NEW_PASSWORD)


def test_change_needs_a_session(client):
    assert client.get(url(CHANGE)).url.startswith(url("account_login"))
    assert client.get("/.well-known/change-password").status_code == 302


def test_fresh_password_is_asked_and_checked(here):
    page = here.post(url("account_reauthenticate"), {"password": "Wrong-Password1"})
    assert "كلمة المرور غير صحيحة." in page.content.decode()
    before = here.session.session_key
    assert here.post(url("account_reauthenticate"), {"password": PASSWORD}).status_code == 302
    assert here.session.session_key != before


@pytest.mark.parametrize("language", ["ar", "en"])
def test_somebody_without_a_password_is_led_to_a_link(client, member, smtp, language):
    """After «this was not me» a passkey still signs in, and the page would else have no old password to ask for."""
    member.set_unusable_password()
    member.save()
    client.force_login(member)
    page = client.get(url("account_change_password", language=language), follow=True)
    assert page.redirect_chain == [(url("account_reset_password", language=language), 302)]
    assert page.status_code == 200
    ask_reset(client, member.email, language)
    deliver()
    assert len(mails_to(smtp, member.email)) == 1
