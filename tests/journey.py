"""What a person does on the site, step by step: for tests through pages and mail."""

import re
from html import unescape

from django.urls import reverse
from django.utils import translation

from accounts.captcha import read_token
from mumaris.mail.delivery import deliver_rows
from mumaris.mail.models import Outbox
from mumaris.text import code_digits

PASSWORD = "Sunlit-Wadi7"
NEW_PASSWORD = "Quiet+Harbour5"


def url(name: str, *args, language: str = "ar") -> str:
    with translation.override(language):
        return reverse(name, args=args)


def hidden(response, name: str) -> str:
    """Return the value of a hidden input of the page."""
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', response.content.decode())
    return unescape(found[1]) if found else ""


def visual_code(response) -> str:
    """Return the digits of the page's visual code, as somebody who sees the picture would."""
    return read_token(hidden(response, "captcha_token"))["digits"]


def answer_visual_code(response) -> dict:
    return {"captcha_token": hidden(response, "captcha_token"), "captcha": visual_code(response)}


def tick_robot(response, clock=None) -> dict:
    """Return the fields of a ticked «I am not a robot», proved as the page's script does."""
    from accounts.captcha import solve_puzzle

    token = hidden(response, "captcha_token")
    return {"captcha": "on", "captcha_token": token, "captcha_work": solve_puzzle(token)}


def accept_declaration(client, language: str = "ar"):
    return client.post(url("account_declaration", language=language), {"declaration": "on"})


def registration_fields(email: str = "nora@example.com", **changes) -> dict:
    return {
        "first_name": "نورة",
        "last_name": "العتيبي",
        "email": email,
        "email2": email,
        "password1": PASSWORD,
        "password2": PASSWORD,
        "terms": "on",
    } | changes


def register(client, email: str = "nora@example.com", language: str = "ar", **changes):
    """Accept the declaration, fill the form in, post it; return the answer."""
    accept_declaration(client, language)
    signup = url("account_signup", language=language)
    fields = registration_fields(email, **changes) | tick_robot(client.get(signup))
    return client.post(signup, fields)


def type_code(client, code: str, language: str = "ar"):
    return client.post(
        url("account_email_verification_sent", language=language), {"action": "verify", "code": code}, follow=True
    )


def sign_in(client, login: str, password: str = PASSWORD, language: str = "ar", headers=None, **changes):
    page = client.get(url("account_login", language=language))
    fields = {"login": login, "password": password} | answer_visual_code(page) | changes
    return client.post(url("account_login", language=language), fields, headers=headers)


def ask_reset(client, email: str, language: str = "ar"):
    forgot = url("account_reset_password", language=language)
    return client.post(forgot, {"email": email} | tick_robot(client.get(forgot)))


def deliver() -> int:
    """Send what waits, as the sweeper does."""
    return deliver_rows(limit=500)


def mails_to(smtp, address: str) -> list:
    return [message for message in smtp.messages if message.rcpt_tos == [address]]


def text_of(message) -> str:
    return message.get_body(("plain",)).get_content().replace("\r\n", "\n")


def subject_of(message) -> str:
    # A long header is folded right after its name.
    return message["Subject"].strip()


def code_in(message) -> str:
    return re.search(r"^\d{6}$", text_of(message), re.MULTILINE)[0]


def link_in(message) -> str:
    """Return the path of the link in a mail."""
    return re.search(r"https?://[^/\s]+(/\S*password/reset/key/\S+)", text_of(message))[1]


def not_me_link_in(message) -> str:
    """Return the path of the «this was not me» link in a mail about a new device."""
    return re.search(r"https?://[^/\s]+(/\S*accounts/sessions/not-me/\S+)", text_of(message))[1]


def undo_link_in(message) -> str:
    """Return the path of the «this was not me» link in a mail."""
    return re.search(r"https?://[^/\s]+(/\S*accounts/email/undo/\S+)", text_of(message))[1]


def objection_link_in(message) -> str:
    """Return the path of the link that stops a claim."""
    return re.search(r"https?://[^/\s]+(/\S*claim/objection/\S+)", text_of(message))[1]


def waiting(kind: str | None = None) -> int:
    rows = Outbox.objects.waiting()
    return rows.filter(kind=kind).count() if kind else rows.count()


def in_arabic_digits(digits: str) -> str:
    return code_digits(digits).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
