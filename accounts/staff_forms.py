"""What staff write when they ask for a case or close a double account."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import StaffCase
from accounts.models.cases import REASON_LENGTH
from accounts.password_reset import find_user
from mumaris.forms import AddressField, LineField


class ReasonForm(forms.Form):
    reason = LineField(
        label=_("How you made sure who is asking, and why"),
        max_length=REASON_LENGTH,
        error_messages={"required": _("Write how you made sure who is asking, and why.")},
    )


class EmailCaseForm(ReasonForm):
    new_address = AddressField(
        label=_("New email address"),
        autocomplete="off",
        error_messages={"required": _("Enter the new email address.")},
    )
    field_order = ["new_address", "reason"]


class DoubleAccountForm(ReasonForm):
    kept = AddressField(
        label=_("Email address of the account that stays"),
        autocomplete="off",
        error_messages={"required": _("Enter the email address of the account that stays.")},
    )
    field_order = ["kept", "reason"]

    def clean_kept(self):
        user = find_user(self.cleaned_data["kept"])
        if user is None:
            raise ValidationError(_("No account has this email address."), code="unknown")
        return user


CASE_FORMS = {StaffCase.Kind.CHANGE_EMAIL: EmailCaseForm, StaffCase.Kind.CLEAR_MFA: ReasonForm}
