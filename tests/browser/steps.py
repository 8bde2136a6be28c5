"""What a person does in the browser: one visitor, page by page, by the words that the pages show.

Every arrival checks the language and the direction of the page. ``walk_*`` lead through all pages of a
kind and stop at each state in turn, for whoever wants to look at it: they yield its name.
With SHOTS=/folder in the environment the accessibility tests keep a picture of each stop there.
"""

import itertools
import json
import os
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.journey import (
    NEW_PASSWORD,
    PASSWORD,
    code_in,
    in_arabic_digits,
    link_in,
    objection_link_in,
    undo_link_in,
)
from tests.registry import make_picture
from tests.roles import app_code
from tests.stack import Stack

expect.set_options(timeout=15_000)

WORDS = {
    "ar": {
        "accept": "أوافق", "change address": "تغيير البريد وإرسال الرمز", "change password": "تغيير كلمة المرور",
        "confirm": "تأكيد", "create account": "إنشاء حساب جديد", "error": "خطأ:", "forgot": "نسيت كلمة المرور؟",
        "hide": "إخفاء", "new code": "رمز جديد", "next": "التالي", "other address": "استخدام بريد إلكتروني آخر",
        "profile": "الملف الشخصي", "resend": "إرسال رمز جديد", "save": "حفظ", "show": "إظهار",
        "sign in": "تسجيل الدخول", "sign out": "تسجيل الخروج", "unreadable": "تتعذّر عليك قراءة الرمز؟",
        "without typing": "تحقق دون كتابة", "welcome": "مرحبًا",
        "send code": "إرسال رمز التحقق", "stop change": "إيقاف التغيير", "change mail": "طُلب تغيير بريدك",
        "show data": "عرض بياناتي", "erase": "طلب محو حسابي", "cancel request": "إلغاء الطلب",
        "update data": "تحديث البيانات", "finish": "إنهاء التحديث", "later": "حفظ وإكمال لاحقًا",
        "update": "تحديث بيانات الأعضاء", "withdraw": "سحب الطلب", "claim": "ربط ملف العضوية",
        "stop claim": "لست أنا، أوقف الطلب", "claim mail": "طلب شخص ربط ملف عضويتك", "tied mail": "تم ربط ملف العضوية",
        "received mail": "استلمنا طلبك", "approved mail": "اعتُمد طلبك",
        "code mail": "رمز التحقق", "reset mail": "استعادة كلمة المرور", "changed mail": "تم تغيير كلمة المرور",
    },
    "en": {
        "accept": "I declare", "change address": "Change the address and send a code",
        "change password": "Change password", "confirm": "Confirm", "create account": "Create a new account",
        "error": "Error:", "forgot": "Forgot your password?", "hide": "Hide", "new code": "New code", "next": "Next",
        "other address": "Use a different email address", "profile": "My profile", "resend": "Send a new code",
        "save": "Save", "show": "Show", "sign in": "Sign in", "sign out": "Sign out",
        "unreadable": "Cannot read the code?", "without typing": "Verify without typing", "welcome": "Welcome,",
        "send code": "Send the verification code", "stop change": "Stop the change", "change mail": "A change of your",
        "show data": "Show my data", "erase": "Ask for the erasure of my account",
        "cancel request": "Cancel the request",
        "update data": "Update data", "finish": "Finish the update", "later": "Save and finish later",
        "update": "Update member data", "withdraw": "Withdraw the request", "claim": "Link my member file",
        "stop claim": "It was not me: stop it", "claim mail": "Someone asked to link", "tied mail": "is linked",
        "received mail": "We received your request", "approved mail": "was approved",
        "code mail": "code", "reset mail": "Reset your", "changed mail": "Your password was changed",
    },
}  # fmt: skip
NAMES = {"ar": ("نورة", "العتيبي"), "en": ("Nora", "Otaibi")}
DIRECTIONS = {"ar": "rtl", "en": "ltr"}
WRONG_PASSWORD = "Wrong-Wadi7"
# A tick without scripts counts from this age of the form on (accounts/captcha.py), in milliseconds.
PATIENCE = 3_000
addresses = (f"person-{os.getpid()}-{n}@example.com" for n in itertools.count(1))


def make_members(stack: Stack, count: int) -> list[str]:
    """Create accounts in the stack by one command, in both languages by turns; return their addresses."""
    made = [next(addresses) for _ in range(count)]
    stack.manage(
        "shell", "--verbosity", "0", "--command",
        "from tests.conftest import make_user\n"
        f"for n, address in enumerate({made}):\n"
        f"    make_user(address, first_name='Nora', last_name='Otaibi', language=('ar', 'en')[n % 2])",
    )  # fmt: skip
    return made


def make_registry(stack: Stack, count: int) -> list[dict[str, str]]:
    """Create member files that nobody has activated; return the number, identity number and address of each."""
    made = stack.manage(
        "shell", "--verbosity", "0", "--command",
        "import json\n"
        "from tests.registry import make_registry_member\n"
        f"files = [make_registry_member(registry_email=f'registry-{os.getpid()}-{{n}}@example.com')"
        f" for n in range({count})]\n"
        "print(json.dumps([{'number': f.membership_number, 'identity': f.identity_number,"
        " 'address': f.registry_email} for f in files]))",
    )  # fmt: skip
    return json.loads(made.stdout.strip().splitlines()[-1])


def tie_new_file(stack: Stack, address: str) -> str:
    """Create a member file that is tied to an account; return its membership number."""
    made = stack.manage(
        "shell", "--verbosity", "0", "--command",
        "from accounts.models import User\nfrom tests.registry import make_registry_member\n"
        f"print(make_registry_member(User.objects.get(email={address!r})).membership_number)",
    )  # fmt: skip
    return made.stdout.strip().splitlines()[-1]


def forgive(problems: list[str], status: int):
    """Take out what the browser says of an answer that the test itself provoked."""
    problems[:] = [problem for problem in problems if f"the server responded with a status of {status}" not in problem]


def mistype(code: str) -> str:
    """Return another code: the last digit is the next one."""
    return f"{code[:-1]}{(int(code[-1]) + 1) % 10}"


def keep_picture(page, language: str, name: str):
    """Save the whole page where SHOTS says so."""
    if folder := os.environ.get("SHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}-{language}-{page.viewport_size['width']}.png", full_page=True)


def sideways(page) -> int:
    """Return by how many pixels a page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def look_at_each(person: "Person", names, check_accessibility, problems: list[str]):
    """Stop at each page of the admin that ``names`` leads to; tell all faults of all of them at the end."""
    told = []
    for name in names:
        keep_picture(person.page, person.language, name)
        if (wide := sideways(person.page)) > 0:
            told.append(f"{name}: {wide} px of sideways scroll")
        seen = list(problems)
        try:
            check_accessibility(person.page)
        except AssertionError as fault:
            told.append(f"{name}: {fault.args[0]}")
        # axe itself reads the @import of Django's forms.css through an inline style, which the policy blocks.
        problems[:] = seen
    assert not told, "\n\n".join(told)


class Person:
    """A visitor with one page. ``read_picture`` is the conftest's ``visual_code``."""

    def __init__(self, page, language: str, stack: Stack, read_picture, *, scripts: bool = True):
        self.page, self.language, self.stack, self.scripts = page, language, stack, scripts
        self.read_picture = read_picture
        self.words = WORDS[language]
        self.first_name, self.last_name = NAMES[language]
        self.address = next(addresses)
        self.password = PASSWORD
        # The key of this person's authenticator app.
        self.app_key: str | None = None

    # --- Seeing and pressing ------------------------------------------------------------------

    def find(self, name: str):
        """Return the visible field of this HTML name."""
        return self.page.locator(f"main [name={name}]:not([type=hidden])")

    def switch_language(self):
        self.language = {"ar": "en", "en": "ar"}[self.language]
        self.words = WORDS[self.language]
        self.page.locator(f"header button[lang={self.language}]").click()

    def press(self, words: str, role: str = "button"):
        self.page.get_by_role("main").get_by_role(role, name=self.words[words], exact=True).first.click()

    def open(self, path: str, *, status: int = 200):
        answer = self.page.goto(f"/{self.language}/{path}")
        assert answer.status == status, self.page.url
        self.check_page()

    def arrive(self, path: str):
        """Wait until the page at this path is shown, and check it."""
        expect(self.page).to_have_url(re.compile(rf"^[^?]*/{self.language}/{path}(\?.*)?$"))
        self.check_page()

    def check_page(self):
        root = self.page.locator("html")
        expect(root).to_have_attribute("lang", self.language)
        expect(root).to_have_attribute("dir", DIRECTIONS[self.language])
        expect(self.page.locator("h1")).to_have_count(1)

    def see_errors(self, *names: str):
        """Check that the summary has the focus and that exactly these fields are marked."""
        summary = self.page.locator(".summary-err")
        expect(summary).to_be_focused()
        expect(self.page).to_have_title(re.compile(f"^{self.words['error']}"))
        marked = [field.get_attribute("id") for field in self.page.locator(".err").all()]
        assert marked == [f"id_{name}_error" for name in names]
        for link in summary.locator("a").all():
            assert self.page.locator(link.get_attribute("href")).count() == 1, "a link of the summary leads nowhere"

    # --- Registration -------------------------------------------------------------------------

    def accept_declaration(self):
        self.find("declaration").check()
        self.press("next")
        self.arrive("accounts/signup/")

    def fill_registration(self, **changes: str):
        fields = {
            "first_name": self.first_name, "last_name": self.last_name, "email": self.address,
            "email2": self.address, "password1": self.password, "password2": self.password,
        }  # fmt: skip
        for name, value in (fields | changes).items():
            self.find(name).fill(value)

    def tick_robot(self):
        self.find("captcha").check()
        if self.scripts:
            expect(self.page.locator("[data-work]")).not_to_have_value("")
        else:
            self.page.wait_for_timeout(PATIENCE)

    def register(self):
        """Go from the declaration to the code page."""
        self.open("accounts/declaration/")
        self.accept_declaration()
        self.fill_registration()
        self.tick_robot()
        self.find("terms").check()
        self.press("create account")
        self.arrive("accounts/confirm-email/")

    def read_code(self, *, after: int = 0) -> str:
        """Return the code of the newest mail, typed on this person's keyboard."""
        code = code_in(self.stack.wait_for_mail(self.address, self.words["code mail"], after=after))
        return in_arabic_digits(code) if self.language == "ar" else code

    def type_code(self, code: str):
        self.find("code").fill(code)
        self.press("confirm")

    # --- Signing in and out -------------------------------------------------------------------

    def fill_sign_in(self, *, password: str | None = None):
        self.find("login").fill(self.address)
        self.find("password").fill(password or self.password)
        if self.find("captcha").count():
            self.find("captcha").fill(self.read_picture(self.page))

    def sign_in(self, *, remember: bool = False):
        self.open("accounts/login/")
        self.fill_sign_in()
        if remember:
            self.find("remember").check()
        self.press("sign in")
        if self.app_key:
            self.arrive("accounts/2fa/authenticate/")
            self.type_code(app_code(self.app_key, spare=8))
        self.arrive("profile/")

    def sign_out(self):
        self.page.get_by_role("banner").get_by_role("button", name=self.words["sign out"], exact=True).click()
        self.arrive("")

    # --- Member data --------------------------------------------------------------------------

    def fill_claim(self, file: dict[str, str], birth_date: str = "15/07/1405", calendar: str = "hijri"):
        self.find("membership_number").fill(file["number"])
        self.find("identity_number").fill(file["identity"])
        self.find("birth_date").fill(birth_date)
        self.page.locator(f"main [name=calendar][value={calendar}]").check()

    def attach(self, name: str, width: int = 600, height: int = 900):
        picture = {"name": "scan.jpg", "mimeType": "image/jpeg", "buffer": make_picture(width, height).read()}
        self.find(name).set_input_files(picture)

    # --- Passwords ----------------------------------------------------------------------------

    def ask_for_link(self):
        """From the sign-in page to the mail's link."""
        self.press("forgot", "link")
        self.arrive("accounts/password/reset/")
        self.find("email").fill(self.address)
        self.tick_robot()
        self.press("next")
        self.arrive("accounts/password/reset/done/")

    def read_link(self) -> str:
        return link_in(self.stack.wait_for_mail(self.address, self.words["reset mail"]))

    def fill_new_password(self, password: str, repeated: str | None = None):
        self.find("password1").fill(password)
        self.find("password2").fill(password if repeated is None else repeated)


# --- Walks: every page in every state -------------------------------------------------------------


def walk_open_pages(person: Person):
    for path in ("", "contact/", "terms/", "privacy/", "accessibility/", "accounts/inactive/"):
        person.open(path)
        yield path.strip("/").replace("/", "-") or "home"


def walk_registration(person: Person):
    """Declaration, form and code with and without errors; ends signed in, on the profile."""
    person.open("accounts/declaration/")
    yield "declaration"
    person.press("next")
    person.see_errors("declaration")
    yield "declaration-error"
    person.accept_declaration()
    yield "signup"
    person.press("create account")
    person.see_errors("first_name", "last_name", "email", "email2", "password1", "password2", "captcha", "terms")
    yield "signup-empty"
    person.fill_registration(email="nora@gmial.com", password1="nora", password2="other")
    person.tick_robot()
    person.press("create account")
    person.see_errors("email2", "password1", "password2", "terms")
    yield "signup-errors"
    person.fill_registration()
    person.find("terms").check()
    person.press("create account")
    person.arrive("accounts/confirm-email/")
    yield "code"
    person.type_code("12")
    person.see_errors("code")
    yield "code-short"
    code = person.read_code()
    person.type_code(mistype(code))
    person.see_errors("code")
    yield "code-wrong"
    person.page.locator("summary").click()
    yield "code-address-open"
    person.find("email").fill("nobody")
    person.press("change address")
    person.see_errors("email")
    yield "code-address-error"
    person.type_code(code)
    person.arrive("profile/")
    yield "profile-new"


def walk_account(person: Person):
    """The pages of somebody who is signed in; ends signed out."""
    person.open("")
    yield "home-signed-in"
    person.open("profile/")
    yield "profile"
    person.open("accounts/reauthenticate/")
    yield "reauthenticate"
    person.press("confirm")
    person.see_errors("password")
    yield "reauthenticate-error"
    person.open("accounts/password/change/")
    yield "change"
    person.find("oldpassword").fill(WRONG_PASSWORD)
    person.fill_new_password("short", "other")
    person.press("save")
    person.see_errors("oldpassword", "password1", "password2")
    yield "change-errors"
    yield from walk_own_data(person)
    person.open("accounts/logout/")
    yield "logout"
    person.press("sign out")
    person.arrive("")


def walk_own_data(person: Person):
    """What somebody who is signed in reads of themselves, up to the erasure of the account, which is cancelled."""
    person.open("accounts/sessions/")
    yield "sessions"
    person.open("accounts/devices/")
    yield "devices"
    person.open("accounts/activity/")
    yield "activity"
    person.open("accounts/privacy/")
    yield "privacy-own"
    person.press("show data")
    person.arrive("accounts/privacy/data/")
    yield "own-data"
    person.open("accounts/privacy/")
    person.press("erase")
    person.arrive("accounts/privacy/")
    yield "erasure-asked"
    person.press("cancel request")
    person.arrive("accounts/privacy/")
    yield "erasure-cancelled"


def walk_change_of_address(person: Person):
    """The change of address up to its code, and the link that stops it; the person is signed in afresh."""
    person.open("accounts/email/")
    yield "email"
    person.find("email").fill(person.address)
    person.press("send code")
    person.see_errors("email")
    yield "email-error"
    new = next(addresses)
    person.find("email").fill(new)
    person.press("send code")
    person.arrive("accounts/email/code/")
    yield "email-code"
    code = code_in(person.stack.wait_for_mail(new, person.words["code mail"]))
    person.type_code(mistype(code))
    person.see_errors("code")
    yield "email-code-wrong"
    person.open("accounts/email/")
    yield "email-waiting"
    link = undo_link_in(person.stack.wait_for_mail(person.address, person.words["change mail"]))
    person.page.goto(link)
    person.arrive("accounts/email/undo/.+/")
    yield "email-undo"
    person.press("stop change")
    person.arrive("accounts/email/undo/.+/")
    yield "email-undo-done"
    person.page.goto(link.rstrip("/")[:-1] + "/")
    person.arrive("accounts/email/undo/.+/")
    yield "email-undo-dead"


def walk_claim(person: Person, file: dict[str, str]):
    """From no member file to a claim that waits, and the registry address that stops it."""
    person.open("profile/claim/")
    yield "claim"
    person.press("next")
    person.see_errors("membership_number", "identity_number", "birth_date")
    yield "claim-empty"
    person.fill_claim(file, birth_date="1405-07-15", calendar="gregorian")
    person.press("next")
    person.see_errors("birth_date")
    yield "claim-errors"
    person.fill_claim(file, birth_date="16/07/1405")
    with person.page.expect_navigation():
        person.press("next")
    yield "claim-failed"
    person.fill_claim(file)
    person.press("next")
    person.arrive("profile/claim/")
    expect(person.page.locator("form [name=birth_date]")).to_have_count(0)
    yield "claim-waiting"
    mail = person.stack.wait_for_mail(file["address"], WORDS["ar"]["claim mail"])
    link = objection_link_in(mail).replace("/ar/", f"/{person.language}/", 1)
    person.page.goto(link)
    person.arrive("profile/claim/objection/.+/")
    yield "claim-objection"
    person.press("stop claim")
    person.arrive("")
    yield "claim-stopped"
    person.page.goto(link)
    yield "claim-objection-dead"


def walk_update(person: Person, number: str):
    """From the membership number to a request under review and its withdrawal; the person's file is tied."""
    person.open("profile/")
    yield "profile-member"
    person.open("profile/update/")
    yield "update"
    person.find("membership_number").fill("99999999")
    person.press("update data")
    person.see_errors("membership_number")
    yield "update-wrong-number"
    person.find("membership_number").fill(in_arabic_digits(number))
    person.press("update data")
    person.arrive("profile/update/UPD-.+/")
    yield "update-edit"
    for name in ("mobile", "birth_date", "name_latin", "identity_number"):
        person.find(name).fill("1")
    person.attach("evidence")
    person.attach("photo", 900, 600)
    person.press("next")
    person.see_errors("mobile", "name_latin", "birth_date", "identity_number", "photo")
    yield "update-edit-errors"
    person.page.goto(person.page.url)
    person.find("workplace").fill("مستشفى الواحة")
    person.find("mobile").fill("0501234567")
    person.attach("photo")
    person.press("next")
    person.arrive("profile/update/UPD-.+/check/")
    yield "update-check"
    person.press("later")
    person.arrive("profile/requests/")
    yield "requests"
    person.page.go_back()
    person.press("finish")
    person.arrive("profile/requests/UPD-.+/")
    yield "request-submitted"
    person.press("withdraw")
    yield "request-withdrawn"


def walk_sign_in(person: Person):
    """Sign-in up to the lock; the person needs an account."""
    person.open("accounts/login/")
    yield "login"
    person.page.locator("summary").click()
    yield "login-sound-open"
    person.press("sign in")
    person.see_errors("login", "password", "captcha")
    yield "login-empty"
    person.fill_sign_in(password=WRONG_PASSWORD)
    person.press("sign in")
    expect(person.page.locator("[name=captcha_pass]")).to_have_count(1)
    yield "login-wrong"
    for _ in range(5):
        person.find("password").fill(WRONG_PASSWORD)
        with person.page.expect_navigation():
            person.press("sign in")
    yield "login-locked"


def walk_forgotten_password(person: Person):
    """From the forgotten password to the new one, dead link included; the person needs an account."""
    person.open("accounts/password/reset/")
    yield "forgot"
    person.press("next")
    person.see_errors("email", "captcha")
    yield "forgot-errors"
    person.open("accounts/login/")
    person.ask_for_link()
    yield "forgot-done"
    link = person.read_link()
    person.page.goto(link)
    person.arrive(r"accounts/password/reset/key/\w+-set-password/")
    yield "new-password"
    person.fill_new_password("short", "other")
    person.press("save")
    person.see_errors("password1", "password2")
    yield "new-password-errors"
    person.fill_new_password(NEW_PASSWORD)
    person.press("save")
    person.arrive("accounts/password/reset/key/done/")
    yield "new-password-done"
    person.page.goto(link)
    yield "dead-link"


def walk_refusals(person: Person):
    """The error pages that a visitor can bring about: 404, 400, 403 and 429."""
    page = person.page
    person.open("nowhere/", status=404)
    yield "404"
    person.open("accounts/login/")
    page.evaluate("document.querySelector('[name=login]').value = 'x'.repeat(300000)")
    with page.expect_navigation():
        person.press("sign in")
    yield "400"
    person.open("accounts/login/")
    page.context.clear_cookies()
    with page.expect_navigation():
        person.press("sign in")
    yield "403"
    person.open("accounts/password/reset/")
    token = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    for _ in range(20):
        page.request.post(page.url, form={"csrfmiddlewaretoken": token})
    with page.expect_navigation():
        person.press("next")
    yield "429"


def walk_broken_pages(person: Person, pages: dict[str, str]):
    """Pages that no visitor can bring about, already rendered: shown at an address of the stack."""
    shown = ""
    person.page.route("**/shown/", lambda route: route.fulfill(body=shown, content_type="text/html; charset=utf-8"))
    for name, html in pages.items():
        shown = html
        person.page.goto("/shown/")
        person.check_page()
        yield name


def walk_whole_account(person: Person):
    """Everything between the declaration and a lock, by one person."""
    yield from walk_registration(person)
    yield from walk_change_of_address(person)
    yield from walk_account(person)
    yield from walk_forgotten_password(person)
    yield from walk_sign_in(person)
