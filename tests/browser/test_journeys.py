"""What people come for, in a real browser against the running stack, with mail over SMTP."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import Person, forgive, make_members, mistype
from tests.journey import NEW_PASSWORD

THIRD_PASSWORD = "Broad-Minaret9"
EITHER_WAY = pytest.mark.parametrize("scripts", [True, False], ids=["js", "nojs"])
BOTH_LANGUAGES = pytest.mark.parametrize("tongue", ["ar", "en"])


@pytest.fixture(scope="module")
def members(stack):
    """Addresses of accounts, each to be taken by one test."""
    return make_members(stack, 20)


@pytest.fixture
def meet(open_page, stack, visual_code):
    """Return ``meet(language="en", width=1280, scripts=True, address=None)``: a visitor at a page of their own."""

    def meet_one(language="en", width=1280, scripts=True, address=None):
        person = Person(open_page(language, width, scripts), language, stack, visual_code, scripts=scripts)
        person.address = address or person.address
        return person

    return meet_one


def see_greeting(person: Person):
    person.arrive("profile/")
    expect(person.page.locator("h1")).to_have_text(f"{person.words['welcome']} {person.first_name}")


def read_session(person: Person) -> dict:
    return next(cookie for cookie in person.page.context.cookies() if cookie["name"] == "__Host-session")


# --- The main journey -------------------------------------------------------------------------


def register_with_a_mistake(person: Person):
    page = person.page
    person.press("create account", "link")
    person.arrive("accounts/declaration/")
    person.accept_declaration()
    person.fill_registration(email2="someone.else@example.com")
    person.tick_robot()
    person.find("terms").check()
    person.find("email_consent").check()
    person.press("create account")
    person.see_errors("email2")

    expect(person.find("first_name")).to_have_value(person.first_name)
    expect(person.find("last_name")).to_have_value(person.last_name)
    expect(person.find("email")).to_have_value(person.address)
    expect(person.find("email2")).to_have_value("someone.else@example.com")
    expect(person.find("password1")).to_have_value("")
    expect(person.find("password2")).to_have_value("")
    expect(person.find("terms")).to_be_checked()
    expect(person.find("email_consent")).to_be_checked()
    expect(person.find("captcha")).to_have_count(0)
    expect(page.locator("[name=captcha_pass]")).not_to_have_value("")

    person.find("email2").fill(person.address)
    person.fill_new_password(person.password)
    person.press("create account")
    person.arrive("accounts/confirm-email/")


def change_password_in_two_clicks(person: Person):
    person.open("")
    person.page.get_by_role("navigation").get_by_role("link", name=person.words["profile"], exact=True).click()
    person.arrive("profile/")
    person.press("change password", "link")
    person.arrive("accounts/password/change/")
    person.find("oldpassword").fill(person.password)
    person.fill_new_password(NEW_PASSWORD)
    person.press("save")
    see_greeting(person)
    person.password = NEW_PASSWORD
    assert person.stack.wait_for_mail(person.address, person.words["changed mail"])


def recover_password(person: Person):
    person.open("accounts/login/")
    person.ask_for_link()
    person.page.goto(person.read_link())
    # The secret of the link has left the address.
    person.arrive(r"accounts/password/reset/key/\w+-set-password/")
    person.fill_new_password(THIRD_PASSWORD)
    person.press("save")
    person.arrive("accounts/password/reset/key/done/")
    person.password = THIRD_PASSWORD


def test_whole_life_of_an_account(page, variant, stack, visual_code):
    language, _width, scripts = variant
    person = Person(page, language, stack, visual_code, scripts=scripts)
    person.open("")
    register_with_a_mistake(person)
    person.type_code(person.read_code())
    see_greeting(person)
    assert read_session(person)["expires"] == -1, "a session that is not remembered ends with the browser"
    person.sign_out()

    person.sign_in(remember=True)
    see_greeting(person)
    assert read_session(person)["expires"] > 0

    change_password_in_two_clicks(person)
    person.sign_out()

    recover_password(person)
    person.sign_in()
    see_greeting(person)


# --- Registration -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tongue", "sentence"),
    [("ar", "رمز التحقق غير صحيح. بقيت لك 4 محاولات."), ("en", "The code is wrong. You have 4 tries left.")],
)
def test_wrong_code_says_how_many_tries_are_left(meet, tongue, sentence):
    person = meet(tongue, 390)
    person.register()
    person.type_code(mistype(person.read_code()))
    person.see_errors("code")
    expect(person.page.locator("#id_code_error")).to_contain_text(sentence)


@EITHER_WAY
def test_address_changed_on_the_code_page_gets_the_code(meet, scripts):
    person = meet("ar", 390, scripts)
    person.register()
    first = person.read_code()
    person.page.get_by_text(person.words["other address"]).click()
    person.address = f"corrected-{person.address}"
    person.find("email").fill(person.address)
    person.press("change address")
    person.arrive("accounts/confirm-email/")
    expect(person.page.get_by_role("main")).to_contain_text(person.address)
    second = person.read_code()
    assert second != first
    person.type_code(second)
    see_greeting(person)


def test_registration_goes_on_in_another_browser(meet):
    at_work = meet("en", 1280)
    at_work.register()
    at_home = meet("en", 390, address=at_work.address)
    at_home.open("accounts/login/")
    at_home.fill_sign_in()
    at_home.press("sign in")
    at_home.arrive("accounts/confirm-email/")
    at_home.type_code(at_home.read_code())
    see_greeting(at_home)


def test_button_for_another_code_counts_down(meet):
    person = meet("en", 390)
    person.register()
    button = person.page.locator("button[value=resend]")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_text(re.compile(r"^Send a new code in 0:\d\d$"))
    button.click(force=True)
    person.arrive("accounts/confirm-email/")
    expect(person.page.locator(".notes")).to_have_count(0)
    assert len([mail for mail in person.stack.mails() if person.address in mail["To"]]) <= 1


def test_too_early_wish_for_another_code_is_answered_without_scripts(meet):
    person = meet("en", 390, scripts=False)
    person.register()
    person.press("resend")
    person.arrive("accounts/confirm-email/")
    expect(person.page.locator(".note.warn")).to_contain_text("You can ask again at")


def test_rules_of_the_password_are_marked_while_typing(meet):
    person = meet("en", 390)
    person.open("accounts/declaration/")
    person.accept_declaration()
    met = person.page.locator("[data-rules] .met")
    expect(met).to_have_count(0)
    for typed, rules in [
        ("n", ["lower"]),
        ("nora1", ["lower", "digit"]),
        ("Nora1-wadi", ["length", "upper", "lower", "digit", "symbol"]),
        ("a long phrase of words", ["length", "lower", "symbol", "phrase"]),
        ("", []),
    ]:
        person.find("password1").fill(typed)
        expect(met).to_have_count(len(rules))
        assert [item.get_attribute("data-rule") for item in met.all()] == rules
    person.find("password1").fill("كلمة")
    expect(person.page.locator("p[data-arabic]")).not_to_be_empty()


# --- Signing in -------------------------------------------------------------------------------


@BOTH_LANGUAGES
def test_puzzle_signs_in_without_typing_the_visual_code(meet, members, tongue):
    person = meet(tongue, 390, address=members.pop())
    person.open("accounts/login/")
    person.find("login").fill(person.address)
    person.find("password").fill(person.password)
    person.page.get_by_text(person.words["unreadable"]).click()
    person.press("without typing")
    expect(person.page.locator("[data-work]")).not_to_have_value("")
    expect(person.page.locator("[data-captcha] [role=status]")).not_to_be_empty()
    expect(person.find("captcha")).to_have_value("")
    person.press("sign in")
    person.arrive("profile/")


@EITHER_WAY
def test_new_visual_code_replaces_the_picture(meet, members, scripts):
    """In place where scripts run, so that what was typed stays; by a reload where they do not."""
    person = meet("ar", 390, scripts, members.pop())
    person.open("accounts/login/")
    picture = person.page.locator(".visual img")
    person.fill_sign_in()
    before = picture.get_attribute("src")
    person.press("new code", "link")
    expect(picture).not_to_have_attribute("src", before)
    expect(person.find("captcha")).to_have_value("")
    if scripts:
        expect(person.find("login")).to_have_value(person.address)
        expect(person.find("password")).to_have_value(person.password)
        expect(person.find("captcha")).to_be_focused()
    else:
        expect(person.find("password")).to_have_value("")
    person.fill_sign_in()
    person.press("sign in")
    person.arrive("profile/")


@pytest.mark.parametrize("role", ["img", "audio"])
def test_new_visual_code_can_be_seen_and_heard(meet, role):
    person = meet("ar", 390)
    person.open("accounts/login/")
    for _ in range(2):
        answer = person.page.request.get(person.page.locator(f"[data-captcha] {role}").get_attribute("src"))
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
        person.press("new code", "link")


@BOTH_LANGUAGES
def test_password_can_be_shown_and_leaves_hidden(meet, members, tongue):
    person = meet(tongue, 390, address=members.pop())
    person.open("accounts/login/")
    person.fill_sign_in()
    field, button = person.page.locator("#id_password"), person.page.locator("[data-show=id_password]")
    expect(button).to_have_text(person.words["show"])
    button.click()
    expect(field).to_have_attribute("type", "text")
    expect(field).to_have_value(person.password)
    expect(button).to_have_text(person.words["hide"])
    button.click()
    expect(field).to_have_attribute("type", "password")
    button.click()
    field.evaluate(
        "field => field.form.addEventListener('submit', () => sessionStorage.setItem('left as', field.type))"
    )
    person.press("sign in")
    person.arrive("profile/")
    assert person.page.evaluate("sessionStorage.getItem('left as')") == "password"


def test_password_has_no_button_without_scripts(meet):
    person = meet("ar", 390, scripts=False)
    person.open("accounts/login/")
    expect(person.page.locator("[data-show]")).to_be_hidden()
    expect(person.page.locator("[data-solve]")).to_be_hidden()


def press_tab_until(person: Person, name: str):
    for _ in range(20):
        person.page.keyboard.press("Tab")
        if person.page.evaluate("document.activeElement.name") == name:
            return
    raise AssertionError(f"Tab does not reach {name}")


@BOTH_LANGUAGES
def test_keyboard_alone_signs_in(meet, members, tongue):
    """Enter in the password field presses the form's first button: that must be the sign-in."""
    person = meet(tongue, 1280, address=members.pop())
    person.open("accounts/login/")
    keyboard = person.page.keyboard
    keyboard.press("Tab")
    expect(person.page.locator(".skip")).to_be_focused()
    keyboard.press("Enter")
    expect(person.page.locator("#main")).to_be_focused()
    press_tab_until(person, "login")
    keyboard.type(person.address)
    press_tab_until(person, "password")
    keyboard.type(person.password)
    press_tab_until(person, "captcha")
    keyboard.type(person.read_picture(person.page))
    keyboard.press("Shift+Tab")
    keyboard.press("Shift+Tab")
    expect(person.find("password")).to_be_focused()
    keyboard.press("Enter")
    person.arrive("profile/")


def test_errors_are_reached_from_the_summary(meet):
    person = meet("en", 390)
    person.open("accounts/login/")
    person.press("sign in")
    person.see_errors("login", "password", "captcha")
    for name in ("login", "password", "captcha"):
        person.page.locator(f".summary-err a[href='#id_{name}']").click()
        expect(person.find(name)).to_be_focused()


def test_page_behind_the_door_leads_back_after_signing_in(meet, members):
    person = meet("en", 390, address=members.pop())
    person.page.goto("/en/accounts/password/change/")
    person.arrive("accounts/login/")
    person.fill_sign_in()
    person.press("sign in")
    person.arrive("accounts/password/change/")


@EITHER_WAY
def test_back_after_signing_out_shows_nothing_private(meet, members, scripts):
    person = meet("en", 1280, scripts, members.pop())
    person.sign_in()
    person.open("accounts/password/change/")
    person.open("profile/")
    person.sign_out()
    for _ in range(2):
        person.page.go_back()
        person.arrive("accounts/login/")
        assert person.address not in person.page.content()
        assert person.last_name not in person.page.content()


def test_form_can_be_sent_again_after_a_way_that_was_broken_off(meet, members):
    person = meet("ar", 390, True, members.pop())
    person.sign_in()
    person.open("accounts/privacy/")
    person.press("show data")
    person.arrive("accounts/privacy/data/")
    button = person.page.locator("main form[action$='data.json'] button")
    for _ in range(2):
        with person.page.expect_download() as download:
            button.dblclick()
        assert download.value.suggested_filename == "mumaris-data.json"
        # Taps nearer to each other than this are one.
        person.page.wait_for_timeout(3_100)


# --- Languages --------------------------------------------------------------------------------


@EITHER_WAY
def test_language_switch_stays_on_the_page(meet, scripts):
    person = meet("ar", 390, scripts)
    for path in ("", "contact/", "accounts/login/", "accounts/declaration/", "accounts/password/reset/"):
        person.open(path)
        for _ in range(2):
            person.switch_language()
            person.arrive(path)


def test_language_switch_keeps_a_registration(meet):
    person = meet("ar", 390)
    person.open("accounts/declaration/")
    person.accept_declaration()
    person.switch_language()
    person.arrive("accounts/signup/")
    person.fill_registration()
    person.tick_robot()
    person.find("terms").check()
    person.press("create account")
    person.arrive("accounts/confirm-email/")
    person.switch_language()
    person.arrive("accounts/confirm-email/")
    # Registered in English: the mail speaks it, whatever the page speaks by now.
    assert person.stack.wait_for_mail(person.address)["Content-Language"] == "en"


def test_home_opens_in_the_language_last_chosen(meet):
    person = meet("ar", 390)
    person.open("")
    person.switch_language()
    person.arrive("")
    person.page.goto("/")
    person.arrive("")


def test_unknown_page_speaks_the_language_of_its_address(meet, problems):
    for language in ("ar", "en"):
        meet(language, 390).open("nowhere/", status=404)
    forgive(problems, 404)
