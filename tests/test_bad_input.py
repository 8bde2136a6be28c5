"""Story: whatever arrives, the answer is a sentence or a 400, never a 500, and nothing is half-written."""

import re
import time
from html import unescape
from urllib.parse import quote, urlencode, urljoin, urlsplit

import pytest
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.test import Client

from accounts import limits
from accounts.forms import SignupForm
from accounts.models import Challenge, Consent, PendingRegistration, User
from mumaris import text
from mumaris.mail.models import Outbox
from tests.journey import (
    NEW_PASSWORD,
    PASSWORD,
    accept_declaration,
    answer_visual_code,
    ask_reset,
    code_in,
    deliver,
    hidden,
    link_in,
    mails_to,
    register,
    registration_fields,
    text_of,
    tick_robot,
    type_code,
    url,
)
from tests.test_text import DISGUISES

pytestmark = pytest.mark.django_db
NORA = "nora@example.com"
DIRECTIONS = {"ar": "rtl", "en": "ltr"}
FORM = "application/x-www-form-urlencoded"
SCRIPT, TEMPLATE = "<script>alert(1)</script>", "{{ 7*7 }}"

# Name → what arrives for the field, percent-encoded as on the wire; None: the field does not arrive.
HOSTILE = {
    "nothing": None,
    "empty": "",
    "spaces": quote("  \u00a0\u3000\t"),
    "10,000 characters": "a" * 10_000,
    "NUL": "nora%00x",
    "lone surrogate": "nora%ED%A0%80",
    "no UTF-8": "%FF%FE%80%C3",
    "override": quote("\u202enora\u202c"),
    "override in a domain": quote("bob@\u202eexample.com"),
    "only invisible marks": quote("\u200b\u200f\u2060"),
    "a pile of marks": quote("n" + "\u0301" * 50),
    "full width": quote("ｎｏｒａ＜ｂ＞"),
    "script": quote(SCRIPT),
    "attribute": quote("\"'><img src=x onerror=alert(1)>"),
    "template": quote(TEMPLATE + "{% debug %}"),
    "format": quote("%s%n%(x)s{0}{x}"),
    "header line": quote("nora\r\nBcc: eve@evil.example"),
    "SQL": quote("' or 1=1 --"),
    "emoji": quote("😀👩🏽‍⚕️"),
    "digits": quote("0٠۰12345678901234567890"),
    "no number": "NaN",
    "list": quote("[1,2]"),
}
# For hidden fields, and for fields of a kind that is attacked with all of them elsewhere in the same form.
HIDDEN = [
    "nothing",
    "empty",
    "10,000 characters",
    "NUL",
    "lone surrogate",
    "no UTF-8",
    "script",
    "header line",
    "emoji",
]


def page_of(answer) -> str:
    return answer.content.decode()


def errors_of(answer) -> list[str]:
    """Return the sentences of the error summary, as a person reads them."""
    summary = "".join(re.findall(r'<div class="summary-err".*?</div>', page_of(answer), re.DOTALL))
    return [
        unescape(re.sub(r"<[^>]+>", "", item)).strip() for item in re.findall(r"<li>(.*?)</li>", summary, re.DOTALL)
    ]


def assert_in_language(sentence: str, language: str):
    bare = re.sub(r"name@example\.com|Google|\d", "", sentence)
    foreign = "[A-Za-z]" if language == "ar" else "[\u0600-\u06ff]"
    assert not re.search(foreign, bare), f"not in {language}: {sentence}"
    assert sentence.endswith((".", "؟", "?")), f"no sentence: {sentence}"


def written() -> tuple:
    """Return what forms may write, so that two moments can be compared."""
    return (
        list(PendingRegistration.objects.order_by("pk").values_list("pk", "address", "first_name", "password")),
        list(User.objects.order_by("pk").values_list("pk", "email", "password", "language", "is_active")),
        list(Outbox.objects.order_by("pk").values_list("pk", "state")),
        list(Challenge.objects.order_by("pk").values_list("pk", "nonce", "used_at")),
        Consent.objects.count(),
    )


# --- The forms: each returns its path and fields that would be accepted ----------------------------


def form_declaration(client, smtp, member, language):
    return url("account_declaration", language=language), {"declaration": "on"}


def carry_pass(client, path: str, fields: dict) -> dict:
    """Return the pass of a robot check proved once, as a form with another error carries it."""
    return {"captcha_pass": hidden(client.post(path, fields | tick_robot(client.get(path))), "captcha_pass")}


def form_signup(client, smtp, member, language):
    accept_declaration(client, language)
    path = url("account_signup", language=language)
    fields = registration_fields(NORA, email_consent="on")
    return path, fields | carry_pass(client, path, fields | {"first_name": ""})


def form_signup_captcha(client, smtp, member, language):
    accept_declaration(client, language)
    path = url("account_signup", language=language)
    return path, registration_fields(NORA) | tick_robot(client.get(path)) | {"captcha_website": ""}


def form_code(client, smtp, member, language):
    register(client, language=language)
    deliver()
    path = url("account_email_verification_sent", language=language)
    return path, {"action": "verify", "code": code_in(mails_to(smtp, NORA)[0])}


def form_change_address(client, smtp, member, language):
    register(client, language=language)
    return url("account_email_verification_sent", language=language), {"action": "change", "email": "new@example.com"}


def form_sign_in(client, smtp, member, language):
    path = url("account_login", language=language)
    fields = {"login": member.email, "password": PASSWORD, "remember": "on", "next": "/ar/terms/"}
    return path, fields | answer_visual_code(client.get(path)) | {"captcha_work": "", "captcha_pass": ""}


def form_forgot(client, smtp, member, language):
    path = url("account_reset_password", language=language)
    return path, {"email": member.email} | carry_pass(client, path, {"email": ""})


def form_forgot_captcha(client, smtp, member, language):
    path = url("account_reset_password", language=language)
    return path, {"email": member.email} | tick_robot(client.get(path)) | {"captcha_website": ""}


def form_new_password(client, smtp, member, language):
    ask_reset(client, member.email, language)
    deliver()
    clean = client.get(link_in(mails_to(smtp, member.email)[0])).url
    path = re.sub("^/(ar|en)/", f"/{language}/", clean)
    return path, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}


def form_change_password(client, smtp, member, language):
    client.force_login(member)
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    return url("account_change_password", language=language), fields


def form_reauthenticate(client, smtp, member, language):
    client.force_login(member)
    return url("account_reauthenticate", language=language), {"password": PASSWORD, "next": "/ar/profile/"}


def form_language(client, smtp, member, language):
    client.force_login(member)
    return url("set_language", language=language), {"language": language, "next": "/ar/terms/"}


# (the form, the fields that are attacked, what is sent)
FORMS = [
    (form_declaration, ["declaration"], HOSTILE),
    (form_signup, ["first_name"], HOSTILE),
    (form_signup, ["email"], HOSTILE),
    (form_signup, ["password1"], HOSTILE),
    (form_signup, ["last_name", "email2", "password2", "terms", "email_consent", "captcha_pass"], HIDDEN),
    (form_signup_captcha, ["captcha", "captcha_token", "captcha_work", "captcha_website"], HIDDEN),
    (form_code, ["code"], HOSTILE),
    (form_code, ["action"], HIDDEN),
    (form_change_address, ["email"], HOSTILE),
    (form_sign_in, ["login"], HOSTILE),
    (form_sign_in, ["password"], HOSTILE),
    (form_sign_in, ["captcha"], HOSTILE),
    (form_sign_in, ["captcha_token", "captcha_work", "captcha_pass", "remember", "next"], HIDDEN),
    (form_forgot, ["email"], HOSTILE),
    (form_forgot_captcha, ["captcha", "captcha_token", "captcha_work", "captcha_website"], HIDDEN),
    (form_new_password, ["password1"], HOSTILE),
    (form_new_password, ["password2"], HIDDEN),
    (form_change_password, ["oldpassword"], HOSTILE),
    (form_change_password, ["password1", "password2"], HIDDEN),
    (form_reauthenticate, ["password"], HOSTILE),
    (form_reauthenticate, ["next"], HIDDEN),
    (form_language, ["language", "next"], HOSTILE),
]


def encode(fields: dict, field: str, raw: str | None) -> str:
    """Return the body of a post in which ``raw`` stands for a field, or nothing does."""
    rest = urlencode({name: value for name, value in fields.items() if name != field})
    return rest if raw is None else f"{rest}&{field}={raw}"


def post_and_undo(client, path: str, body: str, before: tuple):
    """Return (the answer, whether it wrote anything); the database and the cookies are as before."""
    cache.clear()
    cookies = client.cookies.copy()
    with transaction.atomic():
        answer = client.post(path, body, content_type=FORM)
        changed = answer.status_code != 302 and written() != before
        transaction.set_rollback(True)
    client.cookies = cookies
    return answer, changed


def name_of(case) -> str:
    return f"{case[0].__name__}-{'-'.join(case[1])}"


@pytest.mark.parametrize("language", DIRECTIONS)
@pytest.mark.parametrize("case", FORMS, ids=name_of)
def test_hostile_value_is_answered_in_words_or_taken_whole(client, smtp, member, case, language):
    make_form, fields_attacked, values = case
    client.raise_request_exception = False
    path, fields = make_form(client, smtp, member, language)
    before = written()
    # Every value in one of the two languages, half of them in each.
    names = [name for number, name in enumerate(values) if number % 2 == (language == "en")]
    for field in fields_attacked:
        for name in names:
            told = f"{field} = {name}"
            answer, changed = post_and_undo(client, path, encode(fields, field, HOSTILE[name]), before)
            assert answer.status_code in {200, 302, 400}, told
            if answer.status_code == 302:
                assert urlsplit(urljoin(f"http://testserver{path}", answer.url)).netloc == "testserver", told
                assert "\\" not in answer.url, told
                continue
            assert not changed, f"{told}: refused, and something was written"
            page = page_of(answer)
            assert f'<html lang="{language}" dir="{DIRECTIONS[language]}">' in page, told
            assert SCRIPT not in page, told
            assert "<img src=x" not in page, told
            assert "alert(1)>" not in page, told
            assert "evil.example" not in str(answer.headers), told
            if answer.status_code == 200:
                assert errors_of(answer), f"{told}: no sentence"
                for sentence in errors_of(answer):
                    assert_in_language(sentence, language)


@pytest.mark.parametrize("case", [case for case in FORMS if case[2] is HOSTILE], ids=name_of)
def test_form_takes_what_it_should(client, smtp, member, case):
    """Without this the test above would pass for a form that refuses everything."""
    path, fields = case[0](client, smtp, member, "ar")
    answer, _changed = post_and_undo(client, path, urlencode(fields), written())
    assert answer.status_code == 302, errors_of(answer)


@pytest.mark.parametrize("case", FORMS, ids=name_of)
def test_field_of_one_megabyte_is_refused_as_a_whole(client, smtp, member, case):
    path, fields = case[0](client, smtp, member, "en")
    before = written()
    for field in case[1]:
        answer, changed = post_and_undo(client, path, encode(fields, field, "a" * 1_000_000), before)
        assert (answer.status_code, changed) == (400, False), field
        assert '<html lang="en" dir="ltr">' in page_of(answer)


@pytest.mark.parametrize("case", FORMS, ids=name_of)
def test_field_sent_twice_or_as_a_list_is_no_fault(client, smtp, member, case):
    client.raise_request_exception = False
    path, fields = case[0](client, smtp, member, "ar")
    before = written()
    for field in case[1]:
        good = quote(str(fields[field]))
        for body in (
            encode(fields, field, f"x&{field}={good}"),
            encode(fields, field, f"{good}&{field}=x%00"),
            encode(fields, field, None) + f"&{field}[]=x&{field}[0]=y&{field}.x=z",
        ):
            answer, changed = post_and_undo(client, path, body, before)
            assert answer.status_code in {200, 302}, (field, body[-200:])
            assert answer.status_code == 302 or not changed


def test_typed_values_stay_and_are_shown_as_text(client):
    accept_declaration(client)
    typed = {"first_name": SCRIPT, "last_name": TEMPLATE, "email": '"><b>@x', "email2": "%s%(x)s"}
    page = page_of(client.post(url("account_signup"), registration_fields() | typed))
    for value in typed.values():
        assert value in unescape(page)
    assert SCRIPT not in page
    assert '"><b>' not in page
    assert "&lt;script&gt;" in page
    assert PASSWORD not in page


def test_passwords_are_shown_by_no_form(client, smtp, member):
    for make_form, names in ((form_signup, ["password1", "password2"]), (form_sign_in, ["password"])):
        visitor = Client()
        path, fields = make_form(visitor, smtp, member, "ar")
        secret = "Zq7!" + "secret-of-mine"
        page = page_of(visitor.post(path, fields | dict.fromkeys(names, secret) | {"terms": "", "captcha": ""}))
        assert "summary-err" in page
        assert secret not in page
    client.force_login(member)
    page = page_of(client.post(url("account_change_password"), {"oldpassword": "Zq7!old", "password1": "Zq7!new"}))
    assert "Zq7!" not in page


# --- Names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "kept"),
    [
        ("عبدُ الرَّحمٰن", "آل سعود", ("عبدُ الرَّحمٰن", "آل سعود")),
        ("نُورَةُ", "الـغامدي", ("نُورَةُ", "الـغامدي")),
        ("Anne-Marie", "O'Neil", ("Anne-Marie", "O'Neil")),
        ("José", "D’Souza", ("José", "D’Souza")),
        ("  نورة \u200f", "\u2067العتيبي\u2069", ("نورة", "العتيبي")),
        ("محمد\u200cرضا", "Nguyễn", ("محمد\u200cرضا", "Nguyễn")),
        ("م" * 80, "ن", ("م" * 80, "ن")),
    ],
)
def test_name_of_a_person_is_kept_as_it_is_written(client, first, last, kept):
    answer = register(client, first_name=first, last_name=last)
    assert answer.status_code == 302, errors_of(answer)
    pending = PendingRegistration.objects.get()
    assert (pending.first_name, pending.last_name) == kept


@pytest.mark.parametrize(
    "name",
    ["No\u202era", "N" + "\u0301" * 50, "\u200b\u200f", "Nora7", SCRIPT, "=1+1", "م" * 81, "-", "nora@example.com"],
)
@pytest.mark.parametrize("language", DIRECTIONS)
def test_name_of_nobody_is_refused_with_one_sentence(client, name, language):
    accept_declaration(client, language)
    fields = registration_fields(first_name=name)
    sentences = errors_of(client.post(url("account_signup", language=language), fields))
    assert len(sentences) == 2, sentences  # the name, and the robot check
    for sentence in sentences:
        assert_in_language(sentence, language)
    assert not PendingRegistration.objects.exists()


@pytest.mark.parametrize("field", ["first_name", "email"])
def test_pile_of_marks_takes_no_time(field):
    """Normalising 80,000 marks in the worst order takes three seconds: the pile is refused before."""
    start = time.thread_time()
    with pytest.raises(ValidationError):
        SignupForm.base_fields[field].clean("n" + "\u0301\u0316" * 40_000)
    assert time.thread_time() - start < 0.3


def test_line_break_in_a_name_makes_no_header(client, smtp):
    assert register(client, first_name="Nora\r\nBcc eve", last_name="A\nSubject B").status_code == 302
    assert PendingRegistration.objects.get().first_name == "Nora Bcc eve"
    deliver()
    (mail,) = smtp.messages
    assert (mail.rcpt_tos, mail["Bcc"]) == ([NORA], None)
    assert "Nora" not in text_of(mail), "a mail to an unproved address holds no typed text"
    type_code(client, code_in(mail))
    deliver()
    welcome = smtp.messages[-1]
    assert (welcome.rcpt_tos, welcome["Bcc"]) == ([NORA], None)
    assert len(welcome.get_all("Subject")) == 1


def test_registration_gives_no_rights_that_were_not_asked_for(client, smtp):
    extra = {"is_staff": "on", "is_superuser": "on", "is_active": "", "verified": "on", "membership_number": "1",
             "birth_date": "2000-01-01", "visitor": "x", "password": "x", "id": "1"}  # fmt: skip
    register(client, **extra)
    deliver()
    type_code(client, code_in(mails_to(smtp, NORA)[0]))
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.is_active, user.language) == (False, False, True, "ar")
    assert user.birth_date is None
    assert user.check_password(PASSWORD)


# --- Addresses ------------------------------------------------------------------------------------


def test_address_in_every_disguise_is_one_mailbox(smtp):
    for typed in DISGUISES.values():
        cache.clear()
        answer = register(Client(), typed)
        assert answer.status_code == 302, (typed, errors_of(answer))
    assert set(PendingRegistration.objects.values_list("address", flat=True)) == {"bob@example.com"}
    assert Challenge.objects.count() == 1
    assert Outbox.objects.count() == 1
    deliver()
    assert [mail.rcpt_tos for mail in smtp.messages] == [["bob@example.com"]]


def test_forgotten_password_of_every_disguise_is_one_link(smtp):
    for typed in DISGUISES.values():
        cache.clear()
        assert ask_reset(Client(), typed).status_code == 302
    assert list(Challenge.objects.values_list("address", flat=True)) == ["bob@example.com"]
    assert Outbox.objects.count() == 1


def test_address_typed_in_two_spellings_matches(client):
    assert register(client, NORA, email2=" NORA@example.com\u200f").status_code == 302


@pytest.mark.parametrize("language", DIRECTIONS)
def test_unreachable_address_is_a_field_error_and_no_row(client, language):
    accept_declaration(client, language)
    fields = registration_fields("bob@\u202eexample.com")
    sentences = errors_of(client.post(url("account_signup", language=language), fields))
    assert [s for s in sentences if "name@example.com" in s]
    assert not PendingRegistration.objects.exists()
    assert not Outbox.objects.exists()
    assert not Challenge.objects.exists()


@pytest.mark.parametrize("number", [0, 1])
def test_accepted_names_and_addresses_are_clean(client, number):
    """What the form takes of the hostile list must be one clean line, and one spelling."""
    client.raise_request_exception = False
    path, fields = form_signup(client, None, None, "ar")
    field = ["first_name", "email"][number]
    for name, raw in HOSTILE.items():
        cache.clear()
        with transaction.atomic():
            client.post(path, encode(fields, field, raw), content_type=FORM)
            for pending in PendingRegistration.objects.all():
                assert text.clean_line(pending.first_name) == pending.first_name, name
                assert not text.name_fault(pending.first_name), name
                assert text.canonical_address(pending.address) == pending.address, name
            transaction.set_rollback(True)


# --- Requests that no form makes ------------------------------------------------------------------

POST_PAGES = [
    "account_declaration", "account_signup", "account_email_verification_sent", "account_login", "account_logout",
    "account_reset_password", "account_change_password", "account_reauthenticate", "set_language",
]  # fmt: skip


@pytest.mark.parametrize("name", POST_PAGES)
@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_other_methods_do_nothing(client, member, name, method):
    client.force_login(member)
    before = written()
    body = {} if method == "trace" else {"data": urlencode({"language": "ar", "next": "/ar/"}), "content_type": FORM}
    answer = getattr(client, method)(url(name), **body)
    assert answer.status_code in {200, 302, 405}
    assert written() == before
    assert client.get(url("profile")).status_code == 200, "still signed in"


@pytest.mark.parametrize("language", DIRECTIONS)
def test_form_in_the_address_is_no_post(client, member, language):
    fields = urlencode(
        {"login": member.email, "password": PASSWORD, "declaration": "on", "email": SCRIPT, "first_name": "x"}
    )
    for name in POST_PAGES:
        answer = client.get(f"{url(name, language=language)}?{fields}")
        assert answer.status_code in {200, 302}
        assert SCRIPT not in page_of(answer)
        assert 'type="password" name="password" value' not in page_of(answer)
    assert "_auth_user_id" not in client.session
    assert not Outbox.objects.exists()


@pytest.mark.parametrize("name", ["account_login", "account_reset_password", "account_declaration"])
@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", '{"login": "a", "password": ["x"]}', 200),
        ("text/plain", "login=a", 200),
        ("", "login=a", 200),
        ("multipart/form-data", "garbage", 400),
        ("multipart/form-data; boundary=x", "garbage", 200),
        ("multipart/form-data; boundary=x", '--x\r\nContent-Disposition: form-data; name="login"\r\n\r\n', 200),
        ("multipart/form-data; boundary=" + "x" * 300, "--x", 400),
        (f"{FORM}; charset=utf-7", "login=a", 200),
        (f"{FORM}; charset=nothing", "login=a", 200),
        (f"{FORM}; charset=utf-16", "login=a%00", 200),
    ],
)
def test_other_content_is_answered_in_words(name, content_type, body, status):
    client = Client(raise_request_exception=False)
    answer = client.generic("POST", url(name), body, content_type=content_type)
    assert answer.status_code in {status, 400}
    assert '<html lang="ar" dir="rtl">' in page_of(answer)
    assert answer.status_code == 400 or errors_of(answer)


def test_file_in_place_of_a_text_is_a_missing_field(client):
    from django.core.files.uploadedfile import SimpleUploadedFile

    answer = client.post(url("account_login"), {"login": SimpleUploadedFile("x.txt", b"x"), "password": "x"})
    assert answer.status_code == 200
    assert errors_of(answer)


@pytest.mark.parametrize("language", DIRECTIONS)
def test_oversized_body_is_refused_in_the_language_of_the_page(client, language):
    for body, content_type in (
        ("login=" + "a" * 300_000, FORM),
        ("&".join(f"f{n}=1" for n in range(150)), FORM),
        ('--x\r\nContent-Disposition: form-data; name="login"\r\n\r\n' + "a" * 300_000 + "\r\n--x--\r\n",
         "multipart/form-data; boundary=x"),
    ):  # fmt: skip
        answer = client.post(url("account_login", language=language), body, content_type=content_type)
        assert answer.status_code == 400
        assert f'<html lang="{language}" dir="{DIRECTIONS[language]}">' in page_of(answer)


@pytest.mark.parametrize("language", DIRECTIONS)
@pytest.mark.parametrize("name", POST_PAGES)
def test_form_without_its_token_is_refused_in_the_language_of_the_page(member, name, language):
    client = Client(enforce_csrf_checks=True)
    if name in {"account_logout", "account_change_password", "account_reauthenticate"}:
        client.force_login(member)
    before = written()
    answer = client.post(url(name, language=language), {"language": "ar", "declaration": "on"})
    assert answer.status_code == 403
    assert f'<html lang="{language}" dir="{DIRECTIONS[language]}">' in page_of(answer)
    assert written() == before
    if name == "account_logout":
        assert client.get(url("profile")).status_code == 200


def test_token_of_another_browser_is_refused():
    one, other = Client(enforce_csrf_checks=True), Client(enforce_csrf_checks=True)
    token = hidden(one.get(url("account_declaration")), "csrfmiddlewaretoken")
    other.get(url("account_declaration"))
    fields = {"declaration": "on", "csrfmiddlewaretoken": token}
    assert other.post(url("account_declaration"), fields).status_code == 403
    assert one.post(url("account_declaration"), fields).status_code == 302


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:8000.evil.example"])
def test_form_of_another_site_is_refused(origin):
    client = Client(enforce_csrf_checks=True)
    token = hidden(client.get(url("account_declaration")), "csrfmiddlewaretoken")
    fields = {"declaration": "on", "csrfmiddlewaretoken": token}
    assert client.post(url("account_declaration"), fields, headers={"origin": origin}).status_code == 403


@pytest.mark.parametrize(
    "path",
    ["/%00", "/ar/%00/", "/ar/%ED%A0%80/", "/ar/%FF/", "/ar/accounts/login/?next=%00",
     "/ar/accounts/login/?next=%FF%FE", "/ar/accounts/login/?ended=%3Cscript%3E", "/ar/accounts/captcha/%00.png",
     f"/ar/accounts/captcha/{'a' * 5000}.png", "/ar/accounts/captcha/%D9%86.wav",
     "/ar/accounts/password/reset/key/zzzzzzzzzzzzzzzzzzzz-abc/",
     "/ar/accounts/password/reset/key/9999999999999-set-password/",
     f"/ar/accounts/password/reset/key/1-{'a' * 5000}/",
     "/ar/?" + "a" * 10_000, "/" + "a" * 10_000, "//evil.example/", "/ar//evil.example/", "/admin/%00/"],
)  # fmt: skip
def test_hostile_address_is_a_page_or_not_found(path):
    answer = Client(raise_request_exception=False).get(path)
    assert answer.status_code in {200, 302, 400, 404}
    assert "<script>" not in page_of(answer)
    if answer.status_code == 302:
        assert not answer.url.startswith(("//", "http"))


@pytest.mark.parametrize(
    ("header", "value"),
    [("accept-language", "a" * 10_000), ("accept-language", "\x00,*;q=\udcff"), ("cookie", "x" * 10_000),
     ("cookie", "__Host-session=%00; __Host-language=<script>; __Host-csrf=\x01"),
     ("cookie", f"__Host-session={'a' * 5000}"),
     ("x-forwarded-for", "<script>"), ("x-forwarded-host", "evil.example"), ("user-agent", "\x00<script>"),
     ("referer", "javascript:alert(1)"), ("x-requested-with", "XMLHttpRequest"), ("accept", "application/json"),
     ("range", "bytes=a-b"), ("content-length", "-1"), ("content-length", "x")],
)  # fmt: skip
def test_hostile_header_changes_nothing(header, value):
    client = Client(raise_request_exception=False)
    answer = client.get(url("account_login"), headers={header: value})
    assert answer.status_code == 200
    assert "evil.example" not in page_of(answer)
    assert "<script>" not in page_of(answer)
    answer = client.post(
        url("account_login"), {"login": "x"}, headers={} if header == "content-length" else {header: value}
    )
    assert answer.status_code in {200, 400}
    assert answer["Content-Type"].startswith("text/html")


def test_limits_count_hostile_posts_too(client, monkeypatch):
    monkeypatch.setitem(limits.IP_LIMITS, "any", (3, 60))
    statuses = [client.post(url("account_login"), {"login": "\0"}).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
