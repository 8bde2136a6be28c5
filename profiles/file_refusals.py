"""Why a file is refused, each reason as one sentence in both languages."""

from django.utils.translation import gettext_lazy as _

MESSAGES = {
    "empty": _("The file is empty. Choose another one."),
    "too_big": _("Choose a file of at most 5 MB."),
    "wrong_type": _("Choose a JPEG, PNG or PDF file."),
    "wrong_type_photo": _("Choose a JPEG or PNG photo."),
    "type_mismatch": _("The file is not of the type that its name says. Choose the original file."),
    "broken": _("The file is damaged or incomplete. Save or scan it again, then choose the new file."),
    "too_many_pixels": _("The picture is too large. Choose one of at most 25 million pixels."),
    "pdf_locked": _("The PDF file is protected with a password. Choose a copy without protection."),
    "pdf_pages": _("Choose a PDF file of at most 50 pages."),
    "pdf_form": _("The PDF file holds an interactive form. Print it to a new PDF file, then choose that one."),
    "pdf_heavy": _("The PDF file is too complex to check. Print it to a new PDF file, then choose that one."),
    "busy": _("Too many files are being checked at the moment. Send the form again in a minute."),
    "store_away": _("We cannot save files at the moment. Send the form again in a few minutes."),
    # Conditions of the photo.
    "photo_ratio": _("The photo must be of size 4×6. Crop it so that its height is one and a half times its width."),
    "photo_too_small": _("Choose a larger photo, at least 400 pixels wide and 600 high."),
    "photo_too_large": _("Choose a smaller photo, at most 4000 pixels wide and 6000 high."),
    # Hints: the photo is taken, and the reviewer may ask for another one.
    "photo_dark_background": _("The background of the photo looks dark. Prefer a photo on a bright background."),
    "photo_uneven_background": _("The background of the photo is not plain. Prefer a photo on a plain background."),
}


class RefusedFile(Exception):
    """The file is not taken in; ``code`` is a key of MESSAGES, ``sentence`` what the person reads."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code

    @property
    def sentence(self) -> str:
        return MESSAGES[self.code]
