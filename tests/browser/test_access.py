"""axe-core finds nothing, and leaves nothing undecided, on any page in any state, in both languages."""

import io

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client, RequestFactory
from django.urls import path

from accounts.models import Throttle
from mumaris import urls, views
from mumaris.mail import mailbox
from tests.browser import steps
from tests.browser.steps import Person
from tests.conftest import make_user
from tests.journey import (
    NEW_PASSWORD,
    ask_reset,
    code_in,
    deliver,
    link_in,
    mails_to,
    register,
    sign_in,
    text_of,
    type_code,
    undo_link_in,
    url,
)

# As the mail of a local run needs them (mumaris/urls.py).
urlpatterns = [
    *urls.urlpatterns,
    path("mailbox/", mailbox.list_mails, name="mailbox"),
    path("mailbox/<slug:name>/", mailbox.show_html, name="mailbox_html"),
]
PLACES = [("ar", 390), ("en", 1280)]
# A mail has no landmarks of its own: it stands inside the mail program.
MAIL_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(params=PLACES, ids=lambda place: f"{place[0]}-{place[1]}")
def person(request, open_page, stack, visual_code):
    language, width = request.param
    return Person(open_page(language, width), language, stack, visual_code)


@pytest.fixture
def check_walk(check_accessibility):
    """Return ``check_walk(person, walk)``: every stop of the walk is checked, and all faults told at its end."""

    def check(person: Person, walk):
        told = []
        for name in walk:
            steps.keep_picture(person.page, person.language, name)
            try:
                check_accessibility(person.page)
            except AssertionError as fault:
                told.append(f"{name}: {fault.args[0]}")
        assert not told, "\n\n".join(told)

    return check


def test_open_pages_are_accessible(person, check_walk):
    check_walk(person, steps.walk_open_pages(person))


@pytest.mark.timeout(240)
def test_pages_of_an_account_are_accessible(person, check_walk, problems):
    check_walk(person, steps.walk_whole_account(person))
    steps.forgive(problems, 429)


@pytest.mark.timeout(240)
def test_pages_of_member_data_are_accessible(person, stack, check_walk, problems):
    file = steps.make_registry(stack, 1)[0]
    [claimant] = steps.make_members(stack, 1)
    person.address = claimant
    person.sign_in()
    check_walk(person, steps.walk_claim(person, file))
    number = steps.tie_new_file(stack, claimant)
    check_walk(person, steps.walk_update(person, number))


def test_refusals_are_accessible(person, check_walk, problems):
    check_walk(person, steps.walk_refusals(person))
    for status in (400, 403, 404, 429):
        steps.forgive(problems, status)


@pytest.fixture
def broken_pages(person, client, settings):
    """Return the pages that no visitor can bring about, rendered by the site's own code."""
    request = RequestFactory().get(f"/{person.language}/profile/")
    pages = {str(status): views.error_page(request, status) for status in (500, 503)}
    pages["403-permission"] = views.permission_denied(request)
    settings.DEBUG, settings.ROOT_URLCONF = True, __name__
    headers = {"accept-language": person.language}
    pages["styleguide"] = client.get("/styleguide/", headers=headers)
    letter = EmailMultiAlternatives("رمز التحقق في ممارس بلس: 482915", "482915\n", to=["nora@example.com"])
    letter.attach_alternative("<p>482915</p>", "text/html")
    mailbox.MailboxBackend(stream=io.StringIO()).write_message(letter)
    pages["mailbox"] = client.get("/mailbox/", headers=headers)
    return {name: page.content.decode() for name, page in pages.items()}


def test_broken_pages_are_accessible(person, broken_pages, check_walk):
    check_walk(person, steps.walk_broken_pages(person, broken_pages))


def change_address(client, smtp, address: str, language: str):
    """Ask for an address that is in use and for a free one, confirm it, ask for the kept one, and undo it all."""
    sign_in(client, address, NEW_PASSWORD, language)
    for new in (make_user("taken@example.com", language=language).email, "new@example.com"):
        client.post(url("account_email", language=language), {"email": new})
        deliver()
    code = code_in(mails_to(smtp, "new@example.com")[0])
    client.post(url("account_email_code", language=language), {"action": "verify", "code": code})
    Throttle.objects.all().delete()
    ask_reset(Client(), address, language)
    deliver()
    client.post(undo_link_in(mails_to(smtp, address)[-1]))
    deliver()


@pytest.fixture
def mails(db, client, smtp):
    """Return ``mails(language)``: the HTML of every mail that an account brings about."""

    def make(language: str) -> list[str]:
        address = "nora@example.com"
        register(client, address, language)
        deliver()
        type_code(client, code_in(mails_to(smtp, address)[0]), language)
        client.logout()
        ask_reset(client, address, language)
        ask_reset(client, "stranger@example.com", language)
        # Another code mail within the minute would be withheld.
        Throttle.objects.all().delete()
        register(client, address, language)
        deliver()
        link = next(link_in(mail) for mail in mails_to(smtp, address) if "/password/reset/key/" in text_of(mail))
        opened = client.get(link)
        client.post(opened.url, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
        deliver()
        change_address(client, smtp, address, language)
        return [message.get_body(("html",)).get_content() for message in smtp.messages]

    return make


@pytest.mark.parametrize("language", ["ar", "en"])
def test_mails_are_accessible(open_page, mails, axe_source, language):
    page = open_page(language, 390)
    told = []
    written = mails(language)
    for number, html in enumerate(written, 1):
        page.set_content(html)
        steps.keep_picture(page, language, f"mail-{number}")
        page.evaluate(axe_source)
        found = page.evaluate("(tags) => axe.run(document, {runOnly: tags})", MAIL_RULES)
        told += [
            f"{page.title()}: {kind}: {rule['id']} at {node['target']}: {node['failureSummary']}"
            for kind in ("violations", "incomplete")
            for rule in found[kind]
            for node in rule["nodes"]
        ]
    assert told == []
    assert len(written) == 6 + 10, (
        "code, welcome, link, no account, account exists, password changed; a new device, "
        "address in use, warning, code, warning, two notices, address kept, undone, link"
    )
