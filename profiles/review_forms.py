"""What a reviewer writes: remarks field by field, or one reason. Both are read by the applicant."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from profiles.fields import LineField
from profiles.member_fields import in_order, label_of
from profiles.models import UpdateRequest

REMARK_LENGTH, REASON_LENGTH = 300, 500
PREFIX = "remark_"


class RemarksForm(forms.Form):
    """One optional remark for each asked field; at least one is needed to return a request."""

    def __init__(self, *args, request: UpdateRequest, **kwargs):
        super().__init__(*args, **kwargs)
        for field, _old in in_order(request.old_values):
            label = _("Remark on: %(field)s") % {"field": label_of(field)}
            self.fields[PREFIX + field] = LineField(label=label, max_length=REMARK_LENGTH, required=False)

    def clean(self):
        cleaned = super().clean()
        if not self.errors and not any(cleaned.values()):
            raise ValidationError(_("Write a remark beside each field that the applicant must correct."), code="empty")
        return cleaned

    def remarks(self) -> dict[str, str]:
        """Return field → remark, of the fields that have one."""
        return {name.removeprefix(PREFIX): text for name, text in self.cleaned_data.items() if text}


class ReasonForm(forms.Form):
    reason = LineField(
        label=_("Reason for rejection"),
        max_length=REASON_LENGTH,
        error_messages={"required": _("Write a reason the applicant will see.")},
    )
