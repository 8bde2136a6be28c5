"""Two-step sign-in in real Chromium: a passkey by a virtual authenticator, and an app where scripts do not run."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser import steps
from tests.browser.steps import Person
from tests.roles import app_code

PLACES = [("ar", 390), ("en", 1280)]
NAMES = {"ar": "هاتفي الجديد", "en": "My new phone"}
BUTTONS = {
    "add": {"ar": "إضافة مفتاح مرور", "en": "Add a passkey"},
    "sign in": {"ar": "الدخول بمفتاح المرور", "en": "Sign in with a passkey"},
    "use": {"ar": "استخدام مفتاح المرور", "en": "Use a passkey"},
    "remove": {"ar": "إزالة", "en": "Remove"},
    "print": {"ar": "طباعة", "en": "Print"},
}
FAILED = {"ar": "لم يستجب مفتاح المرور. حاول مرة أخرى.", "en": "The passkey did not answer. Try again."}


@pytest.fixture(params=PLACES, ids=lambda place: f"{place[0]}-{place[1]}")
def person(request, open_page, stack, visual_code):
    language, width = request.param
    met = Person(open_page(language, width), language, stack, visual_code)
    [met.address] = steps.make_members(stack, 1)
    return met


@pytest.fixture
def look(check_accessibility):
    """Return ``look(person, name)``: keep a picture of the page, and let axe see it."""

    def look_at(person: Person, name: str):
        steps.keep_picture(person.page, person.language, name)
        wide = steps.sideways(person.page)
        assert wide <= 0, f"{name}: {wide} px of sideways scroll"
        check_accessibility(person.page)

    return look_at


class Authenticator:
    """The fingerprint reader of the machine, through Chromium's own debugger."""

    def __init__(self, page):
        self.session = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        made = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.which = {"authenticatorId": made["authenticatorId"]}

    def recognise(self, person_is_right: bool):
        self.session.send("WebAuthn.setUserVerified", self.which | {"isUserVerified": person_is_right})


def press(person: Person, button: str, role: str = "button"):
    words = BUTTONS[button][person.language]
    person.page.get_by_role("main").get_by_role(role, name=words, exact=True).first.click()


@pytest.mark.timeout(180)
def test_passkey_is_added_and_signs_in_without_password_and_picture(person, look):
    page, authenticator = person.page, Authenticator(person.page)
    person.sign_in()
    person.open("accounts/2fa/")
    look(person, "two-step-off")
    press(person, "add", "link")
    person.arrive("accounts/2fa/webauthn/add/")
    look(person, "passkey-add")
    press(person, "add")
    person.arrive("accounts/2fa/webauthn/add/")
    person.see_errors("name")
    person.find("name").fill(NAMES[person.language])
    press(person, "add")
    person.arrive("accounts/2fa/recovery-codes/")
    expect(page.locator("main li b")).to_have_count(10)
    look(person, "recovery-codes")
    person.open("accounts/2fa/")
    expect(page.locator("main")).to_contain_text(NAMES[person.language])
    look(person, "two-step-on")
    person.sign_out()

    person.open("accounts/login/")
    look(person, "login-passkey")
    authenticator.recognise(False)
    press(person, "sign in")
    expect(page.locator("[data-passkey] [role=status]")).to_have_text(FAILED[person.language])
    authenticator.recognise(True)
    press(person, "sign in")
    person.arrive("profile/")
    person.sign_out()

    person.open("accounts/login/")
    person.fill_sign_in()
    person.press("sign in")
    person.arrive("accounts/2fa/authenticate/")
    look(person, "second-step")
    person.type_code("12")
    person.see_errors("code")
    look(person, "second-step-error")
    press(person, "use")
    person.arrive("profile/")


@pytest.mark.timeout(180)
def test_page_hides_passkeys_from_a_browser_without_them(person):
    person.page.add_init_script("delete window.PublicKeyCredential")
    person.open("accounts/login/")
    expect(person.page.get_by_role("button", name=BUTTONS["sign in"][person.language])).to_have_count(0)
    person.sign_in()
    person.open("accounts/2fa/webauthn/add/")
    expect(person.page.locator("[data-no-passkey]")).to_be_visible()
    expect(person.page.get_by_role("button", name=BUTTONS["add"][person.language])).to_have_count(0)


def wait_for_next_code(key: str, used: str):
    end = time.monotonic() + 40
    while app_code(key) == used:
        assert time.monotonic() < end
        time.sleep(0.5)


@pytest.mark.timeout(240)
def test_app_is_added_used_and_removed(page, variant, stack, visual_code, look):
    language, _width, scripts = variant
    person = Person(page, language, stack, visual_code, scripts=scripts)
    [person.address] = steps.make_members(stack, 1)
    look_at = look if scripts else lambda person, name: steps.keep_picture(person.page, person.language, name)
    person.sign_in()
    person.open("accounts/2fa/totp/activate/")
    picture = page.locator("main svg[role=img]").bounding_box()
    assert picture["width"] == picture["height"] == 240
    look_at(person, "app-add")
    key = page.locator("main bdi b").inner_text().replace(" ", "")
    person.type_code("1")
    person.see_errors("code")
    look_at(person, "app-add-error")
    used = app_code(key, spare=8)
    person.type_code(used)
    person.arrive("accounts/2fa/recovery-codes/")
    recovery = page.locator("main li b").first.inner_text()
    person.open("accounts/2fa/recovery-codes/generate/")
    look_at(person, "recovery-codes-make")
    person.sign_out()

    wait_for_next_code(key, used)
    person.app_key = key
    person.sign_in()
    person.sign_out()
    person.open("accounts/login/")
    person.fill_sign_in()
    person.press("sign in")
    person.arrive("accounts/2fa/authenticate/")
    person.type_code(recovery)
    person.arrive("profile/")
    person.open("accounts/reauthenticate/")
    person.arrive("accounts/2fa/reauthenticate/")
    look_at(person, "second-step-again")
    person.open("accounts/2fa/totp/deactivate/")
    look_at(person, "app-remove")
    press(person, "remove")
    person.arrive("accounts/2fa/")
    assert re.search("accounts/2fa/totp/activate/", page.content())


@pytest.mark.timeout(120)
def test_administrator_adds_a_passkey_at_the_first_visit(person, look):
    person.stack.manage(
        "shell", "--verbosity", "0", "--command",
        f"from accounts.models import User\n"
        f"User.objects.filter(email={person.address!r}).update(is_staff=True, is_superuser=True)",
    )  # fmt: skip
    page, _authenticator = person.page, Authenticator(person.page)
    person.sign_in()
    page.goto("/admin/")
    person.arrive("accounts/2fa/")
    expect(page.locator(".note.warn")).to_be_visible()
    look(person, "two-step-asked")
    press(person, "add", "link")
    person.find("name").fill(NAMES[person.language])
    press(person, "add")
    person.arrive("accounts/2fa/recovery-codes/")
    page.goto("/admin/")
    person.arrive("accounts/2fa/reauthenticate/")
    press(person, "use")
    expect(page).to_have_url(re.compile("/admin/$"))
    expect(page.locator("#content")).to_be_visible()
