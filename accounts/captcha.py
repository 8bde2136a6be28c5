"""The captcha fields: the visual code of sign-in, and «I am not a robot».

Nothing is stored when a form is shown: the challenge is an encrypted token in the form. A right answer
is spent at once; a form that then has other errors carries a *pass*, so that nobody proves it twice.
"""

import hashlib
import hmac
import secrets
from typing import NamedTuple

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts import limits
from accounts.captcha_tokens import (
    LIFETIMES,
    PUZZLE_BITS,
    ExpiredTokenError,
    is_puzzle_solved,
    make_token,
    read_token,
    read_token_of,
    solve_puzzle,
    spend_token,
)
from accounts.metrics import CAPTCHA_FALLBACKS
from accounts.recaptcha import GoogleAwayError, google
from accounts.spent_tokens import spend_once
from mumaris.text import code_digits, sign_in_name

__all__ = ["RobotField", "VisualCodeField", "read_token", "solve_puzzle"]

# 0 and 1 look like letters, and no hint says that there are none.
CODE_DIGITS, CODE_LENGTH = "23456789", 5
# A tick without a script counts from this age of the form on (seconds).
PATIENCE = 3
NOT_CONFIRMED = _("Confirm that you are not a robot.")


class Answer(NamedTuple):
    """What a form posted for its captcha."""

    typed: str
    token: str
    work: str
    proof: str
    website: str
    google: str
    subject: str


class CaptchaWidget(forms.Widget):
    """Reads and shows the several inputs of one captcha; what it shows is decided by its field."""

    field: "CaptchaField"

    def value_from_datadict(self, data, files, name):
        parts = [data.get(f"{name}{end}") or "" for end in ("", "_token", "_work", "_pass", "_website")]
        return Answer(*parts, data.get("g-recaptcha-response") or "", data.get(self.field.bound_to) or "")

    def value_omitted_from_data(self, data, files, name):
        return False

    def get_context(self, name, value, attrs):
        context = super().get_context(name, None, attrs)
        context["widget"] |= {"field": self.field, "bits": PUZZLE_BITS[self.field.role]}
        return context


class VisualCodeWidget(CaptchaWidget):
    template_name = "forms/captcha_visual.html"

    def __init__(self):
        super().__init__(
            {
                "class": "input",
                "dir": "ltr",
                "inputmode": "numeric",
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        )

    @property
    def use_fieldset(self):
        # Once verified there is no input that a label could name.
        return bool(self.field.proof)


class RobotWidget(CaptchaWidget):
    template_name = "forms/captcha_robot.html"

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        if self.field.asks_google:
            nonce = str(getattr(self.field.request, "csp_nonce", ""))
            context["widget"] |= {"site_key": settings.RECAPTCHA_PUBLIC_KEY, "language": get_language(), "nonce": nonce}
        return context


class CaptchaField(forms.Field):
    """One captcha of one form. The form sets ``request``, and calls ``spend()`` once all else is right.

    ``bound_to`` names the posted field whose value a pass is good for.
    """

    role: str
    # Whether two visitors would see the same but for the token, so that what is shown may be kept ({% field %}).
    differs_by_token_alone = False

    def __init__(self, *, form: str, bound_to: str = "", **kwargs):
        super().__init__(**kwargs)
        self.form, self.bound_to = form, bound_to
        self.request = self.bound = None
        # The challenge to show, the pass to carry instead of it, and what spend() still has to spend.
        self._token = self.proof = ""
        self._unspent = None
        self.widget.field = self

    def __deepcopy__(self, memo):
        result = super().__deepcopy__(memo)
        result.widget.field = result
        return result

    def get_bound_field(self, form, field_name):
        self.bound = super().get_bound_field(form, field_name)
        return self.bound

    @property
    def token(self) -> str:
        """The challenge shown, made when it is first shown."""
        self._token = self._token or self.make_challenge()
        return self._token

    def make_challenge(self) -> str:
        return make_token(self.role, self.form)

    def clean(self, answer: Answer) -> bool:
        """Check the answer or the pass. Raises ValidationError; 0 SQL for a wrong answer, 1 for a right one."""
        subject = hashlib.sha256(sign_in_name(answer.subject[:300]).encode(errors="replace")).hexdigest()
        if not self._accept_pass(answer.proof, subject):
            self.verify(answer)
            self.proof = make_token("pass", self.form, subject=subject)
        if self.bound:
            self.bound.help_text = ""
        return True

    def _accept_pass(self, proof: str, subject: str) -> bool:
        try:
            payload = read_token_of(self.form, "pass", proof)
        except ValueError:
            return False
        if payload["subject"] == subject:
            self.proof, self._unspent = proof, payload
        return bool(self.proof)

    def spend(self) -> None:
        """Spend the pass that stood for an answer in this post. Raises ValidationError when it has served before."""
        if self._unspent and not spend_token(self._unspent):
            self.proof, self._unspent = "", None
            if self.bound:
                self.bound.help_text = self.help_text
            raise ValidationError({self.bound.name if self.bound else "captcha": self.refusal("spent")})
        self._unspent = None

    def verify(self, answer: Answer) -> None:
        """Check and spend an answer. Raises ValidationError."""
        raise NotImplementedError

    def refusal(self, code: str) -> ValidationError:
        return ValidationError(self.error_messages[code], code=code)


class VisualCodeField(CaptchaField):
    """رمز التحقق المرئي: five digits seen, heard, or, with a script, replaced by a hash puzzle (WCAG 3.3.8)."""

    role = "visual"
    differs_by_token_alone = True
    widget = VisualCodeWidget
    default_error_messages = {
        "required": _("Enter the visual code."),
        "wrong": _("The visual code is wrong. Type the digits in the new picture."),
        "spent": _("The code expired. Use the new picture."),
    }

    def __init__(self, **kwargs):
        kwargs.setdefault("label", _("Visual code"))
        kwargs.setdefault("help_text", _("Type the five digits shown in the picture."))
        super().__init__(**kwargs)

    def make_challenge(self) -> str:
        digits = "".join(secrets.choice(CODE_DIGITS) for _ in range(CODE_LENGTH))
        return make_token(self.role, self.form, digits=digits)

    def verify(self, answer: Answer) -> None:
        typed = code_digits(answer.typed[:100])
        if not typed and not answer.work:
            raise self.refusal("required")
        try:
            payload = read_token_of(self.form, self.role, answer.token)
        except ExpiredTokenError:
            raise self.refusal("spent") from None
        except ValueError:
            raise self.refusal("wrong") from None
        is_read = hmac.compare_digest(typed.encode(errors="replace"), payload["digits"].encode())
        if not is_read and not is_puzzle_solved(self.role, answer.token, answer.work):
            raise self.refusal("wrong")
        if not spend_token(payload):
            raise self.refusal("spent")


class RobotField(CaptchaField):
    """«أنا لست برنامج روبوت»: Google's check when its keys are set and it answers, else our own."""

    role = "robot"
    widget = RobotWidget
    default_error_messages = {
        "required": NOT_CONFIRMED,
        "spent": NOT_CONFIRMED,
        "away": _("Google's check cannot be reached. Confirm here instead that you are not a robot."),
    }

    def __init__(self, **kwargs):
        # Its label stands beside the box, in the widget.
        kwargs.setdefault("label", "")
        super().__init__(**kwargs)
        self.is_local = False

    @property
    def asks_google(self) -> bool:
        return settings.RECAPTCHA_ON and not self.is_local and not google.is_away

    def verify(self, answer: Answer) -> None:
        # A page that showed our own check is judged by it, whichever process shows or judges it.
        if settings.RECAPTCHA_ON and not answer.token:
            self._verify_google(answer.google)
        else:
            self._verify_tick(answer)

    def _verify_google(self, response: str) -> None:
        if google.is_away or not response:
            # No answer, because the visitor's network, browser or blocker keeps Google away.
            self._stand_in()
            raise self.refusal("away" if google.is_away else "required")
        try:
            is_person = google.confirms(response)
        except GoogleAwayError:
            self._stand_in()
            raise self.refusal("away") from None
        if not is_person or not spend_once(f"google {response}", LIFETIMES["robot"]):
            raise self.refusal("required")

    def _stand_in(self) -> None:
        """Let our own check take the place of Google's."""
        self.is_local = True
        CAPTCHA_FALLBACKS.inc()

    def _verify_tick(self, answer: Answer) -> None:
        self.is_local = True
        try:
            payload = read_token_of(self.form, self.role, answer.token)
        except ValueError:
            raise self.refusal("required") from None
        # Shown again after an error, the form keeps its token: its clock runs on.
        self._token = answer.token
        if not answer.typed or answer.website:
            raise self.refusal("required")
        if not is_puzzle_solved(self.role, answer.token, answer.work) and not self._trusts_bare_tick(payload):
            raise self.refusal("required")
        if not spend_token(payload):
            self._token = ""
            raise self.refusal("spent")

    def _trusts_bare_tick(self, payload: dict) -> bool:
        return payload["age"] >= PATIENCE and limits.count_ip("captcha_tick", self.request)
