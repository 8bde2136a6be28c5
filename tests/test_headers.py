"""What every answer carries: a strict policy, no cache for pages, no cookie before it is needed."""

import json
import os
import re
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import OperationalError
from django.test import Client

from accounts import limits
from mumaris import views
from tests.journey import answer_visual_code, hidden, register, url
from tests.roles import enter
from tests.servers import ROOT

pytestmark = pytest.mark.django_db
OPEN_PAGES = [
    "/ar/", "/en/contact/", "/ar/terms/", "/en/privacy/", "/ar/accessibility/", "/en/accounts/declaration/",
    "/ar/accounts/login/", "/en/accounts/password/reset/", "/ar/accounts/password/reset/done/",
    "/en/accounts/password/reset/key/1-abc/", "/ar/accounts/email/undo/1-abc/", "/ar/accounts/inactive/",
    "/en/profile/claim/objection/x/",
    "/ar/accounts/captcha/x.png",
]  # fmt: skip
MEMBER_PAGES = [
    "/ar/",
    "/en/profile/",
    "/ar/accounts/password/change/",
    "/en/accounts/reauthenticate/",
    "/ar/accounts/logout/",
    "/ar/accounts/email/",
    "/en/accounts/email/code/",
    "/ar/accounts/2fa/",
    "/en/accounts/2fa/totp/activate/",
    "/ar/accounts/2fa/webauthn/add/",
    "/ar/profile/claim/",
    "/en/profile/update/",
    "/ar/profile/update/UPD-0000-0000/",
    "/en/profile/requests/",
    "/ar/profile/requests/UPD-0000-0000/",
    "/en/profile/files/00000000-0000-4000-8000-000000000000/",
]
STAFF_PAGES = [
    "/admin/", "/admin/accounts/user/", "/admin/mail/outbox/", "/admin/nothing/", "/styleguide/",
    "/admin/profiles/updaterequest/", "/admin/profiles/claim/", "/admin/profiles/member/",
    "/admin/profiles/member/import/",
]  # fmt: skip


def policy_of(answer) -> dict[str, list[str]]:
    """Return the directives of the Content-Security-Policy."""
    directives = (part.split() for part in answer["Content-Security-Policy"].split(";"))
    return {name: sources for name, *sources in directives}


def assert_guarded(answer):
    policy = policy_of(answer)
    assert not re.search(r"unsafe-|data:|blob:|\*|https?:", answer["Content-Security-Policy"])
    assert policy["default-src"] == ["'none'"]
    for name in ("frame-ancestors", "base-uri", "object-src", "frame-src"):
        assert policy[name] == ["'none'"], name
    for name in ("script-src", "style-src", "img-src", "font-src", "media-src", "connect-src", "form-action"):
        assert policy[name] == ["'self'"], name
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer.get("X-Frame-Options", "DENY") == "DENY"  # frame-ancestors decides; this is for old browsers
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert {"camera=()", "geolocation=()", "microphone=()"} <= set(answer["Permissions-Policy"].split(", "))
    assert answer["Referrer-Policy"] in {"same-origin", "no-referrer"}
    assert "Server" not in answer
    assert "X-Powered-By" not in answer


def assert_guarded_page(answer):
    assert_guarded(answer)
    assert "no-store" in answer["Cache-Control"]
    # A page with a form and "no-referrer" would send "Origin: null", and its POST be refused.
    assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", OPEN_PAGES)
def test_open_page_is_guarded(client, path):
    assert_guarded_page(client.get(path))


@pytest.mark.parametrize("path", MEMBER_PAGES)
def test_page_of_a_member_is_guarded(client, member, path):
    client.force_login(member)
    assert_guarded_page(client.get(path))


@pytest.mark.parametrize("path", STAFF_PAGES)
def test_page_of_staff_is_guarded(client, admin_user, path):
    enter(client, admin_user)
    assert_guarded_page(client.get(path))


@pytest.mark.parametrize("path", ["/", "/ar/profile/", "/admin/", "/.well-known/change-password", "/terms/"])
def test_redirect_is_guarded(client, path):
    answer = client.get(path)
    assert answer.status_code == 302
    assert_guarded_page(answer)


RAISED = {400: BadRequest(), 403: PermissionDenied(), 500: ValueError(), 503: OperationalError()}


@pytest.mark.parametrize("status", RAISED)
def test_error_page_is_guarded(monkeypatch, status):
    def raising(*args, **kwargs):
        raise RAISED[status]

    monkeypatch.setattr(views, "render", raising)
    answer = Client(raise_request_exception=False).get("/ar/terms/")
    assert answer.status_code == status
    assert_guarded_page(answer)


def test_404_and_405_are_guarded(client):
    assert_guarded_page(client.get("/ar/nothing/"))
    assert_guarded_page(client.post("/ar/terms/"))


def test_refused_host_and_refused_token_are_guarded():
    assert_guarded_page(Client().get("/ar/", headers={"host": "evil.example"}))
    assert_guarded_page(Client(enforce_csrf_checks=True).post("/ar/accounts/login/"))


def test_too_many_requests_are_guarded(client, monkeypatch):
    monkeypatch.setitem(limits.IP_LIMITS, "any", (0, 60))
    client.post("/ar/accounts/login/")
    answer = client.post("/ar/accounts/login/")
    assert answer.status_code == 429
    assert_guarded_page(answer)


def test_answers_to_posts_are_guarded(client):
    answer = register(client)
    assert answer.status_code == 302
    assert_guarded_page(answer)
    assert_guarded_page(client.get(answer.url))
    assert_guarded_page(client.post(answer.url, {"action": "verify", "code": "1"}))


def test_captcha_picture_and_sound_are_guarded_and_not_kept(client):
    token = hidden(client.get(url("account_login")), "captcha_token")
    for name in ("account_captcha_picture", "account_captcha_sound"):
        answer = client.get(url(name, token))
        assert answer.status_code == 200
        assert_guarded(answer)
        assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/robots.txt"])
def test_what_machines_ask_for_is_guarded(client, path):
    assert_guarded(client.get(path))


@pytest.mark.parametrize("file", ["css/site.css", "js/site.js", "img/icon.svg", "fonts/plex-arabic-400.woff2"])
def test_static_file_is_guarded(client, file):
    """A picture in SVG is a document when it is opened by its address."""
    answer = client.get(f"/static/{file}")
    answer.close()
    assert answer.status_code == 200
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert policy_of(answer)["default-src"] == ["'none'"]
    assert "Access-Control-Allow-Origin" not in answer, "contradicts Cross-Origin-Resource-Policy"
    assert not answer.cookies


# --- Cookies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", OPEN_PAGES)
def test_visitor_who_only_looks_gets_no_session(client, path, django_assert_num_queries):
    # Looks for the user, or the change, of the link.
    queries = 1 if "/reset/key/" in path or "/undo/" in path else 0
    with django_assert_num_queries(queries):
        answer = client.get(path)
    assert settings.SESSION_COOKIE_NAME not in answer.cookies
    assert set(answer.cookies) <= {settings.CSRF_COOKIE_NAME}


def test_wrong_sign_in_gets_no_session(client):
    page = client.get(url("account_login"))
    fields = {"login": "a@b.example", "password": "x"} | answer_visual_code(page) | {"captcha": "0"}
    assert settings.SESSION_COOKIE_NAME not in client.post(url("account_login"), fields).cookies


def test_cookies_are_bound_to_this_host(client, member):
    client.get(url("account_login"))
    client.post(url("set_language"), {"language": "en", "next": "/ar/"})
    client.post(url("account_declaration"), {"declaration": "on"})
    assert set(client.cookies) == {"__Host-csrf", "__Host-language", "__Host-session"}
    for cookie in client.cookies.values():
        assert cookie["secure"], cookie.key
        assert cookie["httponly"], cookie.key
        assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", ""), cookie.key


# --- https ----------------------------------------------------------------------------------------

ASK = """
import json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "mumaris.settings"
import django
django.setup()
from django.test import Client
host = os.environ["HOST"]
told = {}
asked = {"plain": ("/ar/", 0), "secure": ("/ar/", 1), "health": ("/healthz", 0), "error": ("/ar/x/", 1)}
for name, (path, secure) in asked.items():
    extra = {"HTTP_X_FORWARDED_PROTO": "https"} if secure else {}
    answer = Client(SERVER_NAME=host).get(path, **extra)
    hsts = answer.get("Strict-Transport-Security")
    told[name] = [answer.status_code, answer.get("Location"), hsts, sorted(answer.cookies)]
print(json.dumps(told))
"""


def ask(base_url: str, host: str, proxies: str) -> dict:
    """Return what a process with this BASE_URL answers: [status, Location, HSTS, cookies] by name."""
    environment = os.environ | {
        "BASE_URL": base_url,
        "ALLOWED_HOSTS": host,
        "HOST": host,
        "TRUSTED_PROXY_COUNT": proxies,
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_https_is_asked_for_and_remembered_when_the_address_has_it():
    told = ask("https://portal.example", "portal.example", "1")
    hsts = "max-age=63072000; includeSubDomains; preload"
    assert told["plain"][:2] == [301, "https://portal.example/ar/"]
    assert told["secure"] == [200, None, hsts, ["__Host-csrf"]]
    assert told["error"][:3] == [404, None, hsts]
    assert told["health"][:2] == [200, None]


def test_http_on_localhost_neither_redirects_nor_promises_https():
    told = ask("http://localhost:8000", "localhost", "0")
    assert told["plain"] == [200, None, None, ["__Host-csrf"]]
    # Nobody in front: what the visitor claims about https counts for nothing.
    assert told["secure"] == told["plain"]
    assert told["health"][:3] == [200, None, None]
