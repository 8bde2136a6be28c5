"""From a claim to a changed record, in a real browser: member, registry address and reviewer, mail over SMTP."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.steps import Person
from tests.journey import in_arabic_digits
from tests.roles import APP_KEY


@pytest.fixture
def meet(open_page, stack, visual_code):
    """Return ``meet(address, *variant)``: somebody with an account, at a browser of their own."""

    def meet_one(address: str, language: str, width: int, scripts: bool) -> Person:
        person = Person(open_page(language, width, scripts), language, stack, visual_code, scripts=scripts)
        person.address = address
        return person

    return meet_one


def make_people(stack, language: str) -> tuple[str, str]:
    """Create a member, whose mails are in ``language``, and a reviewer; return their addresses."""
    member, reviewer = next(steps.addresses), next(steps.addresses)
    stack.manage(
        "shell", "--verbosity", "0", "--command",
        "from tests.conftest import make_user\nfrom tests.roles import add_app, give_role\n"
        f"make_user({member!r}, first_name='Nora', last_name='Otaibi', language={language!r})\n"
        f"add_app(give_role(make_user({reviewer!r}, first_name='Reem', last_name='Harbi'), 'reviewer'))",
    )  # fmt: skip
    return member, reviewer


def claim_file(person: Person, file: dict[str, str]):
    person.open("profile/")
    person.press("claim", "link")
    person.arrive("profile/claim/")
    person.fill_claim(file)
    person.press("next")
    person.arrive("profile/claim/")
    assert person.stack.wait_for_mail(file["address"], steps.WORDS["ar"]["claim mail"])


def approve_in_admin(person: Person, path: str, sought: str):
    """Find a row of a list, open it, hold it where it must be held, and approve it."""
    page = person.page
    page.goto(f"/admin/profiles/{path}/?q={sought}")
    page.locator("#result_list tbody th a").first.click()
    expect(page).to_have_url(re.compile("/change/"))
    for action in ("hold", "approve"):
        button = page.locator(f"button[name=action][value={action}]")
        if button.count():
            with page.expect_navigation():
                button.click()
    expect(page.locator("button[name=action][value=approve]")).to_have_count(0)


def ask_for_update(person: Person, number: str) -> str:
    """Change the name with its evidence, and return the reference."""
    person.open("profile/")
    person.press("update", "link")
    person.arrive("profile/update/")
    person.find("membership_number").fill(in_arabic_digits(number) if person.language == "ar" else number)
    person.press("update data")
    person.arrive("profile/update/UPD-.+/")
    person.find("name_latin").fill("Noura Saad Alharbi")
    person.attach("evidence")
    person.press("next")
    person.arrive("profile/update/UPD-.+/check/")
    expect(person.page.locator(".was")).to_contain_text("Noura Saad Alqahtani")
    person.press("finish")
    person.arrive("profile/requests/UPD-.+/")
    reference = re.search("UPD-[0-9A-Z-]{9}", person.page.url)[0]
    assert person.stack.wait_for_mail(person.address, person.words["received mail"])
    return reference


@pytest.mark.timeout(180)
def test_claim_update_review_and_its_mail(variant, meet, stack):
    language, _width, _scripts = variant
    member_address, reviewer_address = make_people(stack, language)
    [file] = steps.make_registry(stack, 1)
    member, reviewer = meet(member_address, *variant), meet(reviewer_address, *variant)
    reviewer.app_key = APP_KEY
    reviewer.sign_in()

    member.sign_in()
    claim_file(member, file)
    approve_in_admin(reviewer, "claim", file["number"])
    assert stack.wait_for_mail(member_address, member.words["tied mail"])

    reference = ask_for_update(member, file["number"])
    approve_in_admin(reviewer, "updaterequest", reference)
    mail = stack.wait_for_mail(member_address, member.words["approved mail"])
    assert reference in str(mail["Subject"])

    member.page.reload()
    steps.keep_picture(member.page, language, "request-approved")
    expect(member.page.locator("main")).to_contain_text("Noura Saad Alharbi")
    member.open("profile/")
    expect(member.page.locator("main")).to_contain_text("Noura Saad Alharbi")
    member.sign_out()

    member.address = file["number"]
    member.sign_in()
