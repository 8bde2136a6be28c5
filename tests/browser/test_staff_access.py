"""The pages of staff in both languages: nothing for axe-core to find, nothing wider than the window."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.steps import DIRECTIONS, Person

PLACES = [("ar", 390), ("en", 1280)]
ROLES = ["support", "senior reviewer", "administrator"]
SEED = """
import json
from accounts import cases
from accounts.email_change import begin_email_change
from accounts.erasure import ask_erasure
from accounts.events import record_event
from mumaris.mail.models import Outbox
from tests.conftest import make_user
from tests.registry import make_registry_member
from tests.roles import add_app, give_role

def make(who, **names):
    return make_user(f"{NAME}-{who}.with-a-long-name@example.com", **names)

staff = give_role(make("staff", first_name="ريم", last_name="الحربي"), ROLE)
user, asker = make("owner", first_name="نورة", last_name="العتيبي"), make("asker", first_name="Adel", last_name="Saleh")
give_role(asker, "support")
make_registry_member(user)
case = cases.ask_case(user=user, asked_by=asker, kind="change_email", new_address=f"{NAME}-new@example.com",
                      reason="اتصلت من رقمها المسجل، وأجابت عن أسئلة التحقق")
begin_email_change(user, f"{NAME}-other@example.com")
event = record_event("access.refused", user=user, subject="/admin/accounts/user/", refused=True)
if Outbox.objects.count() < 1100:
    # More pages than a phone is wide.
    Outbox.objects.bulk_create(
        Outbox(kind="welcome", lane=3, recipient=f"n{n}@example.com", language="ar", state="sent") for n in range(1100)
    )
print(json.dumps({
    "address": staff.email, "key": add_app(staff), "user": user.pk, "case": case.pk, "event": event.pk,
    "erasure": ask_erasure(user=user).pk, "mail": str(Outbox.objects.filter(recipient=user.email).first().pk),
    "double": make("double", first_name="نورة", last_name="العتيبي").pk, "kept": user.email,
}))
"""
SHARED = [
    "",
    "accounts/user/",
    "accounts/user/{user}/change/",
    "accounts/staffcase/",
    "accounts/staffcase/{case}/change/",
]
PAGES = {
    "support": [
        *SHARED, "accounts/user/{user}/ask/change_email/", "accounts/user/{user}/ask/clear_mfa/",
        "accounts/consent/", "accounts/pendingregistration/", "profiles/member/",
    ],
    "senior reviewer": [*SHARED, "profiles/updaterequest/export/", "profiles/member/export/"],
    "administrator": [
        *SHARED, "accounts/accountevent/", "accounts/accountevent/{event}/change/", "accounts/erasurerequest/",
        "accounts/erasurerequest/{erasure}/change/", "accounts/emailchange/", "mail/outbox/",
        "mail/outbox/{mail}/change/", "auth/group/", "profiles/member/import/", "accounts/user/{double}/close/",
    ],
}  # fmt: skip


@pytest.fixture(params=PLACES, ids=lambda place: f"{place[0]}-{place[1]}")
def person(request, open_page, stack, visual_code):
    language, width = request.param
    return Person(open_page(language, width), language, stack, visual_code)


def enter(person: Person, role: str) -> dict:
    name = person.address.partition("@")[0]
    code = f"NAME, ROLE = {name!r}, {role!r}\n{SEED}"
    made = json.loads(
        person.stack.manage("shell", "--verbosity", "0", "--command", code).stdout.strip().splitlines()[-1]
    )
    person.address, person.app_key = made["address"], made["key"]
    person.sign_in()
    return made


def walk_pages(person: Person, role: str, made: dict):
    """Through the pages of a role, and where there is a form, its refusal."""
    page = person.page
    for path in PAGES[role]:
        assert page.goto(f"/admin/{path.format(**made)}").status == 200, path
        expect(page.locator("html")).to_have_attribute("dir", DIRECTIONS[person.language])
        name = path.replace("{", "").replace("}", "").replace("/", "-").strip("-") or "index"
        yield name
        if "/ask/" in path or "/close/" in path:
            with page.expect_navigation():
                page.locator("#content-main form button").last.click()
            yield f"{name}-refused"
        if "/close/" in path:
            page.locator("[name=kept]").fill(made["kept"])
            page.locator("[name=reason]").fill("Seen with an ID card")
            with page.expect_navigation():
                page.locator("#content-main form button").last.click()
            yield f"{name}-shown"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", ROLES)
def test_pages_of_staff_are_accessible(person, role, check_accessibility, problems):
    made = enter(person, role)
    names = (f"{role.split()[0]}-{name}" for name in walk_pages(person, role, made))
    steps.look_at_each(person, names, check_accessibility, problems)
