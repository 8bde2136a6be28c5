"""The forms of the second step: what is typed or answered by a browser, counted before it is checked."""

import json

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts import second_step, second_step_tries
from accounts.second_step import WrongProof
from mumaris.forms import CodeField, TextWidget
from mumaris.text import clean_line, code_digits, line_fault

WRONG_CODE = _("The code is wrong or was used already. Wait for the next code in the app, then enter that one.")
WRONG_PASSKEY = _("The passkey was not accepted. Try again.")
WRONG_RECOVERY_CODE = _("The recovery code is wrong or was used already. Enter another one, or use a passkey.")
RECOVERY_CODE_LENGTH = 8


class AppCodeField(CodeField):
    """Six digits of an app."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.label = _("Code of the app")
        self.help_text = _("The app shows 6 digits, and new ones every 30 seconds.")
        self.error_messages["required"] = _("Enter the code that the app shows.")


class ProofCodeField(AppCodeField):
    """Six digits of an app, or the eight of a recovery code."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.label = _("Verification code")
        self.help_text = _("6 digits of your authenticator app, or 8 digits of a recovery code.")
        self.error_messages["required"] = _("Enter the verification code.")

    def to_python(self, value):
        typed = code_digits((value or "")[:200])
        return typed if len(typed) == RECOVERY_CODE_LENGTH else super().to_python(value)

    def validate(self, value):
        if not value and not self.required:
            return
        forms.CharField.validate(self, value)
        if len(value) not in {self.LENGTH, RECOVERY_CODE_LENGTH} or not value.isascii() or not value.isdigit():
            refusal = _("Enter the 6 digits of the app, or the 8 digits of a recovery code.")
            raise ValidationError(refusal, code="invalid")


class CredentialField(forms.CharField):
    """What a browser answers for a passkey, as JSON; filled in by static/js/passkey.js."""

    widget = forms.HiddenInput
    MAX = 16_000

    def to_python(self, value):
        value = super().to_python(value)
        if not value:
            return None
        try:
            if len(value) > self.MAX:
                raise ValueError("longer than any passkey's answer")
            return json.loads(value)
        except (ValueError, RecursionError):
            # As wrong as any other answer, and counted like it.
            return "unreadable"


class ProofForm(forms.Form):
    """A code, or the answer of a passkey: afterwards ``factor`` is what has proved ``user``."""

    code = ProofCodeField()
    credential = CredentialField(required=False)
    factor = None

    def __init__(self, *args, user, request, purpose, **kwargs):
        super().__init__(*args, **kwargs)
        self.user, self.request, self.purpose = user, request, purpose
        if self.data.get("credential"):
            self.fields["code"].required = False

    def clean(self):
        cleaned = super().clean()
        if self.errors:
            return cleaned
        second_step_tries.count_try(self.request, self.user)
        try:
            self.factor = self.prove(cleaned)
        except WrongProof:
            if cleaned["credential"]:
                raise ValidationError(WRONG_PASSKEY, code="wrong") from None
            self.add_error("code", ValidationError(self.wrong_code, code="wrong"))
        return cleaned

    @property
    def wrong_code(self) -> str:
        return WRONG_CODE if second_step.factors_of(self.user).totp else WRONG_RECOVERY_CODE

    def ask_for_recovery_code(self) -> None:
        """Speak to somebody who has passkeys and no app: of codes there are the recovery codes alone."""
        code = self.fields["code"]
        code.label, code.help_text = _("Recovery code"), _("8 digits of a recovery code, if you cannot use a passkey.")

    def prove(self, cleaned):
        if cleaned["credential"]:
            credential = cleaned["credential"]
            return second_step.prove_by_passkey(user=self.user, credential=credential, purpose=self.purpose)
        return second_step.prove_by_code(user=self.user, code=cleaned["code"])


class AppForm(forms.Form):
    """The first code of a new app."""

    code = AppCodeField()


class PasskeyNameForm(forms.Form):
    name = forms.CharField(
        label=_("Name of the passkey"),
        help_text=_("Such as the device that holds it: phone, work computer."),
        max_length=60,
        error_messages={"required": _("Give the passkey a name."), "max_length": _("Use at most 60 characters.")},
        widget=TextWidget(dir="auto", autocomplete="off"),
    )

    def clean_name(self):
        name = clean_line(self.cleaned_data["name"])
        if line_fault(name):
            raise ValidationError(_("Use letters and numbers in the name."), code="letters")
        return name


class PasskeyForm(PasskeyNameForm):
    """A new passkey with its name."""

    credential = CredentialField(required=False)

    def clean(self):
        cleaned = super().clean()
        if not cleaned["credential"]:
            raise ValidationError(WRONG_PASSKEY, code="wrong")
        return cleaned
