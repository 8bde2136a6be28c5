"""A session that is about to end says so, goes on when asked to, and costs nobody a long form."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import Person

WARNED = {"ar": "ستنتهي جلستك خلال دقيقتين.", "en": "Your session ends in two minutes."}
ENDED = {"ar": "انتهت جلستك. أبقِ هذه الصفحة مفتوحة", "en": "Your session has ended. Leave this page open"}
STAY = {"ar": "متابعة الجلسة", "en": "Stay signed in"}
KEPT = {"ar": "جلستك مستمرة", "en": "Your session goes on"}


@pytest.fixture(params=[("ar", 390), ("en", 1280)], ids=lambda place: f"{place[0]}-{place[1]}")
def place(request):
    return request.param


def sign_up(person: Person) -> Person:
    person.stack.manage(
        "shell", "--verbosity", "0", "--command",
        f"from tests.conftest import make_user; make_user({person.address!r}, first_name='نورة', last_name='سالم')",
    )  # fmt: skip
    person.sign_in()
    return person


def test_warning_comes_two_minutes_before_and_the_session_goes_on(place, open_page, stack, visual_code):
    language, width = place
    page = open_page(language, width)
    person = sign_up(Person(page, language, stack, visual_code))
    page.clock.install()
    person.open("accounts/password/change/")
    person.find("oldpassword").fill("half typed")
    warning, end = page.get_by_text(WARNED[language]), page.get_by_text(ENDED[language])
    page.clock.fast_forward("27:30")
    expect(warning).to_be_hidden()
    page.clock.fast_forward("01:00")
    expect(warning).to_be_visible()
    with page.expect_response(re.compile("/accounts/session/keep/")) as kept:
        page.get_by_role("button", name=STAY[language]).click()
    assert kept.value.status == 200
    expect(warning).to_be_hidden()
    assert person.find("oldpassword").input_value() == "half typed"
    page.clock.fast_forward("28:30")
    expect(warning).to_be_visible()
    page.clock.fast_forward("02:00")
    expect(end).to_be_visible()
    assert person.find("oldpassword").input_value() == "half typed"


def test_session_is_kept_without_scripts_in_another_tab(place, open_page, stack, visual_code):
    language, width = place
    page = open_page(language, width, javascript=False)
    person = sign_up(Person(page, language, stack, visual_code, scripts=False))
    person.open("accounts/password/change/")
    person.find("oldpassword").fill("half typed")
    with page.expect_popup() as opened:
        page.get_by_role("button", name=STAY[language]).click()
    expect(opened.value.get_by_role("heading", name=KEPT[language])).to_be_visible()
    assert person.find("oldpassword").input_value() == "half typed"
