"""The contract of addresses: what is there, what is not, and what a visitor may open."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth import urls as allauth_urls
from django.urls import URLPattern, get_resolver

from tests.journey import PASSWORD, sign_in, url

pytestmark = pytest.mark.django_db

TOKEN = "x" * 40
REFERENCE = "UPD-0000-0000"
FILE = "00000000-0000-4000-8000-000000000000"
# Name → path after the language prefix, as the product page has them.
PAGES = {
    "home": "",
    "contact": "contact/",
    "terms": "terms/",
    "privacy": "privacy/",
    "accessibility": "accessibility/",
    "set_language": "language/",
    "account_declaration": "accounts/declaration/",
    "account_signup": "accounts/signup/",
    "account_email_verification_sent": "accounts/confirm-email/",
    "account_login": "accounts/login/",
    "account_logout": "accounts/logout/",
    "account_inactive": "accounts/inactive/",
    "account_captcha_picture": f"accounts/captcha/{TOKEN}.png",
    "account_captcha_sound": f"accounts/captcha/{TOKEN}.wav",
    "account_reset_password": "accounts/password/reset/",
    "account_reset_password_done": "accounts/password/reset/done/",
    "account_reset_password_from_key": "accounts/password/reset/key/1-abc/",
    "account_reset_password_from_key_done": "accounts/password/reset/key/done/",
    "profile": "profile/",
    "claim": "profile/claim/",
    "claim_objection": f"profile/claim/objection/{TOKEN}/",
    "update_begin": "profile/update/",
    "update_edit": f"profile/update/{REFERENCE}/",
    "update_check": f"profile/update/{REFERENCE}/check/",
    "update_requests": "profile/requests/",
    "update_request": f"profile/requests/{REFERENCE}/",
    "member_file": f"profile/files/{FILE}/",
    "account_change_password": "accounts/password/change/",
    "account_reauthenticate": "accounts/reauthenticate/",
    "account_email": "accounts/email/",
    "account_activity": "accounts/activity/",
    "account_privacy": "accounts/privacy/",
    "account_own_data": "accounts/privacy/data/",
    "account_own_data_file": "accounts/privacy/data.json",
    "account_email_code": "accounts/email/code/",
    "account_email_undo": "accounts/email/undo/1-abc/",
    "account_sessions": "accounts/sessions/",
    "account_session_keep": "accounts/session/keep/",
    "mfa_index": "accounts/2fa/",
    "mfa_authenticate": "accounts/2fa/authenticate/",
    "mfa_reauthenticate": "accounts/2fa/reauthenticate/",
    "mfa_activate_totp": "accounts/2fa/totp/activate/",
    "mfa_deactivate_totp": "accounts/2fa/totp/deactivate/",
    "mfa_view_recovery_codes": "accounts/2fa/recovery-codes/",
    "mfa_generate_recovery_codes": "accounts/2fa/recovery-codes/generate/",
    "mfa_download_recovery_codes": "accounts/2fa/recovery-codes/download/",
    "mfa_list_webauthn": "accounts/2fa/webauthn/",
    "mfa_add_webauthn": "accounts/2fa/webauthn/add/",
    "mfa_reauthenticate_webauthn": "accounts/2fa/webauthn/reauthenticate/",
    "mfa_login_webauthn": "accounts/2fa/webauthn/login/",
    "mfa_remove_webauthn": "accounts/2fa/webauthn/keys/1/remove/",
    "mfa_edit_webauthn": "accounts/2fa/webauthn/keys/1/edit/",
    "account_devices": "accounts/devices/",
    "account_not_me": "accounts/sessions/not-me/1-abc/",
}
ARGUMENTS = {
    "account_captcha_picture": [TOKEN],
    "account_captcha_sound": [TOKEN],
    "account_reset_password_from_key": ["1", "abc"],
    "account_email_undo": ["1-abc"],
    "account_not_me": ["1-abc"],
    "claim_objection": [TOKEN],
    "update_edit": [REFERENCE],
    "update_check": [REFERENCE],
    "update_request": [REFERENCE],
    "member_file": [FILE],
    "mfa_remove_webauthn": [1],
    "mfa_edit_webauthn": [1],
}
WITHOUT_PREFIX = {
    "root": "/",
    "healthz": "/healthz",
    "readyz": "/readyz",
    "robots": "/robots.txt",
    "well_known_change_password": "/.well-known/change-password",
    "styleguide": "/styleguide/",
}
# Everything else asks for a sign-in.
PUBLIC = set(PAGES) - {
    "profile", "account_change_password", "account_reauthenticate", "account_email", "account_email_code",
    "account_sessions", "account_session_keep", "account_devices",
    "account_activity", "account_privacy", "account_own_data", "account_own_data_file",
    "claim", "update_begin", "update_edit", "update_check", "update_requests", "update_request", "member_file",
    "mfa_index", "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp", "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes", "mfa_download_recovery_codes", "mfa_list_webauthn", "mfa_add_webauthn",
    "mfa_reauthenticate_webauthn", "mfa_remove_webauthn", "mfa_edit_webauthn",
}  # fmt: skip
# Without a sign-in that has begun there is nothing to show.
STEPS_OF_SIGN_IN = {"mfa_authenticate", "mfa_login_webauthn"}
LANGUAGES = ("ar", "en")


def walk(patterns, prefix: str = ""):
    """Return (name, route) of every pattern below."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield pattern.name, route
        elif not route.startswith("admin/"):
            yield from walk(pattern.url_patterns, route)


def example_of(route: str) -> str:
    """Return a path that a pattern would match, whether it is written with brackets or as an expression."""
    path = re.sub(r"<[^>]+>", "1", route.replace("^", "").replace("$", "")) if "(?P" not in route else None
    if path is None:
        path = re.sub(r"\(\?P<\w+>[^)]*\)", "abc", route).replace("^", "").replace("$", "")
    return path.replace("\\", "")


def test_routes_are_those_of_the_contract_and_no_others():
    named = {name for name, _ in walk(get_resolver().url_patterns)}
    assert named == set(PAGES) | set(WITHOUT_PREFIX)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_page_stands_on_its_path(name, language):
    assert url(name, *ARGUMENTS.get(name, []), language=language) == f"/{language}/{PAGES[name]}"


@pytest.mark.parametrize("name", WITHOUT_PREFIX)
def test_what_machines_ask_for_stands_without_prefix(name):
    assert url(name, language="en") == WITHOUT_PREFIX[name]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_page_is_closed_unless_it_is_public(client, name, language):
    path = f"/{language}/{PAGES[name]}"
    answer = client.get(path)

    sent = urlsplit(answer.url) if answer.status_code == 302 else urlsplit("")
    sent_to_sign_in = sent.path == url("account_login", language=language)
    assert sent_to_sign_in == (name not in PUBLIC or name in STEPS_OF_SIGN_IN)
    # Only a closed page is what somebody comes back to.
    assert parse_qs(sent.query).get("next") == ([path] if name not in PUBLIC else None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_next_leads_back_after_signing_in(client, member, language):
    page = client.get(url("account_change_password", language=language), follow=True)
    assert page.redirect_chain[-1][1] == 302
    answer = sign_in(client, member.email, PASSWORD, language, next=url("account_change_password", language=language))
    assert answer.url == url("account_change_password", language=language)


@pytest.mark.parametrize(
    "path",
    ["/admin/", "/admin/accounts/user/", "/admin/accounts/user/1/change/", "/admin/mail/outbox/", "/admin/jsi18n/",
     "/admin/nothing/", "/admin/password_change/"],
)  # fmt: skip
def test_admin_is_closed_to_visitors(client, path):
    answer = client.get(path)
    assert answer.status_code == 302
    assert urlsplit(answer.url).path == url("account_login")
    assert parse_qs(urlsplit(answer.url).query)["next"] == [path]


@pytest.mark.parametrize("language", LANGUAGES)
def test_other_routes_of_allauth_are_not_there(client, member, language):
    """allauth grows routes with each release: what the contract does not name is no page of ours."""
    paths = {f"accounts/{example_of(route)}" for _name, route in walk(allauth_urls.urlpatterns)}
    paths |= {f"accounts/{more}/" for more in (
        "phone/verify", "phone/change", "password/reset/confirm", "password/reset/complete", "signup/passkey",
        "login/code", "confirm-email/abc", "2fa/trust", "2fa/webauthn/signup", "sessions", "3rdparty",
        "email/add", "password/set", "social/signup", "google/login",
    )}  # fmt: skip
    ours = set(PAGES.values()) | {"accounts/password/reset/key/abc-abc/"}
    others = sorted(paths - ours)
    assert {"accounts/email/add/", "accounts/password/set/", "accounts/login/code/confirm/"} <= set(others)
    assert len(paths & ours) > 8, "the contract keeps allauth's own paths"

    client.force_login(member)
    answers = {path: client.get(f"/{language}/{path}").status_code for path in others}

    assert set(answers.values()) == {404}, {path: status for path, status in answers.items() if status != 404}


@pytest.mark.parametrize(
    "path", ["/nothing/", "/ar/nothing/", "/en/accounts/nothing/", "/fr/", "/accounts/login/x", "/.env", "/ar/../en/x"]
)
def test_unknown_address_is_404_for_a_visitor(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/accounts/login/", "/terms/", "/profile/"])
def test_address_without_prefix_leads_to_the_visitors_language(client, path):
    answer = client.get(path, headers={"accept-language": "en"})
    assert (answer.status_code, answer.url) == (302, f"/en{path}")


def test_sign_out_does_nothing_on_get(client, member):
    client.force_login(member)
    assert client.get(url("account_logout")).status_code == 200
    assert client.head(url("account_logout")).status_code == 200
    assert client.get(url("profile")).status_code == 200

    client.post(url("account_logout"))
    assert client.get(url("profile")).status_code == 302


def test_language_switch_does_nothing_on_get(client, member):
    client.force_login(member)
    answer = client.get(url("set_language"), {"language": "ar", "next": "/ar/terms/"})
    member.refresh_from_db()
    assert member.language == "en"
    assert not answer.cookies


def test_language_switch_never_leads_to_itself(client):
    """An error page at this address offers it in the other language."""
    answer = client.get(url("set_language"), headers={"Referer": f"http://testserver{url('set_language')}"})
    assert answer.url == url("home")


@pytest.mark.parametrize(
    "name",
    [
        "account_change_password",
        "account_reauthenticate",
        "account_email",
        "account_email_code",
        "account_devices",
        "profile",
    ],
)
def test_closed_page_takes_no_post_of_a_visitor(client, name):
    answer = client.post(url(name), {"password": "x", "oldpassword": "x"})
    assert urlsplit(answer.url).path == url("account_login")


@pytest.mark.parametrize(
    "name",
    [
        "account_declaration",
        "account_signup",
        "account_email_verification_sent",
        "account_login",
    ],
)
def test_page_for_visitors_leads_a_member_to_the_profile(client, member, name):
    client.force_login(member)
    assert client.get(url(name)).url == url("profile")


def test_reset_leads_a_member_to_the_change_of_password(client, member):
    """Mails that ask whether it was not you have its button, and their reader may be signed in."""
    client.force_login(member)
    assert client.get(url("account_reset_password")).url == url("account_change_password")


def test_well_known_address_leads_to_the_change_of_password(client):
    assert (
        client.get("/.well-known/change-password", headers={"accept-language": "en"}).url
        == "/en/accounts/password/change/"
    )


def test_styleguide_is_for_staff_only(client, member, reviewer):
    assert client.get("/styleguide/").status_code == 404
    client.force_login(member)
    assert client.get("/styleguide/").status_code == 404
    client.force_login(reviewer)
    assert client.get("/styleguide/").status_code == 200


def test_mailbox_of_a_local_run_is_not_there(client):
    assert client.get("/mailbox/").status_code == 404
