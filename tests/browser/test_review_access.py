"""axe-core finds nothing on the pages of reviewers, in any state, in both languages."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.steps import DIRECTIONS, Person

PLACES = [("ar", 390), ("ar", 1280), ("en", 1280)]
SEED = """
import json
from profiles import services
from tests.conftest import make_user
from tests.registry import make_registry_member
from tests.roles import add_app, give_role
from tests.test_claim_review import make_claim

def send(address, **wish):
    user = make_user(address, first_name="نورة", last_name="العتيبي")
    file = make_registry_member(user)
    request = services.begin_update_request(user=user, membership_number=file.membership_number)
    request.files.create(kind="evidence", owner=user, key="2026/11/none.pdf", content_type="application/pdf", size=9)
    request = services.save_update_request(request=request, new_values=wish)
    return services.submit_update_request(request=request, revision=request.revision)

reviewer = give_role(make_user(NAME + "-reviewer@example.com", first_name="ريم", last_name="الحربي"), "administrator")
key = add_app(reviewer)
wish = {"name_latin": "Noura Saad Alotaibi", "job_title": "رئيسة تمريض", "workplace": "مستشفى الواحة"}
request = send(NAME + "-1@example.com", **wish)
other = send(NAME + "-2@example.com", job_title="مديرة تمريض")
file = make_registry_member()
users = [make_user(NAME + f"-{n}@example.com", first_name="سارة", last_name="السالم") for n in (3, 4)]
claimed = [make_claim(user, file) for user in users]
ids = {"request": request.pk, "claim": claimed[0].pk, "member": file.pk}
print(json.dumps({"reviewer": reviewer.email, "key": key} | ids))
"""


@pytest.fixture(params=PLACES, ids=lambda place: f"{place[0]}-{place[1]}")
def person(request, open_page, stack, visual_code):
    language, width = request.param
    return Person(open_page(language, width), language, stack, visual_code)


def seed(person: Person) -> dict:
    name = person.address.partition("@")[0]
    made = person.stack.manage("shell", "--verbosity", "0", "--command", f"NAME = {name!r}\n{SEED}")
    return json.loads(made.stdout.strip().splitlines()[-1])


def walk_review(person: Person, made: dict):
    """From the queue through a lock and its refused forms to a decision, then claims, members and terms."""
    page = person.page

    def open_admin(path: str):
        assert page.goto(f"/admin/{path}").status == 200, path
        expect(page.locator("html")).to_have_attribute("dir", DIRECTIONS[person.language])

    def press(action: str):
        with page.expect_navigation():
            page.locator(f"button[name=action][value={action}]").click()

    open_admin("profiles/updaterequest/")
    yield "admin-queue"
    open_admin(f"profiles/updaterequest/{made['request']}/change/")
    yield "admin-review"
    press("hold")
    yield "admin-review-held"
    press("return")
    yield "admin-review-no-remark"
    press("reject")
    yield "admin-review-no-reason"
    press("approve")
    yield "admin-review-approved"
    open_admin("profiles/claim/")
    yield "admin-claims"
    open_admin(f"profiles/claim/{made['claim']}/change/")
    yield "admin-claim"
    press("refuse")
    yield "admin-claim-no-reason"
    press("approve")
    yield "admin-claim-tied"
    open_admin("profiles/member/")
    yield "admin-members"
    open_admin(f"profiles/member/{made['member']}/change/")
    yield "admin-member"
    with page.expect_navigation():
        page.locator("#content-main form button").click()
    yield "admin-member-identity"
    open_admin("profiles/recordview/")
    yield "admin-record-views"
    open_admin("profiles/specialty/add/")
    yield "admin-term"


@pytest.mark.timeout(240)
def test_pages_of_reviewers_are_accessible(person, check_accessibility, problems):
    made = seed(person)
    person.address, person.app_key = made["reviewer"], made["key"]
    person.sign_in()
    steps.look_at_each(person, walk_review(person, made), check_accessibility, problems)
