"""What a reviewer writes on a claim."""

from django import forms
from django.utils.translation import gettext_lazy as _

from profiles.fields import LineField

REASON_LENGTH = 500


class RefusalForm(forms.Form):
    reason = LineField(
        label=_("Reason for refusal"),
        max_length=REASON_LENGTH,
        error_messages={"required": _("Write a reason the applicant will see.")},
    )
