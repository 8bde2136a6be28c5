"""The forms of the account journey: clean, normalise, refuse. What they ask for is done elsewhere."""

from types import SimpleNamespace

from allauth.account.adapter import get_adapter
from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.account.forms import ReauthenticateForm as AllauthReauthenticateForm
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.functional import lazy
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts import limits, texts
from accounts.address_hints import suggest_address
from accounts.captcha import RobotField, VisualCodeField
from accounts.models import ADDRESS_LENGTH, NAME_LENGTH
from accounts.sessions import REMEMBER
from mumaris.forms import AddressField, CodeField, NameField, PasswordField, TextWidget, TickField

# In the state of a sign-in that waits for its second step: a new password ends it.
PROVED_BY = "proved_by"
MISMATCH = _("The passwords do not match.")


# Rendered when shown, in the language of the page.
render_rules = lazy(lambda: render_to_string("forms/password_rules.html"), SafeString)


class DeclarationForm(forms.Form):
    declaration = TickField(label=texts.DECLARATION, refusal=_("Accept the declaration to continue."))


class NewPasswordFields(forms.Form):
    """Two fields for one new password, checked against the rule and the person."""

    password1 = PasswordField(autocomplete="new-password", label=_("New password"), help_text=render_rules())
    password2 = PasswordField(
        autocomplete="new-password",
        label=_("Repeat the new password"),
        error_messages={"required": _("Repeat the new password.")},
    )

    def person(self):
        """Return whom the password must not resemble."""
        return

    def clean(self):
        cleaned = super().clean()
        password = cleaned.get("password1")
        if password and cleaned.get("password2") and password != cleaned["password2"]:
            self.add_error("password2", ValidationError(MISMATCH, code="mismatch"))
        if password:
            self.check_rule(password)
        return cleaned

    def check_rule(self, password: str) -> None:
        try:
            validate_password(password, self.person())
        except ValidationError as refused:
            self.add_error("password1", refused)


def was_sent_before(form) -> bool:
    """Tell whether the only thing wrong is that the robot check has served: a second tap on the button."""
    faults = form.errors.as_data()
    return list(faults) == ["captcha"] and [fault.code for fault in faults["captcha"]] == ["spent"]


class SignupForm(NewPasswordFields):
    """Registration. Typed values stay after an error, passwords do not."""

    first_name = NameField(
        label=_("First name"),
        max_length=NAME_LENGTH,
        autocomplete="given-name",
        error_messages={"required": _("Enter your first name.")},
    )
    last_name = NameField(
        label=_("Family name"),
        max_length=NAME_LENGTH,
        autocomplete="family-name",
        error_messages={"required": _("Enter your family name.")},
    )
    email = AddressField(help_text=_("We send the verification code and notices to it."))
    email2 = AddressField(
        label=_("Confirm email address"), error_messages={"required": _("Enter your email address again.")}
    )
    captcha = RobotField(form="signup")
    terms = TickField(
        label=_("I accept the registration terms of Mumaris Plus."),
        refusal=_("Accept the registration terms to create the account."),
    )
    email_consent = TickField(label=texts.EMAIL_CONSENT)
    field_order = [
        "first_name", "last_name", "email", "email2", "password1", "password2", "captcha", "terms", "email_consent",
    ]  # fmt: skip

    def __init__(self, *args, request, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["captcha"].request = request
        self.fields["password1"].label = _("Password")
        self.fields["password2"].label = _("Confirm password")
        self.fields["password2"].error_messages["required"] = _("Enter the password again.")
        self.fields["email_consent"].mark_optional = True

    def person(self):
        known = {name: self.cleaned_data.get(name, "") for name in ("first_name", "last_name", "email")}
        return SimpleNamespace(**known, birth_date=None)

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("email") and cleaned.get("email2") and cleaned["email"] != cleaned["email2"]:
            self.add_error("email2", ValidationError(_("The email addresses do not match."), code="mismatch"))
        if not self.errors:
            self.fields["captcha"].spend()
        return cleaned

    @property
    def was_sent_before(self) -> bool:
        return was_sent_before(self)

    @property
    def email_suggestion(self) -> str:
        return suggest_address(self.cleaned_data.get("email", "")) if self.is_bound and self.errors else ""


class CodeForm(forms.Form):
    code = CodeField()


class ChangeAddressForm(forms.Form):
    email = AddressField(label=_("Email address"))


class EmailChangeForm(forms.Form):
    """The new address. Whether it has an account is no question here."""

    email = AddressField(
        label=_("New email address"),
        help_text=_("We send a verification code to it."),
        error_messages={"required": _("Enter the new email address.")},
    )

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_email(self):
        address = self.cleaned_data["email"]
        if address == self.user.email:
            raise ValidationError(_("This is your current email address. Enter another one."), code="same")
        return address


class SignInFields(forms.Form):
    """Apart from the form, whose method ``login`` would take the field's place."""

    login = forms.CharField(
        label=_("Username"),
        help_text=_("Your registered email address."),
        max_length=ADDRESS_LENGTH,
        error_messages={"required": _("Enter your username."), "max_length": _("The username or password is wrong.")},
        widget=TextWidget(dir="ltr", autocomplete="username", autocapitalize="none", spellcheck="false"),
    )
    password = PasswordField(label=_("Password"), autocomplete="current-password")
    captcha = VisualCodeField(form="login", bound_to="login")
    remember = TickField(label=_("Remember me"), help_text=_("Do not use this on a shared device."))


class SignInForm(SignInFields, AllauthLoginForm):
    """User name, password and visual code. The visual code is judged before any password is hashed."""

    field_order = ["login", "password", "captcha", "remember"]
    pending = None

    def __init__(self, *args, request=None, **kwargs):
        # Past allauth's own start, which would build the fields of its settings over ours at every request.
        super(AllauthLoginForm, self).__init__(*args, **kwargs)
        self.request = request
        self.fields["captcha"].request = request
        self.set_aside = None if asks_visual_code(request) else self.fields.pop("captcha")

    def ask_visual_code_after_failure(self) -> None:
        """Show the visual code on the page that tells of a failure, so that the next try can answer it."""
        if self.set_aside is not None and asks_visual_code(self.request):
            self.fields["captcha"] = self.set_aside

    def user_credentials(self):
        return {"email": self.cleaned_data["login"], "password": self.cleaned_data["password"]}

    def clean(self):
        try:
            cleaned = super().clean()
        except ValidationError:
            self.pending = getattr(self.request, "pending_registration", None)
            if self.pending is None:
                raise
            cleaned = self.cleaned_data
        if not self.errors and "captcha" in self.fields:
            self.fields["captcha"].spend()
        return cleaned

    def login(self, request, redirect_url=None):
        if self.pending is not None:
            # The same person in another browser: the registration moves to this one.
            request.session["visitor"] = self.pending.visitor
            text = _("Your registration is not complete yet. Enter the code that you received, or ask for it again.")
            messages.info(request, text)
            return redirect("account_email_verification_sent")
        # Read when the session starts, which may be after a second step.
        request.session[REMEMBER] = self.cleaned_data["remember"]
        self._login.state[PROVED_BY] = self.user.get_session_auth_hash()
        # Session and last sign-in in one commit.
        with transaction.atomic():
            return super().login(request, redirect_url)


def asks_visual_code(request) -> bool:
    if settings.VISUAL_CODE == "after_failures":
        return limits.recently_failed(request)
    return settings.VISUAL_CODE == "always"


class ForgotForm(forms.Form):
    email = AddressField(help_text=_("The email address registered with the Saudi Commission for Health Specialties."))
    captcha = RobotField(form="forgot")

    def __init__(self, *args, request, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["captcha"].request = request

    def clean(self):
        cleaned = super().clean()
        if not self.errors:
            self.fields["captcha"].spend()
        return cleaned

    @property
    def was_sent_before(self) -> bool:
        return was_sent_before(self)


class NewPasswordForm(NewPasswordFields):
    """The new password after a reset link."""

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.user = user

    def person(self):
        return self.user


class ChangePasswordForm(NewPasswordForm):
    """Old password, new password twice. A wrong old password counts as a failed sign-in."""

    oldpassword = PasswordField(
        autocomplete="current-password",
        label=_("Old password"),
        error_messages={"required": _("Enter your old password.")},
    )
    field_order = ["oldpassword", "password1", "password2"]

    def clean_oldpassword(self):
        typed = self.cleaned_data["oldpassword"]
        if not get_adapter().reauthenticate(self.user, typed):
            raise get_adapter().validation_error("enter_current_password")
        return typed

    def save(self):
        get_adapter().set_password(self.user, self.cleaned_data["password1"])


class ReauthenticateForm(AllauthReauthenticateForm):
    password = PasswordField(label=_("Password"), autocomplete="current-password")
