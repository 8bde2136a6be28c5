"""Story: the attacks that every portal meets, in every spelling, and none of them gets anywhere.

Those that concern one flow stand with that flow; docs/security.md names them all.
"""

import logging
import re
from html import unescape
from urllib.parse import quote, urljoin, urlsplit

import pytest
from django.test import Client, override_settings
from django.urls import reverse
from django.utils.html import escape

from accounts.models import EmailChange, User
from mumaris.mail.models import Outbox
from profiles.models import Claim, Member, UpdateRequest
from profiles.services import begin_update_request
from tests.conftest import make_user
from tests.journey import (
    PASSWORD,
    answer_visual_code,
    ask_reset,
    code_in,
    deliver,
    mails_to,
    register,
    sign_in,
    text_of,
    type_code,
    url,
)
from tests.registry import edit_fields, make_registry_member
from tests.roles import enter
from tests.servers import ROOT

pytestmark = pytest.mark.django_db
NORA = "nora@example.com"

# --- next= ----------------------------------------------------------------------------------------

ELSEWHERE = [
    "https://evil.example/", "http://evil.example", "//evil.example", "///evil.example", "////evil.example/x",
    "/\\evil.example", "\\\\evil.example", "/\\/evil.example", "\\/evil.example", "https:evil.example",
    "https:/evil.example",
    "HTTPS://EVIL.EXAMPLE", "hTTps:////evil.example", "http:\\\\evil.example", "https://testserver@evil.example/",
    "https://testserver.evil.example/", "//testserver@evil.example", "//evil.example\\@testserver",
    "/%2f%2fevil.example",
    "%2f%2fevil.example", "//evil%E3%80%82example", "//evil。example", "//ｅvil.example", "javascript:alert(1)",
    "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "\tjavascript:alert(1)", "data:text/html,<script>", "vbscript:x",
    " //evil.example", "\t//evil.example", "\n//evil.example", "/\t/evil.example", "/\n/evil.example",
    "\x00//evil.example",
    "//evil.example?/ar/profile/", "//evil.example#/ar/profile/", "/ar/profile/\r\nLocation: https://evil.example",
    "ftp://evil.example", "file:///etc/passwd", "//[::1]/", "//0x7f000001/", "//evil.example:80/",
    "https://[evil.example]/",
    "http:///evil.example", "/.//evil.example", "/ar/..//evil.example", ".evil.example", "@evil.example",
    "?next=//evil.example",
]  # fmt: skip


def lands_here(path: str, location: str) -> bool:
    """Tell whether a browser stays on this host: it reads backslashes as slashes and drops tabs and line breaks."""
    bare = re.sub(r"[\t\r\n]", "", location).strip("\x00 ").replace("\\", "/")
    bare = re.sub("^(https?:)?/{2,}|^https?:/*", "https://", bare, flags=re.IGNORECASE)
    goal = urlsplit(urljoin(f"https://testserver{path}", bare))
    return (goal.scheme, goal.netloc) == ("https", "testserver")


@pytest.mark.parametrize("target", ELSEWHERE)
def test_next_leads_to_no_other_host_in_any_spelling(member, target):
    visitor = Client()
    login = url("account_login")
    page = visitor.get(login, {"next": target})
    for link in re.findall(r'(?:href|action)="([^"]*)"', page.content.decode()):
        assert link.startswith("tel:") or lands_here(login, unescape(link)), link
    fields = {"login": member.email, "password": PASSWORD, "next": target}
    answer = visitor.post(f"{login}?next={quote(target)}", fields | answer_visual_code(page))
    assert answer.status_code == 302
    posts = {
        login: answer,
        url("account_reauthenticate"): visitor.post(
            url("account_reauthenticate"), {"password": PASSWORD, "next": target}
        ),
        url("set_language"): visitor.post(url("set_language"), {"language": "en", "next": target}),
        url("account_logout"): visitor.post(f"{url('account_logout')}?next={quote(target)}", {"next": target}),
    }
    for path, answer in posts.items():
        if answer.status_code == 302:
            assert lands_here(path, answer.url), f"{path} leads to {answer.url!r}"
        assert "\n" not in answer.headers.get("Location", "")


def test_the_judge_of_goals_knows_other_hosts():
    for target in ELSEWHERE[:8]:
        assert not lands_here("/ar/", target), target
    assert lands_here("/ar/", "/ar/profile/")


# --- Who asks, and whom ---------------------------------------------------------------------------

FORGED = {
    "HTTP_X_FORWARDED_HOST": "evil.example", "HTTP_X_FORWARDED_SERVER": "evil.example", "HTTP_X_HOST": "evil.example",
    "HTTP_FORWARDED": "host=evil.example;for=198.51.100.1;proto=https", "HTTP_X_REAL_IP": "198.51.100.1",
    "HTTP_X_ORIGINAL_URL": "/admin/", "HTTP_X_REWRITE_URL": "/admin/", "HTTP_X_FORWARDED_PREFIX": "/evil",
    "HTTP_X_CLIENT_IP": "198.51.100.1", "HTTP_CF_CONNECTING_IP": "198.51.100.1", "HTTP_TRUE_CLIENT_IP": "198.51.100.1",
    "HTTP_X_FORWARDED_PORT": "99",
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_forged_host_stands_in_no_mail(member, smtp, name):
    visitor = Client(**{name: FORGED[name]})
    page = ask_reset(visitor, member.email)
    register(visitor)
    deliver()
    assert len(smtp.messages) == 2
    for mail in smtp.messages:
        assert "evil" not in mail.as_string()
    assert "evil" not in str(page.headers)


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_forged_proxy_headers_change_nothing(proxies):
    """Whatever a client puts before what the proxies append, it stays one source: twenty questions an hour."""
    true_tail = ["", ", 203.0.113.9", ", 203.0.113.9, 203.0.113.8"][proxies]
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=proxies):
        statuses = []
        for number in range(22):
            forged = f"198.51.100.{number}{true_tail}"
            visitor = Client(**FORGED, HTTP_X_FORWARDED_FOR=forged, REMOTE_ADDR="203.0.113.9")
            statuses.append(ask_reset(visitor, f"person{number}@example.com").status_code)
    assert statuses == [302] * 20 + [429] * 2


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "GET", "HEAD", "OPTIONS"])
def test_method_confusion_does_nothing(member, smtp, method):
    """A form in the body of another method, and a method in a header or a field, are no post."""
    sign_in(here := Client(), member.email)
    before = list(User.objects.values()), Outbox.objects.count(), EmailChange.objects.count()
    for name in (
        "account_email",
        "account_change_password",
        "account_logout",
        "set_language",
        "claim",
        "account_login",
    ):
        answer = here.generic(
            method, url(name), "email=new@example.com&language=ar", "application/x-www-form-urlencoded",
            HTTP_X_HTTP_METHOD_OVERRIDE="POST", HTTP_X_METHOD_OVERRIDE="POST",
        )  # fmt: skip
        assert answer.status_code < 500
        here.get(f"{url(name)}?_method=POST&email=new@example.com&action=verify&language=ar")
    assert (list(User.objects.values()), Outbox.objects.count(), EmailChange.objects.count()) == before
    assert here.get(url("profile")).status_code == 200


def test_no_answer_lets_another_origin_read(client, member):
    for path in (url("home"), url("account_login"), url("profile"), "/healthz", "/static/css/none.css"):
        for origin in ("https://evil.example", "null"):
            for ask in (client.get, client.options):
                answer = ask(path, headers={"origin": origin, "access-control-request-method": "POST"})
                assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_scripts_keep_nothing_in_the_browser():
    for script in (ROOT / "static" / "js").glob("*.js"):
        assert not re.search(r"localStorage|sessionStorage|indexedDB|document\.cookie", script.read_text()), script.name


def test_typed_line_break_makes_no_line_of_the_log(client, caplog):
    with caplog.at_level(logging.INFO):
        client.get("/ar/nothing%0A2026-11-24 ERROR forged%0D%0Aline/")
        client.post(url("account_login"), headers={"user-agent": "x\r\nforged", "referer": "y\nforged"})
        client.get("/ar/", headers={"host": "evil\nforged"})
    assert caplog.records
    assert not [record for record in caplog.records if re.search(r"[\r\n].*forged", record.getMessage())]


# --- Fields that no form has ----------------------------------------------------------------------

RIGHTS = {
    "is_staff": "on", "is_superuser": "on", "is_active": "", "verified": "on", "primary": "on", "status": "approved",
    "state": "approved", "membership_number": "99999999", "user": "1", "user_id": "1", "owner": "1", "member": "1",
    "groups": "1", "user_permissions": "1", "session_epoch": "9", "date_joined": "2000-01-01", "decided_by": "1",
    "decided_at": "2026-01-01", "reviewer": "1", "tied_at": "2026-01-01", "registry_email": "eve@evil.example",
    "registration_expiry": "2099-01-01", "kept_fields": "[]", "new_values": "{}", "old_values": "{}",
    "reference": "UPD-0000-0000",
    "requested_by": "1", "due_at": "2000-01-01", "birth_date_override": "x", "visitor": "x", "id": "1", "pk": "1",
    "undo_until": "2099-01-01", "completed_at": "2026-01-01", "last_login": "2099-01-01", "password": "argon2$x",
}  # fmt: skip


def rights() -> tuple:
    """Return everything that no form of the portal may write."""
    return (
        list(User.objects.order_by("pk").values_list("pk", "is_staff", "is_superuser", "is_active", "session_epoch")),
        [list(user.groups.all()) + list(user.user_permissions.all()) for user in User.objects.order_by("pk")],
        list(
            Member.objects.order_by("pk").values_list(
                "pk", "membership_number", "user", "tied_at", "registry_email", "registration_expiry", "kept_fields"
            )
        ),
    )


def test_posted_rights_are_ignored_by_every_form(member, smtp):
    """Each form with what it wants, and beside it every field that it does not have."""
    make_user("first@example.com")
    file, free = make_registry_member(member), make_registry_member()
    here = Client()
    sign_in(here, member.email, **{name: value for name, value in RIGHTS.items() if name != "password"})
    before = rights()
    request = begin_update_request(user=member, membership_number=file.membership_number)
    posts = {
        url("account_email"): {"email": "new@example.com"},
        url("set_language"): {"language": "ar", "next": "/ar/"},
        url("account_reauthenticate"): {"password": PASSWORD},
        url("update_begin"): {"membership_number": file.membership_number},
        url("update_edit", request.reference): edit_fields(file, job_title="رئيسة تمريض"),
        url("update_check", request.reference): {"action": "finish"},
    }
    for path, fields in posts.items():
        assert here.post(path, RIGHTS | fields).status_code == 302, path
    assert rights() == before
    sent = UpdateRequest.objects.get()
    assert (sent.state, sent.decided_by, sent.reviewer, sent.requested_by) == ("submitted", None, None, member)
    assert set(sent.new_values) == {"job_title"}
    assert (sent.reference, sent.member) == (request.reference, file)
    change = EmailChange.objects.get()
    assert (change.user, change.completed_at) == (member, None)
    claimant = make_user("claimant@example.com")
    other = Client()
    sign_in(other, claimant.email)
    proof = {"membership_number": free.membership_number, "identity_number": free.identity_number}
    other.post(url("claim"), RIGHTS | proof | {"birth_date": "15/07/1405", "calendar": "hijri"})
    claim = Claim.objects.get()
    assert (claim.user, claim.member, claim.state, claim.decided_by) == (claimant, free, "waiting", None)
    assert claim.due_at > claim.claimed_at
    withdrawn = here.post(url("update_request", request.reference), RIGHTS | {"action": "withdraw"})
    assert withdrawn.status_code == 302
    sent.refresh_from_db()
    assert sent.state == "withdrawn"


# --- Names ----------------------------------------------------------------------------------------

LITERAL = ["{{ 7*7 }}", "{% debug %}", "${7*7}", "%(name)s %s {0}", "{0.__class__}", "&lt;b&gt;", "O'Neil & Sons"]
HEADERS = [
    "Nora\r\nBcc: eve@evil.example",
    "Nora\nSubject: x",
    "Nora\r\n\r\nbody",
    "Nora\u2028Bcc: x",
    "=?utf-8?q?x=0ABcc:_e?=",
]


@pytest.mark.parametrize("name", HEADERS)
def test_name_makes_no_header_of_a_mail(client, smtp, name):
    register(client, first_name=name, last_name=name)
    deliver()
    if mails := mails_to(smtp, NORA):
        type_code(client, code_in(mails[0]))
        deliver()
    assert {tuple(mail.rcpt_tos) for mail in smtp.messages} <= {(NORA,)}
    for mail in smtp.messages:
        assert mail["Bcc"] is None
        assert {len(mail.get_all(header, [])) for header in ("Subject", "To", "From", "Message-ID")} == {1}
        assert "evil.example" not in str(mail["To"])


@pytest.mark.parametrize("typed", LITERAL)
def test_template_and_markup_are_shown_literally_everywhere(client, smtp, member, typed):
    """In the page, both parts of the mail and the admin; where a rule refuses it, in the page with its error."""
    User.objects.filter(pk=member.pk).update(first_name=typed, last_name="X")
    file = make_registry_member(member, workplace=typed)
    sign_in(client, member.email, language="en")
    profile = client.get(url("profile", language="en")).content.decode()
    assert escape(typed) in profile
    client.post(url("account_change_password", language="en"), {
        "oldpassword": PASSWORD, "password1": "Quiet+Harbour5", "password2": "Quiet+Harbour5",
    })  # fmt: skip
    deliver()
    (mail,) = mails_to(smtp, member.email)
    assert typed in text_of(mail)
    assert escape(typed) in mail.get_body(("html",)).get_content()
    root = User.objects.create_superuser("root@example.com", PASSWORD, first_name="Root", last_name="User")
    staff = enter(Client(), root)
    for path in (
        reverse("admin:accounts_user_changelist"),
        reverse("admin:accounts_user_change", args=[member.pk]),
        reverse("admin:profiles_member_change", args=[file.pk]),
    ):
        page = staff.get(path).content.decode()
        assert escape(typed) in page, path
        assert escape(typed) == typed or typed not in page, path
    refused = register(Client(), first_name=f"{typed}<script>alert(1)</script>", email2="x").content.decode()
    assert escape(typed) in refused
    assert "<script>alert(1)" not in refused
