"""Story: before protected details are shown or changed, a proof of the last 15 minutes: password, or second step."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from allauth.account.decorators import reauthentication_required
from allauth.mfa.models import Authenticator
from django.http import HttpResponse
from django.urls import path, reverse
from django.utils import timezone

from accounts import cases
from accounts.erasure import ask_erasure
from accounts.models import User
from mumaris import urls
from tests.conftest import make_user
from tests.journey import NEW_PASSWORD, PASSWORD, code_in, deliver, mails_to, register, sign_in, type_code, url
from tests.roles import add_app, app_code, give_role, signed_in
from tests.software_key import SoftwareKey
from tests.test_passkeys import add_passkey

pytestmark = pytest.mark.django_db
LANGUAGES = ("ar", "en")
EMAIL, FRESH = "account_email", "account_reauthenticate"

# A page of a library that wants a fresh proof, as allauth's own do.
urlpatterns = [
    path("guarded/", reauthentication_required(lambda request: HttpResponse("shown"))),
    *urls.urlpatterns,
]


def later(minutes: int):
    return time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=True)


@pytest.fixture
def here(client, member):
    sign_in(client, member.email, PASSWORD)
    return client


def assert_asks(answer, back_to: str, language: str = "ar"):
    assert answer.status_code == 302
    sent = urlsplit(answer.url)
    assert sent.path == url(FRESH, language=language)
    assert parse_qs(sent.query) == {"next": [back_to]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_sign_in_is_fresh_for_fifteen_minutes(here, language):
    page = url(EMAIL, language=language)
    with later(14):
        assert here.get(page).status_code == 200
    with later(16):
        assert_asks(here.get(page), page, language)
        assert_asks(here.head(page), page, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_password_leads_back_to_the_page_and_is_fresh_again(here, language):
    with later(16):
        asked = here.get(url(EMAIL, language=language) + "?from=profile", follow=True)
        assert asked.status_code == 200
        back = url(EMAIL, language=language) + "?from=profile"
        before = here.session.session_key
        answer = here.post(url(FRESH, language=language), {"password": PASSWORD, "next": back})
        assert (answer.status_code, answer.url) == (302, back)
        assert here.get(answer.url).status_code == 200
        assert here.session.session_key != before


def test_wrong_password_opens_nothing(here):
    with later(16):
        page = here.post(url(FRESH), {"password": "Wrong-Password1", "next": url(EMAIL)})
        assert "كلمة المرور غير صحيحة." in page.content.decode()
        assert_asks(here.get(url(EMAIL)), url(EMAIL))


def test_code_at_registration_is_fresh(client, smtp):
    register(client)
    deliver()
    type_code(client, code_in(mails_to(smtp, "nora@example.com")[0]))
    assert client.get(url(EMAIL)).status_code == 200
    with later(16):
        assert_asks(client.get(url(EMAIL)), url(EMAIL))


def test_late_post_is_led_back_and_nothing_of_it_is_kept(here, member):
    with later(16):
        answer = here.post(url(EMAIL) + "?x=secret-in-query", {"email": "new@example.com", "password": "Zq7!secret"})
        assert_asks(answer, url(EMAIL))
        kept = str(dict(here.session))
        assert not [secret for secret in ("new@example.com", "Zq7!secret", "secret-in-query") if secret in kept]
        assert "account_reauthentication_state" not in here.session
        here.post(url(FRESH), {"password": PASSWORD, "next": url(EMAIL)})
    assert not member.email_changes.exists()


def test_late_post_to_a_page_of_allauth_is_not_kept_either(here, settings):
    settings.ROOT_URLCONF = __name__
    assert here.post("/guarded/", {"password": "Zq7!secret"}).content == b"shown"
    with later(16):
        assert_asks(here.post("/guarded/", {"password": "Zq7!secret"}), "/guarded/")
        assert "Zq7!secret" not in str(dict(here.session))
        assert "account_reauthentication_state" not in here.session
        assert_asks(here.get("/guarded/"), "/guarded/")


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "http:evil.example", "///evil.example", "/\\evil.example",
     "\\\\evil.example", "javascript:alert(1)", "http://localhost:8001/", " https://evil.example",
     "%2F%2Fevil.example"],
)  # fmt: skip
def test_next_leads_nowhere_else(here, elsewhere):
    answer = here.post(url(FRESH), {"password": PASSWORD, "next": elsewhere})
    assert (answer.status_code, answer.url) == (302, url("profile"))


def test_visitor_signs_in_and_does_not_prove_first(client):
    assert urlsplit(client.get(url(EMAIL)).url).path == url("account_login")
    assert urlsplit(client.get(url(FRESH)).url).path == url("account_login")


def test_proof_of_another_person_does_not_count(here, other_member):
    here.post(url("account_logout"))
    with later(20):
        sign_in(here, other_member.email, PASSWORD)
    with later(36):
        assert_asks(here.get(url(EMAIL)), url(EMAIL))


# --- Who has a second step proves by it ---------------------------------------------------------------

OLD = timedelta(hours=1)
PROTECTED = [
    EMAIL, "account_devices", "account_own_data_file", "mfa_activate_totp", "mfa_deactivate_totp", "mfa_add_webauthn",
    "mfa_view_recovery_codes", "mfa_generate_recovery_codes",
]  # fmt: skip


@pytest.fixture
def guarded(member):
    """A member who has had an app for long."""
    add_app(member)
    Authenticator.objects.update(created_at=timezone.now() - OLD)
    return member


@pytest.fixture
def behind_app(client, guarded):
    """The browser of that member, signed in by both steps."""
    sign_in(client, guarded.email)
    client.post(url("mfa_authenticate"), {"code": app_code()})
    assert client.session["signed_in"]["second_factor"]
    return client


@pytest.mark.parametrize("language", LANGUAGES)
def test_password_alone_is_no_proof_of_who_has_a_second_step(behind_app, guarded, language):
    page, proof = url(EMAIL, language=language), url("mfa_reauthenticate", language=language)
    with later(14):
        assert behind_app.get(page).status_code == 200
    with later(16):
        asked = behind_app.get(page, follow=True)
        assert urlsplit(asked.redirect_chain[-1][0]).path == proof
        assert f'name="next" value="{page}"' in asked.content.decode()
        title = {"ar": "أكّد الخطوة الثانية للمتابعة", "en": "Confirm the second step to continue"}
        assert title[language] in asked.content.decode()
        answer = behind_app.post(url(FRESH, language=language), {"password": PASSWORD, "next": page})
        assert (urlsplit(answer.url).path, parse_qs(urlsplit(answer.url).query)) == (proof, {"next": [page]})
        assert_asks(behind_app.get(page), page, language)
        answer = behind_app.post(proof, {"code": app_code(), "next": page})
        assert (answer.status_code, answer.url) == (302, page)
        assert behind_app.get(page).status_code == 200


@pytest.mark.parametrize("name", PROTECTED)
def test_page_asks_who_has_a_second_step_for_more_than_a_sign_in_by_password(client, guarded, name):
    client.force_login(guarded)
    for answer in (client.get(url(name)), client.post(url(name), {"email": "new@example.com"})):
        assert_asks(answer, url(name))
    assert guarded.authenticator_set.count() == 2
    assert not guarded.email_changes.exists()


def test_erasure_is_asked_for_with_the_second_step(client, guarded):
    client.force_login(guarded)
    assert_asks(client.post(url("account_privacy"), {"action": "erase"}), url("account_privacy"))
    assert not guarded.erasures.exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_new_password_wants_the_second_step_beside_the_old_one(behind_app, guarded, language):
    page = url("account_change_password", language=language)
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    with later(16):
        for answer in (behind_app.get(page), behind_app.post(page, fields)):
            assert_asks(answer, page, language)
        assert User.objects.get().check_password(PASSWORD)
        behind_app.post(url("mfa_reauthenticate", language=language), {"code": app_code()})
        assert behind_app.post(page, fields).url == url("profile", language=language)
    assert User.objects.get().check_password(NEW_PASSWORD)


def test_old_password_is_proof_enough_of_who_has_no_second_step(here, member):
    with later(16):
        fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
        assert here.post(url("account_change_password"), fields).url == url("profile")
    assert User.objects.get().check_password(NEW_PASSWORD)


def test_acts_of_staff_want_the_second_step(reviewer, member):
    administrator = give_role(reviewer, "administrator")
    add_app(administrator)
    Authenticator.objects.update(created_at=timezone.now() - OLD)
    here = signed_in(administrator, "ar")
    case = cases.ask_case(user=member, asked_by=make_user("s@example.com"), kind="clear_mfa", reason="Seen")
    erasure = ask_erasure(user=member)
    acts = {
        reverse("admin:accounts_user_change", args=[member.pk]): {"is_staff": "on"},
        reverse("admin:accounts_user_close", args=[member.pk]): {"action": "close"},
        reverse("admin:accounts_staffcase_change", args=[case.pk]): {"action": "confirm"},
        reverse("admin:accounts_erasurerequest_change", args=[erasure.pk]): {"action": "complete"},
    }
    before = User.objects.values().get(pk=member.pk)
    for page, posted in acts.items():
        assert_asks(here.post(page, posted), page)
    export = reverse("admin:profiles_member_export") + "?q=1"
    assert_asks(here.post(export), export)
    assert User.objects.values().get(pk=member.pk) == before
    here.post(url("mfa_reauthenticate"), {"code": app_code()})
    page, posted = next(iter(acts.items()))
    assert here.post(page, posted).url == reverse("admin:accounts_user_changelist")


def test_password_before_the_first_factor_is_enough_to_go_on(here, member):
    """Whoever has just added an app reads the recovery codes without proving once more, but not for ever."""
    key = SoftwareKey()
    assert add_passkey(here, key).url == url("mfa_view_recovery_codes")
    assert here.get(url("mfa_view_recovery_codes")).status_code == 200
    assert add_passkey(here, SoftwareKey()).status_code == 302
    assert Authenticator.objects.filter(type="webauthn").count() == 2
    with later(16):
        assert_asks(here.get(url("mfa_view_recovery_codes")), url("mfa_view_recovery_codes"))
        answer = here.post(url(FRESH), {"password": PASSWORD, "next": url(EMAIL)})
        assert urlsplit(answer.url).path == url("mfa_reauthenticate")
        assert_asks(here.get(url(EMAIL)), url(EMAIL))
