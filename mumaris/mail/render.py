"""Writes a mail at sending time, in the recipient's stored language: text and HTML of the same words."""

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, SafeMIMEMultipart
from django.template.loader import render_to_string
from django.utils import translation

from mumaris.keys import box
from mumaris.mail.kinds import Kind, Letter
from mumaris.mail.models import Outbox


class SealedMessage(EmailMessage):
    """A message that a library handed over rendered, as it lay sealed in its row."""

    def __init__(self, row: Outbox):
        super().__init__(to=[row.recipient])
        self.content = box("mail").decrypt(bytes(row.sealed_message))

    def message(self, **kwargs) -> "SealedMessage":
        return self

    def as_bytes(self, linesep: str = "\n", **kwargs) -> bytes:
        return linesep.encode().join(self.content.splitlines())


class WrittenMessage(EmailMultiAlternatives):
    """A message that brings the mark between its parts: Python else reads both through for one that is free."""

    mark: str

    def message(self) -> SafeMIMEMultipart:
        message = super().message()
        message.set_boundary(self.mark)
        return message


def render_message(row: Outbox, kind: Kind) -> EmailMessage | None:
    """Return the message of a row, or None when it is no longer needed."""
    if row.sealed_message is not None:
        return SealedMessage(row)
    with translation.override(kind.language(row) or row.language):
        letter = kind.write(row)
        return letter and compose(row, letter)


def compose(row: Outbox, letter: Letter) -> WrittenMessage:
    """Return the multipart message of a letter in the active language."""
    language = translation.get_language()
    context = {
        "letter": letter,
        "language": language,
        "direction": "rtl" if language == "ar" else "ltr",
        "start": "right" if language == "ar" else "left",
        "base_url": settings.BASE_URL,
        "contact": settings.CONTACT,
    }
    message = WrittenMessage(
        subject=letter.subject,
        body=render_to_string("mail/letter.txt", context).strip() + "\n",
        to=[row.recipient],
        headers={
            "Message-ID": f"<{row.id}@{settings.PUBLIC_HOST}>",
            "Content-Language": language,
            "Auto-Submitted": "auto-generated",
        },
    )
    message.mark = f"=={row.id.hex}=="
    message.attach_alternative(render_to_string("mail/letter.html", context), "text/html")
    return message
