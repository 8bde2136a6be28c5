"""The form field of an uploaded file: what comes out of it has been cleaned and may be kept."""

from typing import Literal

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from profiles.files import MESSAGES, RefusedFile, clean_upload, photo_faults

# Extensions too: some phones know files by these only, and turn their own format into JPEG when they see one.
PICTURES = ".jpg,.jpeg,.png,image/jpeg,image/png"
KINDS = {
    "evidence": {
        "accept": f"{PICTURES},.pdf,application/pdf",
        "label": _("Evidence"),
        "help_text": _("A JPEG, PNG or PDF file of at most 5 MB."),
        "required": _("Choose the evidence."),
    },
    "photo": {
        "accept": PICTURES,
        "label": _("Photo"),
        "help_text": _(
            "A JPEG or PNG file of at most 5 MB. The photo is of size 4×6, at least 400 pixels wide and 600 high, "
            "on a plain bright background."
        ),
        "required": _("Choose the photo."),
    },
}


class UploadWidget(forms.FileInput):
    """A file input with the class of the design; browsers write its button in their own language."""

    template_name = "forms/input.html"

    def __init__(self, accept: str):
        super().__init__({"class": "input", "accept": accept})


class UploadField(forms.FileField):
    """A file as ``clean_upload`` returns it: the cleaned value is a CleanFile, or None where none was chosen.

    The form must be sent as ``multipart/form-data`` (``form.is_multipart``).
    """

    def __init__(self, *, kind: Literal["evidence", "photo"], **kwargs):
        self.kind = kind
        texts = KINDS[kind]
        kwargs.setdefault("label", texts["label"])
        kwargs.setdefault("help_text", texts["help_text"])
        errors = {
            "required": texts["required"],
            # The form came without its files: it was not sent as multipart.
            "invalid": texts["required"],
            "empty": MESSAGES["empty"],
            **kwargs.pop("error_messages", {}),
        }
        super().__init__(widget=UploadWidget(texts["accept"]), error_messages=errors, **kwargs)

    def to_python(self, data):
        uploaded = super().to_python(data)
        if uploaded is None:
            return None
        try:
            clean = clean_upload(uploaded, kind=self.kind)
        except RefusedFile as error:
            raise ValidationError(error.sentence, code=error.code) from error
        finally:
            uploaded.close()
        if self.kind == "photo" and (codes := photo_faults(clean)):
            raise ValidationError([ValidationError(MESSAGES[code], code=code) for code in codes])
        return clean
