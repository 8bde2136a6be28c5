"""The visual code of sign-in and «I am not a robot»: what proves a person, once, without a store."""

import hashlib
import io
import threading
import time
import wave
from urllib.error import URLError

import pytest
import time_machine
from django import forms
from django.core.exceptions import ValidationError
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone, translation
from django_recaptcha import client as recaptcha_client
from PIL import Image

from accounts import recaptcha
from accounts.captcha import RobotField, VisualCodeField, solve_puzzle
from accounts.captcha_media import draw_picture, speak_digits
from accounts.captcha_tokens import is_puzzle_solved, make_token, read_token
from accounts.forms import SignInForm
from accounts.models import SpentToken
from mumaris.templatetags.portal import empty_fields, field
from tests.journey import hidden, in_arabic_digits, sign_in, url

pytestmark = pytest.mark.real_work

NAME = "nora@example.com"


class SignIn(forms.Form):
    login = forms.CharField()
    captcha = VisualCodeField(form="login", bound_to="login")
    remember = forms.CharField()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["captcha"].request = RequestFactory().get("/")

    def clean(self):
        if not self.errors:
            self.fields["captcha"].spend()


class SignUp(SignIn):
    login = None
    captcha = RobotField(form="signup")


class Page:
    """A rendered form, read as ``tests.journey.hidden`` reads a response."""

    def __init__(self, form):
        self.content = str(form["captcha"].as_field_group()).encode()
        self.html = self.content.decode()

    def __getattr__(self, name):
        return hidden(self, f"captcha_{name}")


def seen(page) -> str:
    return read_token(page.token)["digits"]


def visual_answer(page=None, **changes) -> dict:
    page = page or Page(SignIn())
    return {"login": NAME, "remember": "on", "captcha_token": page.token, "captcha": seen(page)} | changes


def tick(page=None, **changes) -> dict:
    page = page or Page(SignUp())
    work = solve_puzzle(page.token)
    return {"remember": "on", "captcha": "on", "captcha_token": page.token, "captcha_work": work} | changes


def spell_differently(token: str) -> str:
    """Return another text that base64 decodes to the same bytes: its decoder skips what is not its own."""
    return token[:20] + "." + token[20:]


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


# --- The visual code --------------------------------------------------------------------------


def test_showing_a_code_asks_no_database():
    # No database mark: a query would fail.
    page = Page(SignIn())
    assert f"/en/accounts/captcha/{page.token}.png" in page.html
    assert f"/en/accounts/captcha/{page.token}.wav" in page.html
    assert seen(page) not in page.html.replace(page.token, "")
    assert len(seen(page)) == 5
    assert set(seen(page)) <= set("23456789")


@pytest.mark.django_db
def test_right_code_passes_with_one_query(django_assert_num_queries):
    form = SignIn(visual_answer())
    with django_assert_num_queries(1):
        assert form.is_valid()
    row = SpentToken.objects.get()
    assert row.expires_at > timezone.now()


@pytest.mark.django_db
def test_code_is_read_in_every_digit_and_with_marks():
    for write in (
        in_arabic_digits,
        lambda digits: digits.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")),
        lambda digits: "".join(chr(ord(digit) + 0xFEE0) for digit in digits),
        lambda digits: f"\u200f{digits[:2]} \u00a0-{digits[2:]}\u2069",
    ):
        page = Page(SignIn())
        assert SignIn(visual_answer(page, captcha=write(seen(page)))).is_valid()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"captcha": ""}, "Enter the visual code."),
        ({"captcha": "\u200f "}, "Enter the visual code."),
        ({"captcha": "00000"}, "The visual code is wrong. Type the digits in the new picture."),
        ({"captcha": "\ud800\x00" * 300_000}, "The visual code is wrong. Type the digits in the new picture."),
        ({"captcha_token": ""}, "The visual code is wrong. Type the digits in the new picture."),
        ({"captcha_token": "ك\ud800\x00"}, "The visual code is wrong. Type the digits in the new picture."),
        ({"captcha_token": "x" * 1_000_000}, "The visual code is wrong. Type the digits in the new picture."),
        (
            {"captcha_token": make_token("robot", "login")},
            "The visual code is wrong. Type the digits in the new picture.",
        ),
        ({"captcha": "", "captcha_work": "1"}, "The visual code is wrong. Type the digits in the new picture."),
        ({"captcha": "", "captcha_work": "-1" * 99}, "The visual code is wrong. Type the digits in the new picture."),
        ({"captcha_pass": "gAAAAAB"} | {"captcha": ""}, "Enter the visual code."),
    ],
)
def test_wrong_code_gets_a_new_picture_without_a_query(changes, sentence):
    # No database mark: a query would fail.
    answer = visual_answer(**changes)
    form = SignIn(answer)
    assert form.errors == {"captcha": [sentence]}
    page = Page(form)
    assert sentence in page.html
    assert page.token not in {"", answer["captcha_token"]}
    assert "captcha_pass" not in page.html
    assert f'value="{answer["captcha"]}"' not in page.html
    assert 'aria-describedby="id_captcha_helptext id_captcha_error" aria-invalid="true"' in page.html


def test_tampered_token_is_wrong():
    page = Page(SignIn())
    answer = visual_answer(page)
    other = "A" if page.token[50] != "A" else "B"
    answer["captcha_token"] = page.token[:50] + other + page.token[51:]
    assert "captcha" in SignIn(answer).errors


def test_code_of_another_form_is_wrong():
    token = make_token("visual", "forgot", digits="23456")
    assert "captcha" in SignIn(visual_answer(captcha_token=token, captcha="23456")).errors


def test_code_expires_after_ten_minutes():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        answer = visual_answer()
        clock.shift(601)
        assert SignIn(answer).errors == {"captcha": ["The code expired. Use the new picture."]}


@pytest.mark.django_db
def test_code_serves_once_and_in_one_spelling_only():
    answer = visual_answer()
    assert SignIn(answer).is_valid()
    assert SignIn(answer).errors == {"captcha": ["The code expired. Use the new picture."]}
    respelled = SignIn(visual_answer() | {"captcha_token": spell_differently(visual_answer()["captcha_token"])})
    assert respelled.errors == {"captcha": ["The visual code is wrong. Type the digits in the new picture."]}


def test_one_piece_of_work_serves_no_other_token():
    """Base64 decoding skips foreign characters: a fixed tail would bring its own solved puzzle."""
    token = visual_answer()["captcha_token"]
    for tail in ("!" * 40, "=" * 4, "\n", "AAAA"):
        with pytest.raises(ValueError, match=r"spell|not our"):
            read_token(token + tail)


@pytest.mark.django_db
def test_solved_puzzle_replaces_the_digits():
    page = Page(SignIn())
    assert 'data-bits="17"' in page.html
    assert SignIn(visual_answer(page, captcha="", captcha_work=solve_puzzle(page.token))).is_valid()


@pytest.mark.django_db(transaction=True)
def test_code_serves_once_in_parallel():
    assert serve_in_parallel([visual_answer()] * 8) == 1


@pytest.mark.django_db(transaction=True)
def test_pass_serves_once_in_parallel():
    page = Page(reject(SignIn(visual_answer(remember=""))))
    assert serve_in_parallel([{"login": NAME, "remember": "on", "captcha_pass": page.__getattr__("pass")}] * 8) == 1


def serve_in_parallel(posts: list[dict]) -> int:
    together, served = threading.Barrier(len(posts)), []

    def post(data):
        form = SignIn(data)
        together.wait()
        served.append(form.is_valid())
        connection.close()

    threads = [threading.Thread(target=post, args=[data]) for data in posts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(served) == len(posts)
    return sum(served)


# --- The pass ---------------------------------------------------------------------------------


def reject(form):
    assert not form.is_valid()
    return form


def passed(form) -> str:
    page = Page(reject(form))
    assert "Verified." in page.html
    assert "<img" not in page.html
    assert "Type the five digits" not in page.html
    assert "<label" not in page.html
    assert page.token == ""
    return hidden(page, "captcha_pass")


@pytest.mark.django_db
def test_pass_spares_a_second_picture_and_serves_once(django_assert_num_queries):
    proof = passed(SignIn(visual_answer(remember="")))
    # Another error keeps the same pass, unspent.
    with django_assert_num_queries(0):
        assert passed(SignIn({"login": NAME, "captcha_pass": proof})) == proof
    form = SignIn({"login": NAME, "remember": "on", "captcha_pass": proof})
    with django_assert_num_queries(1):
        assert form.is_valid()
    for again, sentence in (
        (proof, "The code expired. Use the new picture."),
        (spell_differently(proof), "Enter the visual code."),
    ):
        form = SignIn({"login": NAME, "remember": "on", "captcha_pass": again})
        assert form.errors == {"captcha": [sentence]}
        page = Page(form)
        assert "<img" in page.html
        assert "Type the five digits" in page.html


@pytest.mark.django_db
def test_pass_is_bound_to_the_sign_in_name():
    proof = passed(SignIn(visual_answer(remember="")))
    form = SignIn({"login": "omar@example.com", "remember": "on", "captcha_pass": proof})
    assert form.errors == {"captcha": ["Enter the visual code."]}
    assert "<img" in Page(form).html
    assert SignIn({"login": f" {NAME.upper()}\u200f", "remember": "on", "captcha_pass": proof}).is_valid()


@pytest.mark.django_db
def test_pass_expires_and_belongs_to_its_form():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        proof = passed(SignIn(visual_answer(remember="")))
        assert SignUp({"remember": "on", "captcha_pass": proof}).errors
        clock.shift(901)
        assert SignIn({"login": NAME, "remember": "on", "captcha_pass": proof}).errors


def test_challenge_is_no_pass():
    token = Page(SignIn()).token
    assert SignIn({"login": NAME, "remember": "on", "captcha_pass": token}).errors


# --- Picture and sound ------------------------------------------------------------------------


def test_picture_and_sound_are_served_without_session_or_query(client):
    token = Page(SignIn()).token
    for ending, content_type in (("png", "image/png"), ("wav", "audio/wav")):
        response = client.get(f"/ar/accounts/captcha/{token}.{ending}")
        assert response.status_code == 200
        assert response["Content-Type"] == content_type
        assert response["Cache-Control"] == "no-store"
        assert not response.cookies
        assert client.get(f"/ar/accounts/captcha/{token}.{ending}").content == response.content, "noise averages out"
        assert client.post(f"/ar/accounts/captcha/{token}.{ending}").status_code in {403, 405}


@pytest.mark.parametrize("ending", ["png", "wav"])
def test_picture_of_unknown_token_is_not_found(client, ending):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        old = Page(SignIn()).token
        clock.shift(601)
        for token in (old, Page(SignUp()).token, make_token("pass", "login", subject=""), "x", "%D9%83"):
            assert client.get(f"/en/accounts/captcha/{token}.{ending}").status_code == 404


def test_picture_is_small_fast_and_of_the_shown_size():
    draw_picture("23456789", "warm")
    started = time.process_time()
    pictures = [draw_picture("28649", str(seed)) for seed in range(20)]
    assert (time.process_time() - started) / 20 < 0.03
    assert len(set(pictures)) == 20
    for content in pictures:
        assert len(content) <= 4096
        picture = Image.open(io.BytesIO(content))
        assert (picture.size, picture.mode, picture.format) == ((352, 112), "P", "PNG")
        assert picture.getpalette()[-3:] == [0x1F, 0x2A, 0x37]


@pytest.mark.parametrize("language", ["ar", "en"])
def test_sound_holds_every_digit_audibly(language):
    for digits in ("88888", "33333", "23456", "56789"):
        content = speak_digits(digits, "seed", language)
        assert len(content) <= 60_000
        with wave.open(io.BytesIO(content)) as sound:
            assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 1, 8000)
            assert 3 < sound.getnframes() / 8000 < 8
    for digit in "0123456789":
        with wave.open(io.BytesIO(speak_digits(digit, "seed", language))) as sound:
            assert max(abs(sample - 128) for sample in sound.readframes(sound.getnframes())) > 90, "a clip is silent"


def test_sound_speaks_the_language_of_the_page_and_serves_ranges(client):
    token = Page(SignIn()).token
    whole = client.get(f"/ar/accounts/captcha/{token}.wav").content
    assert whole != client.get(f"/en/accounts/captcha/{token}.wav").content
    # Safari asks for two bytes first, and plays nothing unless it gets them.
    for asked, expected in (("bytes=0-1", whole[:2]), ("bytes=2-", whole[2:]), ("bytes=5-999999999", whole[5:])):
        response = client.get(f"/ar/accounts/captcha/{token}.wav", headers={"range": asked})
        assert (response.status_code, response.content) == (206, expected)
        assert response["Content-Range"].endswith(f"/{len(whole)}")
    for nonsense in ("bytes=9999999-", "bytes=-5", "bytes=1-2,3-4", "lines=1-2"):
        assert client.get(f"/ar/accounts/captcha/{token}.wav", headers={"range": nonsense}).content == whole


# --- I am not a robot -------------------------------------------------------------------------


def test_puzzle_needs_the_work_of_this_token():
    token = make_token("robot", "signup")
    work = solve_puzzle(token)
    assert is_puzzle_solved("robot", token, work)
    assert hashlib.sha256((token[-40:] + work).encode()).hexdigest().startswith("0000")
    assert not is_puzzle_solved("robot", make_token("robot", "signup"), work)
    for nonsense in ("", "٣", "1" * 16, "-1", "1.0", "x"):
        assert not is_puzzle_solved("robot", token, nonsense)


@pytest.mark.django_db
def test_tick_with_work_passes_at_once_with_one_query(django_assert_num_queries):
    form = SignUp(tick())
    with django_assert_num_queries(1):
        assert form.is_valid()


@pytest.mark.django_db
def test_robot_check_is_not_asked_twice():
    proof = passed(SignUp(tick(remember="")))
    assert SignUp({"remember": "on", "captcha_pass": proof}).is_valid()
    assert SignUp({"remember": "on", "captcha_pass": proof}).errors == {
        "captcha": ["Confirm that you are not a robot."]
    }


@pytest.mark.parametrize(
    "changes",
    [{"captcha": ""}, {"captcha_website": "http://example.com"}, {"captcha_work": ""}, {"captcha_work": "1"}],
)
def test_robot_gets_the_ordinary_sentence_and_keeps_its_clock(changes):
    answer = tick(**changes)
    form = SignUp(answer)
    assert form.errors == {"captcha": ["Confirm that you are not a robot."]}
    page = Page(form)
    assert page.token == answer["captcha_token"], "waiting must not begin again"
    assert "checked" not in page.html
    assert "captcha_pass" not in page.html


@pytest.mark.django_db
def test_tick_alone_passes_after_three_seconds():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        answer = tick(captcha_work="")
        clock.shift(2)
        assert not SignUp(answer).is_valid()
        clock.shift(2)
        assert SignUp(answer).is_valid()
        assert not SignUp(answer).is_valid()


@pytest.mark.django_db
def test_tick_alone_has_a_tighter_limit_and_work_is_beyond_it():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        pages = [Page(SignUp()) for _ in range(31)]
        clock.shift(10)
        fields = [{"remember": "on", "captcha": "on", "captcha_token": page.token} for page in pages]
        assert [SignUp(post).is_valid() for post in fields] == [True] * 30 + [False]
        assert SignUp(tick()).is_valid()


def test_robot_token_expires_after_two_hours():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        answer = tick()
        clock.shift(7201)
        form = SignUp(answer)
        assert not form.is_valid()
        assert Page(form).token not in {"", answer["captcha_token"]}


def test_robot_token_of_another_form_is_refused():
    token = make_token("robot", "forgot")
    assert SignUp(
        {"remember": "on", "captcha": "on", "captcha_token": token, "captcha_work": solve_puzzle(token)}
    ).errors


def test_honeypot_is_hidden_from_people():
    html = Page(SignUp()).html
    assert '<div class="sr" aria-hidden="true">' in html
    assert 'name="captcha_website" tabindex="-1" autocomplete="off"' in html
    assert '<label for="id_captcha">I am not a robot</label>' in html
    assert html.count("<label") == 2


# --- Google -----------------------------------------------------------------------------------


@pytest.fixture
def google(settings, monkeypatch):
    """reCAPTCHA switched on; ``google(verdict)`` says what Google answers, or raises it."""
    settings.RECAPTCHA_ON, settings.RECAPTCHA_PUBLIC_KEY, settings.RECAPTCHA_PRIVATE_KEY = True, "public", "private"
    monkeypatch.setattr(recaptcha.google.breaker, "away_until", 0.0)

    def answer(verdict):
        asked = []

        def submit(response, key, address):
            asked.append((response, key, address))
            if isinstance(verdict, Exception):
                raise verdict
            if callable(verdict):
                verdict()
            return verdict

        monkeypatch.setattr(recaptcha_client, "submit", submit)
        return asked

    return answer


PERSON = recaptcha_client.RecaptchaResponse(is_valid=True)
GOOGLE_ANSWER = {"remember": "on", "g-recaptcha-response": "03AFcWeA-x_y"}


def test_google_is_shown_in_the_language_of_the_page_with_the_nonce(google):
    form = SignUp()
    form.fields["captcha"].request.csp_nonce = "abc"
    html = Page(form).html
    assert 'src="https://www.google.com/recaptcha/api.js?hl=en" nonce="abc"' in html
    assert 'data-sitekey="public"' in html
    assert "captcha_token" not in html


@pytest.mark.django_db
def test_google_answer_serves_once(google):
    asked = google(PERSON)
    assert SignUp(GOOGLE_ANSWER).is_valid()
    assert asked == [("03AFcWeA-x_y", "private", "")]
    assert not SignUp(GOOGLE_ANSWER).is_valid()


@pytest.mark.django_db
def test_google_answer_gives_a_pass(google):
    google(PERSON)
    proof = passed(SignUp(GOOGLE_ANSWER | {"remember": ""}))
    assert SignUp({"remember": "on", "captcha_pass": proof}).is_valid()


def test_robot_by_google_is_refused_and_asked_again(google):
    google(recaptcha_client.RecaptchaResponse(is_valid=False, error_codes=["timeout-or-duplicate"]))
    form = SignUp(GOOGLE_ANSWER)
    assert form.errors == {"captcha": ["Confirm that you are not a robot."]}
    assert "g-recaptcha" in Page(form).html


@pytest.mark.parametrize("nonsense", ["\ud800", "a b", "x" * 9000, "ك", "\x00"])
def test_nonsense_never_reaches_google(google, nonsense):
    asked = google(PERSON)
    assert SignUp(GOOGLE_ANSWER | {"g-recaptcha-response": nonsense}).errors
    assert not asked
    assert not recaptcha.google.is_away


@pytest.mark.django_db
@pytest.mark.parametrize(
    "verdict",
    [
        URLError("no route"),
        TimeoutError(),
        ConnectionResetError(),
        ValueError("no JSON"),
        KeyError("success"),
        TypeError(),
        recaptcha_client.RecaptchaResponse(is_valid=False, error_codes=["invalid-input-secret"]),
    ],
)
def test_local_check_takes_the_place_of_an_absent_google(google, verdict):
    asked = google(verdict)
    form = SignUp(GOOGLE_ANSWER)
    assert form.errors == {
        "captcha": ["Google's check cannot be reached. Confirm here instead that you are not a robot."]
    }
    page = Page(form)
    assert "g-recaptcha" not in page.html
    assert SignUp(tick(page)).is_valid()
    # For a minute nobody waits for Google, and nobody is let in without a check.
    assert "g-recaptcha" not in Page(SignUp()).html
    assert not SignUp(GOOGLE_ANSWER).is_valid()
    assert len(asked) == 1


def test_google_is_asked_again_after_a_minute(google):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        google(URLError("no route"))
        assert not SignUp(GOOGLE_ANSWER).is_valid()
        recaptcha.google.breaker.away_until -= recaptcha.PAUSE + 1
        clock.shift(61)
        assert "g-recaptcha" in Page(SignUp()).html


def test_google_that_trickles_is_left_after_three_seconds(google, monkeypatch):
    monkeypatch.setattr(recaptcha, "WAIT", 0.1)
    google(lambda: time.sleep(1))
    started = time.monotonic()
    assert not SignUp(GOOGLE_ANSWER).is_valid()
    assert time.monotonic() - started < 0.8
    assert recaptcha.google.is_away


@pytest.mark.django_db
def test_who_cannot_load_google_gets_the_local_check(google):
    asked = google(PERSON)
    form = SignUp({"remember": "on"})
    assert form.errors == {"captcha": ["Confirm that you are not a robot."]}
    assert SignUp(tick(Page(form))).is_valid()
    assert not asked


# --- On the pages -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_wrong_visual_code_is_said_in_arabic_before_the_password_is_read(client):
    page = sign_in(client, NAME, "Sunlit-Wadi7", captcha="00000")
    assert "رمز التحقق المرئي غير صحيح" in page.content.decode()
    assert not SpentToken.objects.exists()


@pytest.mark.django_db
def test_code_is_not_asked_twice_for_a_wrong_password(client):
    page = sign_in(client, NAME, "Wrong-Password7")
    assert hidden(page, "captcha_pass")
    assert not hidden(page, "captcha_token")
    again = {"login": NAME, "password": "Wrong-Again7", "captcha_pass": hidden(page, "captcha_pass")}
    assert hidden(client.post(url("account_login"), again), "captcha_pass") == hidden(page, "captcha_pass")


def test_spending_without_a_pass_is_nothing():
    field = VisualCodeField(form="login")
    field.spend()
    with pytest.raises(ValidationError):
        field.clean(field.widget.value_from_datadict({}, {}, "captcha"))


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["ar", "en"])
def test_each_opening_of_the_sign_in_page_shows_a_token_of_its_own(client, language):
    pages = [client.get(url("account_login", language=language)) for _ in range(3)]
    tokens = [hidden(page, "captcha_token") for page in pages]
    assert len(set(tokens)) == len(pages)
    for page, token in zip(pages, tokens, strict=True):
        text = page.content.decode()
        # The picture, its sound, and the token that comes back.
        assert text.count(token) == 3
        assert "{token}" not in text
        assert not any(other in text for other in tokens if other != token)
        assert client.get(url("account_captcha_picture", token, language=language)).status_code == 200
    labels = {"ar": "كلمة المرور", "en": "Password"}
    assert [word for word in labels.values() if f">{word}<" in text] == [labels[language]]


@pytest.mark.django_db
def test_kept_fields_are_those_that_the_form_renders(client, rf):
    for _ in range(2):
        page = client.get(url("account_login", language="en")).content.decode()
        with translation.override("en"):
            form = SignInForm(request=rf.get("/"))
            for name in ("login", "password", "remember"):
                assert form[name].as_field_group() in page


@pytest.mark.django_db
def test_what_somebody_typed_is_kept_for_nobody_else(client):
    refused = sign_in(client, "typed@example.com", captcha="00000", language="en").content.decode()
    assert 'value="typed@example.com"' in refused
    assert 'class="err"' in refused
    fresh = client.get(url("account_login", language="en")).content.decode()
    assert "typed@example.com" not in fresh
    assert 'class="err"' not in fresh


def test_robot_check_is_never_kept(rf):
    """Google's check names the nonce of one page."""
    shown = []
    for _ in range(2):
        form = SignUp()
        form.fields["captcha"].request = rf.get("/")
        shown.append(hidden(HttpResponse(field(form["captcha"])), "captcha_token"))
    assert len(set(shown)) == len(shown)
    assert not [key for key in empty_fields if key[0] is SignUp]
