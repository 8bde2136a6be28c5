"""Form renderer and the fields every form is built of: each byte from outside passes one of these."""

import re

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.forms.renderers import TemplatesSetting
from django.utils.translation import gettext_lazy as _

from mumaris import text

# Normalising sorts the marks on one letter, which costs the square of their number (64,000: 2 s, measured).
# Nothing longer than this is normalised; no field takes as much.
MAX_TYPED = 1000


class FieldRenderer(TemplatesSetting):
    """Renders every field through the one markup in ``templates/forms/field.html``."""

    field_template_name = "forms/field.html"


class TextWidget(forms.TextInput):
    """A text input with the class and attributes of the design, in one template instead of Django's three."""

    template_name = "forms/input.html"

    def __init__(self, **attrs):
        super().__init__({"class": "input", **attrs})


class PasswordWidget(forms.PasswordInput):
    template_name = "forms/password.html"

    def __init__(self, autocomplete: str, **attrs):
        super().__init__(
            {
                "class": "input",
                "dir": "ltr",
                "autocomplete": autocomplete,
                "autocapitalize": "none",
                "spellcheck": "false",
                **attrs,
            }
        )


class NameField(forms.CharField):
    """A person's name in any script: letters, their marks, spaces, hyphens and apostrophes."""

    def __init__(self, *, autocomplete: str, max_length: int, **kwargs):
        widget = TextWidget(dir="auto", autocomplete=autocomplete)
        super().__init__(max_length=max_length, widget=widget, **kwargs)

    def to_python(self, value):
        value = super().to_python(value)
        if len(value) > MAX_TYPED:
            MaxLengthValidator(self.max_length)(value)
        return text.clean_line(value)

    def validate(self, value):
        super().validate(value)
        if value and (fault := text.name_fault(value)):
            raise ValidationError(NAME_FAULTS[fault], code=fault)


NAME_FAULTS = {
    "bidi": _("The name holds hidden direction characters. Type it again instead of pasting it."),
    "marks": _("The name holds too many accents on one letter. Type it again."),
    "letters": _("Use letters, spaces and hyphens only."),
}


class AddressField(forms.CharField):
    """An e-mail address, cleaned to the one spelling under which it is stored."""

    def __init__(self, *, autocomplete: str = "email", **kwargs):
        kwargs.setdefault("label", _("Email address"))
        kwargs.setdefault("error_messages", {"required": _("Enter your email address.")})
        widget = TextWidget(dir="ltr", autocomplete=autocomplete, autocapitalize="none", spellcheck="false")
        widget.input_type = "email"
        super().__init__(widget=widget, **kwargs)

    def to_python(self, value):
        value = super().to_python(value)
        if value in self.empty_values:
            return value
        try:
            if len(value) > MAX_TYPED:
                raise ValueError("longer than any address")
            return text.canonical_address(value)
        except ValueError as error:
            raise ValidationError(_("Enter a valid email address, like name@example.com."), code="invalid") from error


class CodeField(forms.CharField):
    """A six-digit code in any digits, with any spaces, dashes and invisible marks."""

    LENGTH = 6

    def __init__(self, **kwargs):
        widget = TextWidget(dir="ltr", inputmode="numeric", autocomplete="one-time-code", spellcheck="false")
        widget.attrs["class"] = "input code"
        super().__init__(
            label=_("Verification code"),
            help_text=_("For example, 482915. You can paste it."),
            error_messages={"required": _("Enter the verification code.")},
            widget=widget,
            **kwargs,
        )

    def to_python(self, value):
        typed = text.code_digits(super().to_python(value)[:200])
        # Somebody pasted the whole subject of the mail: the one code in it is meant.
        runs = re.findall(rf"(?<![0-9])[0-9]{{{self.LENGTH}}}(?![0-9])", typed)
        return runs[0] if len(runs) == 1 else typed

    def validate(self, value):
        super().validate(value)
        if len(value) != self.LENGTH or not value.isascii() or not value.isdigit():
            raise ValidationError(_("The code must be 6 digits."), code="invalid")


class PasswordField(forms.CharField):
    """A password exactly as typed: spaces, any Unicode, never trimmed."""

    # Far above the rule's 128, so that the rule's own sentence answers; only bounds the work.
    MAX = 4096

    def __init__(self, *, autocomplete: str, **kwargs):
        kwargs.setdefault("error_messages", {"required": _("Enter your password.")})
        super().__init__(strip=False, widget=PasswordWidget(autocomplete), **kwargs)

    def validate(self, value):
        super().validate(value)
        if len(value) > self.MAX:
            raise ValidationError(_("Use at most 128 characters."), code="max_length")


class TickField(forms.BooleanField):
    """A tick box; ``refusal`` is what the form says when it must be ticked and is not."""

    widget = forms.CheckboxInput

    def __init__(self, *, label, refusal=None, **kwargs):
        super().__init__(
            label=label, required=refusal is not None, error_messages={"required": refusal} if refusal else {}, **kwargs
        )


class LineField(forms.CharField):
    """One line of text in any script, shown as it is typed: a city, an address, a place of work."""

    default_error_messages = {
        "bidi": _("The text holds hidden direction characters. Type it again instead of pasting it."),
        "marks": _("The text holds too many accents on one letter. Type it again."),
        "hidden": _("The text holds a character that cannot be shown. Type it again instead of pasting it."),
        "letters": _("Use letters or numbers."),
    }

    def __init__(self, *, max_length: int = 120, autocomplete: str = "off", **kwargs):
        super().__init__(max_length=max_length, widget=TextWidget(dir="auto", autocomplete=autocomplete), **kwargs)

    def to_python(self, value):
        value = super().to_python(value)
        if len(value) > MAX_TYPED:
            MaxLengthValidator(self.max_length)(value)
        return text.clean_line(value)

    def validate(self, value):
        super().validate(value)
        if value and (fault := text.line_fault(value)):
            raise ValidationError(self.error_messages[fault], code=fault)
