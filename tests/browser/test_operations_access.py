"""axe-core finds nothing on the operations page, empty or full, and its charts run the way of the language."""

import pytest
from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.steps import DIRECTIONS, Person

PLACES = [("ar", 390), ("ar", 1280), ("en", 390), ("en", 1280)]
PAGE = "/admin/operations/dailyfigure/"
# Three months with a storm in them: mails that took half an hour, and a night of wrong passwords.
SEED = """
from datetime import timedelta
from django.utils import timezone
from accounts.models import AccountEvent
from mumaris.mail.models import Outbox
from mumaris.operations.days import keep_days
from mumaris.operations.models import DailyFigure
from tests.conftest import make_user
from tests.registry import make_registry_member
from tests.roles import add_app, give_role
from profiles.models import UpdateRequest

now = timezone.now()
chief = give_role(make_user(NAME + "-chief@example.com", first_name="ريم", last_name="الحربي"), "administrator")
print(add_app(chief))
if FULL and not AccountEvent.objects.filter(at__lt=now - timedelta(days=80)).exists():
    counts = {"sign_in.done": 70, "sign_in.failed": 9, "registration.done": 12, "request.submitted": 6,
              "request.approved": 4, "request.returned": 1}
    for back in range(91):
        for place, (kind, usual) in enumerate(counts.items()):
            many = usual * (3 + (back * 7 + place * 5) % 5) // 5
            many += 60 if kind == "sign_in.failed" and back in (9, 10) else 0
            AccountEvent.objects.bulk_create(
                AccountEvent(kind=kind, at=now - timedelta(days=back, minutes=n % 5)) for n in range(many)
            )
        for lane in range(4 if back % 3 else 3):
            slow = 900 if back in (5, 6) else 1
            Outbox.objects.bulk_create(
                Outbox(kind="welcome", lane=lane, recipient="n@example.com", language="ar", state="sent",
                       created_at=now - timedelta(days=back), finished_at=now - timedelta(days=back)
                       + slow * timedelta(seconds=0.3 + lane / 2 + n / 7))
                for n in range(12)
            )
    for back in (0, 0, 1, 1, 2, 8, 12, 31):
        user = make_user(f"{NAME}-{back}-{timezone.now():%H%M%S%f}@example.com", first_name="نورة", last_name="العتيبي")
        sent = now - timedelta(days=back)
        UpdateRequest.objects.create(
            reference=f"U{timezone.now():%d%H%M%S%f}"[:13], member=make_registry_member(user), requested_by=user,
            state="returned" if back > 10 else "submitted", submitted_at=sent, returned_at=sent)
    # Beat may have kept these days already, with nothing in them.
    DailyFigure.objects.all().delete()
    keep_days()
"""


@pytest.fixture(params=PLACES, ids=lambda place: f"{place[0]}-{place[1]}")
def person(request, open_page, stack, visual_code):
    language, width = request.param
    return Person(open_page(language, width), language, stack, visual_code)


def enter(person: Person, *, full: bool):
    name = person.address.partition("@")[0]
    code = f"NAME, FULL = {name!r}, {full}\n{SEED}"
    made = person.stack.manage("shell", "--verbosity", "0", "--command", code)
    person.address, person.app_key = f"{name}-chief@example.com", made.stdout.strip()
    person.sign_in()


def left_of(page, selector: str) -> float:
    return page.locator(selector).first.bounding_box()["x"]


@pytest.mark.timeout(240)
def test_charts_are_accessible_and_run_with_the_language(person, check_accessibility, problems):
    enter(person, full=True)
    page = person.page
    page.goto("/admin/")
    steps.keep_picture(page, person.language, "operations-index")
    with page.expect_navigation():
        page.locator(f"a[href='{PAGE}']").first.click()
    expect(page.locator("html")).to_have_attribute("dir", DIRECTIONS[person.language])
    for days in (90, 30, 7):
        with page.expect_navigation():
            page.locator(f".periods a[href='?days={days}']").click()
        expect(page.locator(".periods [aria-current]")).to_have_attribute("href", f"?days={days}")
        steps.keep_picture(page, person.language, f"operations-{days}")
        assert steps.sideways(page) == 0
        is_first_left = left_of(page, ".chart .column") < left_of(page, ".chart .column:last-of-type")
        assert is_first_left == (person.language == "en"), "the first day stands at the start of a line"
    check_accessibility(page)
    page.emulate_media(media="print")
    steps.keep_picture(page, person.language, "operations-print")
    page.emulate_media(media="screen")
    for summary in page.locator("#content summary").all():
        summary.click()
    steps.keep_picture(page, person.language, "operations-tables")
    assert steps.sideways(page) == 0
    check_accessibility(page)
