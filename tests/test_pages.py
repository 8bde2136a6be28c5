"""Pages that belong to no story: home, contact, texts, error pages, and what machines ask for."""

import json
import re
from html import unescape

import pytest
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import InterfaceError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client

from mumaris import views
from tests.journey import PASSWORD, answer_visual_code, ask_reset, deliver, mails_to, register, sign_in, text_of, url

LANGUAGES = ("ar", "en")
FORM_PAGE = "http://testserver/en/accounts/login/"
PUBLIC = [
    "home",
    "contact",
    "terms",
    "privacy",
    "accessibility",
    "account_declaration",
    "account_login",
    "account_reset_password",
]
FILLED = {
    "phone": "920019393",
    "po_box": "94656",
    "postal_code": "11614",
    "website": "https://www.commission.example/mumaris",
    "instagram": "https://www.instagram.example/commission",
    "x": "https://x.example/commission",
}


def page_of(answer) -> str:
    return unescape(answer.content.decode())


def assert_well_built(answer):
    """One heading, one main part, a title, and no id twice."""
    page = answer.content.decode()
    assert len(re.findall(r"<h1[\s>]", page)) == 1
    assert re.search(r"<h1[^>]*>\s*\S", page)
    assert page.count("<main ") == 1
    assert re.search(r"<title>\s*\S.* – \S+.*</title>", page)
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids)), [one for one in ids if ids.count(one) > 1]
    assert not re.search(r"\{\{|\{%|>None<", page)


# --- Pages. No mark for a database: pytest-django refuses every query ----------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PUBLIC)
def test_public_page_is_well_built_and_asks_no_database(client, name, language):
    answer = client.get(url(name, language=language))
    assert answer.status_code == 200
    assert_well_built(answer)


@pytest.mark.parametrize("language", LANGUAGES)
def test_home_leads_to_every_service(client, language):
    page = page_of(client.get(url("home", language=language)))
    for name in ("account_declaration", "account_login", "account_reset_password", "profile", "account_change_password",
                 "contact", "terms", "privacy", "accessibility"):  # fmt: skip
        assert f'href="{url(name, language=language)}"' in page


@pytest.mark.django_db
@pytest.mark.parametrize("language", LANGUAGES)
def test_home_of_a_member_leads_to_the_profile_and_not_to_registration(client, member, language):
    client.force_login(member)
    page = page_of(client.get(url("home", language=language)))
    assert f'href="{url("profile", language=language)}"' in page
    assert f'href="{url("account_declaration", language=language)}"' not in page


@pytest.mark.django_db
def test_links_of_the_pages_lead_somewhere(client, member):
    pages = [url(name, language=language) for name in PUBLIC for language in LANGUAGES]
    links = {link for page in pages for link in re.findall(r'href="(/[^"#]*)"', page_of(client.get(page)))}
    client.force_login(member)
    links |= {link for page in pages for link in re.findall(r'href="(/[^"#]*)"', page_of(client.get(page)))}
    links = {link for link in links if not link.startswith("/static/")}
    assert len(links) > 15
    assert not {link for link in links if client.get(link).status_code not in {200, 302}}


@pytest.mark.django_db
def test_static_files_of_the_pages_are_there(client):
    pages = [url(name) for name in PUBLIC]
    files = {
        file for page in pages for file in re.findall(r'(?:href|src)="(/static/[^"]*)"', page_of(client.get(page)))
    }
    assert len(files) >= 6
    for file in files:
        answer = client.get(file)
        assert answer.status_code == 200, file
        assert "immutable" in answer["Cache-Control"], f"{file} has no digest in its name"
        answer.close()


@pytest.mark.parametrize("name", ["home", "contact"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_contact_details_come_from_settings(client, settings, name, language):
    settings.CONTACT = FILLED
    page = page_of(client.get(url(name, language=language)))
    for shown in FILLED.values():
        assert shown in page
    for link in ("website", "instagram", "x"):
        assert f'<a href="{FILLED[link]}"' in page
    assert f'<bdi dir="ltr" class="num">{FILLED["phone"]}</bdi>' in page


@pytest.mark.parametrize(
    ("detail", "ar", "en"),
    [
        ("phone", "رقم الهاتف", "Phone number"),
        ("po_box", "صندوق البريد", "P.O. box"),
        ("postal_code", "الرمز البريدي", "Postal code"),
        ("website", "الموقع الإلكتروني", "Website"),
        ("instagram", "انستقرام", "Instagram"),
        ("x", "إكس (تويتر سابقًا)", "X (formerly Twitter)"),
    ],
)
def test_contact_detail_is_hidden_when_empty(client, settings, detail, ar, en):
    for language, label in (("ar", ar), ("en", en)):
        settings.CONTACT = FILLED
        for name in ("home", "contact"):
            assert f"<dt>{label}</dt>" in page_of(client.get(url(name, language=language)))
        settings.CONTACT = FILLED | {detail: ""}
        for name in ("home", "contact"):
            page = page_of(client.get(url(name, language=language)))
            assert f"<dt>{label}</dt>" not in page
            assert FILLED[detail] not in page


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "path", ["", "contact/", "accounts/login/", "accounts/password/reset/", "accounts/inactive/", "nothing/"]
)
def test_empty_phone_leaves_no_trace(client, settings, path, language):
    settings.CONTACT = dict.fromkeys(FILLED, "")
    page = page_of(client.get(f"/{language}/{path}"))
    assert "tel:" not in page
    assert FILLED["phone"] not in page


def test_footer_tells_the_phone_on_every_page(client, settings):
    settings.CONTACT = FILLED | {"phone": "800123"}
    for path in ("/ar/", "/en/terms/", "/ar/accounts/login/", "/en/nothing/"):
        assert 'href="tel:800123"' in page_of(client.get(path))


@pytest.mark.django_db
def test_mails_tell_the_phone(client, member, smtp, settings):
    settings.CONTACT = FILLED | {"phone": "800123"}
    ask_reset(client, member.email)
    deliver()
    assert "800123" in text_of(mails_to(smtp, member.email)[0])


# --- Error pages ----------------------------------------------------------------------------------

RAISED = {
    400: BadRequest("hidden-detail"),
    403: PermissionDenied("hidden-detail"),
    500: ValueError("hidden-detail"),
    503: OperationalError("hidden-detail"),
}


@pytest.fixture
def broken_view(monkeypatch):
    """Return ``break_with(error)``: from then on every page of the frame raises it."""

    def break_with(error):
        def raising(*args, **kwargs):
            raise error

        monkeypatch.setattr(views, "render", raising)

    return break_with


@pytest.fixture
def visitor():
    """A browser that still holds the cookie of some session, on a site whose faults answer pages."""
    client = Client(raise_request_exception=False)
    client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    return client


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", RAISED)
def test_error_page_asks_no_database_and_tells_no_detail(broken_view, status, language):
    broken_view(RAISED[status])
    answer = Client(raise_request_exception=False).get(f"/{language}/terms/")
    assert answer.status_code == status
    assert_well_built(answer)
    page = page_of(answer)
    assert not re.search(r"hidden-detail|Traceback|Error|Exception|settings|\.py\b", page)
    assert f'href="/{language}/"' in page
    assert settings.SESSION_COOKIE_NAME not in answer.cookies


@pytest.mark.django_db
@pytest.mark.parametrize("status", RAISED)
def test_error_page_of_a_member_asks_no_database(member, broken_view, status, django_assert_num_queries):
    client = Client(raise_request_exception=False)
    client.force_login(member)
    broken_view(RAISED[status])
    with django_assert_num_queries(0):
        answer = client.get("/ar/terms/")
    assert answer.status_code == status
    assert member.first_name not in page_of(answer)


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_not_found_asks_no_database(visitor, language):
    answer = visitor.get(f"/{language}/nothing/<script>/")
    assert answer.status_code == 404
    assert_well_built(answer)
    assert "<script>/" not in answer.content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_refused_form_asks_no_database(language):
    client = Client(enforce_csrf_checks=True)
    client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    answer = client.post(url("account_reset_password", language=language), {"email": "a@b.example"})
    assert answer.status_code == 403
    assert_well_built(answer)
    assert ("الكوكيز" in page_of(answer) or "ملفات تعريف الارتباط" in page_of(answer)) == (language == "ar")


def test_foreign_host_gets_the_page_of_a_bad_request(client):
    answer = client.get("/en/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert_well_built(answer)
    assert "evil.example" not in page_of(answer)


def test_error_page_leads_to_no_other_host():
    answer = Client(raise_request_exception=False).get("/", PATH_INFO="//evil.example/x")
    assert answer.status_code == 404
    assert 'href="//' not in page_of(answer)


@pytest.mark.parametrize("error", [OperationalError("down"), InterfaceError("down")])
def test_database_away_says_when_to_come_back(broken_view, error):
    broken_view(error)
    answer = Client(raise_request_exception=False).get("/ar/")
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 1


def test_error_page_survives_broken_templates(broken_view, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("hidden-detail")

    broken_view(ValueError("hidden-detail"))
    monkeypatch.setattr(views, "render_to_string", broken)
    answer = Client(raise_request_exception=False).get("/ar/")
    assert answer.status_code == 500
    assert "حدث خلل في الخدمة" in page_of(answer)
    assert "hidden-detail" not in page_of(answer)


# --- A database that is away --------------------------------------------------------------------


@pytest.fixture
def database_away(monkeypatch):
    def refuse(connection):
        raise OperationalError("connection refused by 10.1.2.3")

    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", refuse)


@pytest.mark.usefixtures("database_away")
@pytest.mark.parametrize("name", PUBLIC)
def test_public_page_works_without_the_database(client, name):
    assert client.get(url(name)).status_code == 200


@pytest.mark.usefixtures("database_away")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "name", ["home", "profile", "account_change_password", "account_email", "account_login", "account_signup"]
)
def test_page_of_a_member_answers_503_without_the_database(visitor, name, language):
    answer = visitor.get(url(name, language=language))
    assert answer.status_code == 503
    assert f'lang="{language}"' in answer.content.decode()
    assert "10.1.2.3" not in page_of(answer)
    assert_well_built(answer)


@pytest.mark.usefixtures("database_away")
def test_sign_in_answers_503_without_the_database():
    client = Client(raise_request_exception=False)
    fields = {"login": "member@example.com", "password": PASSWORD} | answer_visual_code(
        client.get(url("account_login"))
    )
    answer = client.post(url("account_login"), fields)
    assert answer.status_code == 503
    assert PASSWORD not in page_of(answer)


@pytest.mark.usefixtures("database_away")
@pytest.mark.parametrize(
    ("method", "path", "came_from", "again"),
    [
        ("GET", "/en/profile/?page=1", "http://testserver/en/", "/en/profile/?page=1"),
        ("GET", "/en/profile/", "http://[bad/ar", "/en/profile/"),
        # To the page with the form, which has more in its address than the form sends.
        ("POST", "/en/accounts/login/", f"{FORM_PAGE}?next=/en/profile/#form", "/en/accounts/login/?next=/en/profile/"),
        ("POST", "/en/accounts/session/keep/", "http://testserver/en/profile/", "/en/profile/"),
        # Nobody else says where that is.
        ("POST", "/en/accounts/login/", "http://[bad/ar", "/en/"),
        ("POST", "/en/accounts/login/", "https://evil.example/en/", "/en/"),
        ("POST", "/en/accounts/login/", "http://testserver//evil.example/en/", "/%2Fevil.example/en/"),
        ("POST", "/en/accounts/login/", "", "/en/"),
    ],
)
def test_page_that_is_away_leads_back_to_itself(visitor, method, path, came_from, again):
    answer = visitor.generic(method, path, headers={"Referer": came_from})
    offered = re.findall(r'class="btn" href="([^"]*)"', page_of(answer))
    assert offered == [again]


def test_language_switch_of_an_old_page_leads_back_to_that_page():
    answer = Client(enforce_csrf_checks=True).post("/en/language/", {"language": "ar"}, headers={"Referer": FORM_PAGE})
    assert answer.status_code == 403
    assert 'class="btn" href="/en/accounts/login/"' in page_of(answer)


@pytest.mark.usefixtures("database_away")
def test_registration_answers_503_without_the_database():
    answer = Client(raise_request_exception=False).post(url("account_declaration"), {"declaration": "on"})
    assert answer.status_code == 503


@pytest.mark.usefixtures("database_away")
def test_page_not_found_stays_404_without_the_database(visitor):
    assert visitor.get("/ar/nothing/").status_code == 404


@pytest.mark.usefixtures("database_away")
def test_admin_answers_503_without_the_database(visitor):
    assert visitor.get("/admin/").status_code == 503


# --- Machines -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("database_away")
def test_process_is_alive_without_the_database(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.usefixtures("database_away")
def test_process_is_not_ready_without_the_database(client):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "away"
    assert "10.1.2.3" not in json.dumps(answer.json())


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/robots.txt", "/"])
def test_what_machines_ask_for_is_only_read(client, path):
    assert client.post(path).status_code == 405


def test_robots_keep_out_of_accounts(client):
    answer = client.get("/robots.txt")
    assert answer["Content-Type"].startswith("text/plain")
    lines = answer.content.decode().splitlines()
    assert lines[0] == "User-agent: *"
    for language in LANGUAGES:
        assert {f"Disallow: /{language}/accounts/", f"Disallow: /{language}/profile/"} <= set(lines)
    assert "Disallow: /" not in lines
    assert not [line for line in lines if "admin" in line], "robots.txt is read by everybody: it names no secret door"


@pytest.mark.django_db
def test_registered_visitor_sees_a_well_built_code_page(client):
    register(client)
    for language in LANGUAGES:
        assert_well_built(client.get(url("account_email_verification_sent", language=language)))


@pytest.mark.django_db
def test_member_sees_well_built_pages_of_the_change_of_address(client, member, smtp):
    sign_in(client, member.email, PASSWORD)
    for language in LANGUAGES:
        assert_well_built(client.get(url("account_email", language=language)))
        assert_well_built(client.post(url("account_email", language=language), {"email": "nobody"}))
    client.post(url("account_email"), {"email": "new@example.com"})
    deliver()
    link = re.search(r"/accounts/email/undo/\S+", text_of(mails_to(smtp, member.email)[0]))[0]
    for language in LANGUAGES:
        assert_well_built(client.get(url("account_email", language=language)))
        assert_well_built(client.get(url("account_email_code", language=language)))
        assert_well_built(client.get(f"/{language}{link}"))
        assert_well_built(client.get(url("account_email_undo", "1-abc", language=language)))
    client.post(f"/ar{link}")
    for language in LANGUAGES:
        assert_well_built(client.get(f"/{language}{link}"))
