"""The form fields of member data. Each refuses in one sentence whatever is no value of its kind."""

import unicodedata
from functools import lru_cache

from django import forms
from django.core.exceptions import ValidationError
from django.utils.choices import normalize_choices
from django.utils.translation import gettext_lazy as _

from mumaris import text
from mumaris.forms import MAX_TYPED, LineField, NameField, TextWidget
from profiles.birth_date import BirthDateField
from profiles.dates import TypedDate
from profiles.identity import (
    IQAMA,
    NATIONAL_ID,
    PASSPORT,
    clean_identity_number,
    clean_membership_number,
    guess_identity_kind,
    identity_fault,
    membership_fault,
)
from profiles.mobiles import clean_mobile, format_mobile

__all__ = [
    "ArabicNameField",
    "BirthDateField",
    "IdentityNumberField",
    "LatinNameField",
    "LineField",
    "MembershipNumberField",
    "MobileField",
    "SelectField",
    "TypedDate",
    "format_mobile",
    "refuse_identity_fault",
]

# --- Numbers ------------------------------------------------------------------------------------------


class NumberField(forms.CharField):
    """A number in any digits and spacing. No maxlength: browsers would cut a pasted one."""

    def __init__(self, *, inputmode: str = "numeric", autocomplete: str = "off", **kwargs):
        widget = TextWidget(
            dir="ltr", inputmode=inputmode, autocomplete=autocomplete, autocapitalize="none", spellcheck="false"
        )
        super().__init__(widget=widget, **kwargs)


class MobileField(NumberField):
    """A mobile number, kept in E.164."""

    default_error_messages = {
        "required": _("Enter your mobile number."),
        "invalid": _("Enter a mobile number that starts with 05 or +966."),
    }

    def __init__(self, **kwargs):
        kwargs.setdefault("label", _("Mobile number"))
        kwargs.setdefault("help_text", _("For example, 0501234567."))
        super().__init__(inputmode="tel", autocomplete="tel", **kwargs)

    def to_python(self, value):
        value = super().to_python(value)
        if is_blank(value):
            return ""
        try:
            return clean_mobile(value)
        except ValueError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class MembershipNumberField(NumberField):
    default_error_messages = {
        "required": _("Enter your membership number."),
        "digits": _("The membership number has digits only."),
        "form": _("This is not a membership number of the Commission. Check it."),
    }

    def __init__(self, **kwargs):
        kwargs.setdefault("label", _("Membership number"))
        super().__init__(**kwargs)

    def to_python(self, value):
        return clean_membership_number(super().to_python(value))

    def validate(self, value):
        super().validate(value)
        if value and (fault := membership_fault(value)):
            raise ValidationError(self.error_messages[fault], code=fault)


class IdentityNumberField(NumberField):
    """The number of a document of ``kind``; without it, of whichever kind the number looks like.

    A form with a field for the kind leaves it out here, and calls ``refuse_identity_fault`` in its ``clean``.
    """

    default_error_messages = {"required": _("Enter the number of your national ID, Iqama or passport.")}

    def __init__(self, *, kind: str = "", **kwargs):
        kwargs.setdefault("label", _("Identity number"))
        super().__init__(inputmode="text", **kwargs)
        self.kind = kind

    def to_python(self, value):
        return clean_identity_number(super().to_python(value))

    def validate(self, value):
        super().validate(value)
        if not value:
            return
        kind = self.kind or guess_identity_kind(value)
        if kind == PASSPORT and not self.kind and identity_fault(kind, value):
            raise ValidationError(self.error_messages["required"], code="invalid")
        refuse_identity_fault(kind, value)


TEN_DIGITS = {
    NATIONAL_ID: _("A national ID number has 10 digits and starts with 1."),
    IQAMA: _("An Iqama number has 10 digits and starts with 2."),
}


def refuse_identity_fault(kind: str, number: str) -> None:
    """Raise ValidationError, which says in words why a cleaned number cannot be of this kind of document."""
    if not (fault := identity_fault(kind, number)):
        return
    sentences = {
        "kind": _("Choose the kind of identity document."),
        "passport": _("A passport number has 5 to 20 English letters and digits."),
        "check_digit": _("One digit of this number is wrong. Compare it with your document."),
    }
    raise ValidationError(sentences.get(fault) or TEN_DIGITS[kind], code=fault)


def is_blank(value: str) -> bool:
    """Tell whether nothing but spaces, dashes and invisible marks was typed."""
    return len(value) <= MAX_TYPED and not text.code_digits(value)


# --- Names --------------------------------------------------------------------------------------------


class FullNameField(NameField):
    """The whole name of a person in one script, two words at least."""

    MAX = 120
    script: str

    def __init__(self, **kwargs):
        super().__init__(**{"max_length": self.MAX, "autocomplete": "name"} | kwargs)

    def validate(self, value):
        super().validate(value)
        if not value:
            return
        if not all(is_of_script(c, self.script) for c in set(value) if c.isalpha()):
            raise ValidationError(self.error_messages["script"], code="script")
        if sum(any(c.isalpha() and c != text.TATWEEL for c in word) for word in value.split()) < 2:
            raise ValidationError(_("Enter at least two names: the first name and the family name."), code="one_word")


class ArabicNameField(FullNameField):
    script = "ARABIC"
    default_error_messages = {
        "required": _("Enter the full name in Arabic letters."),
        "script": _("Write this name in Arabic letters."),
    }

    def __init__(self, **kwargs):
        kwargs.setdefault("label", _("Full name in Arabic"))
        super().__init__(**kwargs)
        self.widget.attrs["lang"] = "ar"

    def to_python(self, value):
        # A PDF holds the shapes of letters, which only look like the letters that people type.
        return text.clean_line(unicodedata.normalize("NFKC", super().to_python(value)))


class LatinNameField(FullNameField):
    script = "LATIN"
    default_error_messages = {
        "required": _("Enter the full name in English letters."),
        "script": _("Write this name in English letters."),
    }

    def __init__(self, **kwargs):
        kwargs.setdefault("label", _("Full name in English"))
        super().__init__(**kwargs)
        self.widget.attrs |= {"lang": "en", "spellcheck": "false"}


@lru_cache(4096)
def is_of_script(letter: str, script: str) -> bool:
    """Tell whether a letter is Arabic or Latin; apostrophes among the letters belong to both."""
    return unicodedata.name(letter, "").startswith((script, "MODIFIER LETTER"))


# --- Lines and lists ----------------------------------------------------------------------------------


class SelectField(forms.ChoiceField):
    """One value of a list, with nothing chosen beforehand. ``choices`` may be a callable."""

    CHOOSE = _("Choose from the list.")
    default_error_messages = {"required": CHOOSE, "invalid_choice": CHOOSE}

    def __init__(self, *, choices, **kwargs):
        kwargs.setdefault("widget", forms.Select({"class": "input"}))
        super().__init__(choices=lambda: [("", _("Choose")), *normalize_choices(choices)], **kwargs)
