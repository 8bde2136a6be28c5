"""The words of every mail about a request to erase an account. None greets by name: the name may be gone."""

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.mails import language_of, page_url
from accounts.models import ErasureRequest
from mumaris.mail.kinds import Kind, Letter, register
from mumaris.mail.models import Lane, Outbox
from mumaris.text import format_moment


def erasure_of(row: Outbox) -> ErasureRequest:
    return ErasureRequest.objects.get(pk=row.references["erasure"])


def tell_moment(moment) -> str:
    return _("%(moment)s (Riyadh time)") % {"moment": format_moment(moment)}


def write_asked(row: Outbox) -> Letter | None:
    """Confirm the request; nothing when it has ended meanwhile."""
    erasure = erasure_of(row)
    if erasure.state != ErasureRequest.State.ASKED:
        return None
    return Letter(
        subject=_("We received your request to erase your account"),
        title=_("Erasure of your account"),
        paragraphs=[
            _("We received your request to erase your Mumaris Plus account. The Commission decides within 30 days."),
            _("You can cancel the request on the page below until it is decided."),
        ],
        facts=[(_("Time of the request"), tell_moment(erasure.asked_at)), (_("Until"), tell_moment(erasure.due_at))],
        button=(_("Privacy and my data"), page_url("account_privacy")),
        warning=(
            _("Did you not ask for this?"),
            _("Cancel the request and change your password at once, then call %(phone)s.")
            % {"phone": settings.CONTACT["phone"]},
        ),
    )


def write_cancelled(row: Outbox) -> Letter:
    return Letter(
        subject=_("You cancelled the request to erase your account"),
        title=_("Erasure of your account"),
        paragraphs=[_("The request to erase your account was cancelled. Your account stays as it is.")],
        facts=[(_("Time"), tell_moment(erasure_of(row).decided_at))],
        warning=(
            _("Did you not cancel it?"),
            _("Change your password at once, then call %(phone)s.") % {"phone": settings.CONTACT["phone"]},
        ),
    )


def write_done(row: Outbox) -> Letter:
    kept = _(
        "Your account was closed: your name, your email address, your consents and your sessions are erased, and "
        "nobody can sign in to it. Your file in the registry of practitioners stays, because the law asks the "
        "Commission to keep it."
    )
    gone = _("Your account was deleted, with your name, your email address, your consents and your sessions.")
    return Letter(
        subject=_("Your account was erased"),
        title=_("Erasure of your account"),
        paragraphs=[
            kept if row.references["is_kept"] else gone,
            _("The history of the account stays under its number, without your name, for 24 months."),
        ],
        facts=[(_("Time"), tell_moment(erasure_of(row).decided_at))],
        small=[_("This is the last message to this address about that account.")],
    )


def write_refused(row: Outbox) -> Letter:
    erasure = erasure_of(row)
    return Letter(
        subject=_("Your request to erase your account was refused"),
        title=_("Erasure of your account"),
        paragraphs=[
            _("Your request to erase your account was refused, and your account stays as it is."),
            _("Reason for refusal: %(reason)s") % {"reason": erasure.reason},
            _("You may complain to the Saudi Data and Artificial Intelligence Authority."),
        ],
        facts=[(_("Time"), tell_moment(erasure.decided_at))],
        button=(_("Privacy and my data"), page_url("account_privacy")),
    )


for name, lane, write in (
    ("erasure_asked", Lane.SECURITY, write_asked),
    ("erasure_cancelled", Lane.SECURITY, write_cancelled),
    ("erasure_done", Lane.DECISION, write_done),
    ("erasure_refused", Lane.DECISION, write_refused),
):
    register(Kind(name=name, lane=lane, write=write, language=language_of))
