"""Story: before protected details are shown or changed, a password of the last 15 minutes."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from allauth.account.decorators import reauthentication_required
from django.http import HttpResponse
from django.urls import path
from django.utils import timezone

from mumaris import urls
from tests.journey import PASSWORD, code_in, deliver, mails_to, register, sign_in, type_code, url

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
