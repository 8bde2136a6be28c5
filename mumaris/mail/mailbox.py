"""The mailbox of a local run: mail goes to the console and to a page at ``/mailbox/``, and nowhere else."""

import uuid
from email import message_from_bytes, policy
from pathlib import Path

from csp.constants import NONE
from csp.decorators import csp_replace
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.mail.backends.console import EmailBackend as ConsoleBackend
from django.http import Http404, HttpResponse
from django.shortcuts import render

KEPT = 50


def mailbox_folder() -> Path:
    folder = settings.VAR_DIR / "mailbox"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class MailboxBackend(ConsoleBackend):
    """Prints each message and keeps it as a file for the mailbox page."""

    def write_message(self, message):
        self.stream.write(f"To: {', '.join(message.to)}\nSubject: {message.subject}\n\n{message.body}\n{'-' * 79}\n")
        content = message.message().as_bytes()
        # A library's mail brings no id of ours.
        name = message.extra_headers.get("Message-ID", f"<{uuid.uuid4()}>").strip("<>").partition("@")[0]
        (mailbox_folder() / f"{name}.eml").write_bytes(content)


@login_not_required
def list_mails(request):
    """Show the newest mails of this machine, newest first."""
    files = sorted(mailbox_folder().glob("*.eml"), key=lambda file: file.stat().st_mtime, reverse=True)[:KEPT]
    return render(request, "mailbox.html", {"mails": [read_mail(file) for file in files]})


@csp_replace({"default-src": [NONE], "style-src": ["'unsafe-inline'"]})
@login_not_required
def show_html(request, name: str):
    """Show the HTML part as a mail client would. Its inline styles need a policy of their own."""
    file = mailbox_folder() / f"{name}.eml"
    if not file.is_file():
        raise Http404
    return HttpResponse(read_mail(file)["html"])


def read_mail(file: Path) -> dict:
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return {
        "name": file.stem,
        "to": message["To"],
        "subject": message["Subject"],
        "text": text.get_content() if text else "",
        "html": html.get_content() if html else "",
    }
