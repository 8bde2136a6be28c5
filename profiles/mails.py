"""The words of every mail about member data, written at sending time in the recipient's language."""

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.mail_owners import user_of
from accounts.mails import greet, language_of, page_url, requested_at
from mumaris.mail.kinds import Kind, Letter, register
from mumaris.mail.models import Lane, Outbox
from mumaris.text import format_moment
from profiles.claims import objection_token, start_wait
from profiles.member_fields import in_order, label_of
from profiles.models import Claim, RequestStep, UpdateRequest


def step_of(row: Outbox) -> RequestStep:
    return RequestStep.objects.select_related("request__requested_by", "request__member").get(pk=row.references["step"])


def request_letter(step: RequestStep, *, subject: str, paragraphs: list[str], small: list[str] | None = None) -> Letter:
    """Return a letter about a request: its reference, what it asks for, and where to follow it."""
    request = step.request
    fields = [label_of(field) for field, _old in in_order(request.old_values or request.new_values)]
    return Letter(
        subject=subject % {"reference": request.reference},
        title=_("Update member data"),
        greeting=greet(request.requested_by),
        paragraphs=paragraphs,
        facts=[
            (_("Reference number"), request.reference),
            (_("Data"), _(", ").join(fields)),
            (_("Time"), _("%(moment)s (Riyadh time)") % {"moment": format_moment(step.at)}),
        ],
        button=(_("View the request"), page_url("update_request", request.reference)),
        small=small or [],
        warning=(
            _("Did you not ask for this?"),
            _("Change your password at once, then call %(phone)s.") % {"phone": settings.CONTACT["phone"]},
        ),
    )


def write_submitted(row: Outbox) -> Letter:
    return request_letter(
        step_of(row),
        subject=_("We received your request %(reference)s"),
        paragraphs=[
            _("We received your request to update your data. A reviewer looks at it within 3 working days."),
            _("Your data stays as it is until the request is approved."),
        ],
    )


def write_approved(row: Outbox) -> Letter:
    step = step_of(row)
    if step.request.reason == UpdateRequest.AUTOMATIC:
        text = _("Your contact details were updated as you asked. They needed no review.")
    else:
        text = _("Your request was approved, and your data is updated.")
    return request_letter(step, subject=_("Your request %(reference)s was approved"), paragraphs=[text])


def write_returned(row: Outbox) -> Letter | None:
    """Name each field with the reviewer's remark; nothing when the request has been answered meanwhile."""
    step = step_of(row)
    if step.request.state != UpdateRequest.State.RETURNED:
        return None
    remarks = [f"{label_of(field)}: {remark}" for field, remark in in_order(step.remarks)]
    return request_letter(
        step,
        subject=_("Your request %(reference)s was returned for changes"),
        paragraphs=[
            _("A reviewer returned your request. Correct what is named here, then send it again:"),
            *remarks,
            say_when_closed(),
        ],
    )


def say_when_closed() -> str:
    days = settings.RETURNED_CLOSE_DAYS
    return ngettext(
        "A request that is not sent again within %(days)s day is closed.",
        "A request that is not sent again within %(days)s days is closed.",
        days,
    ) % {"days": days}


def write_rejected(row: Outbox) -> Letter:
    step = step_of(row)
    return request_letter(
        step,
        subject=_("Your request %(reference)s was rejected"),
        paragraphs=[
            _("Your request was rejected, and your data stays as it is."),
            _("Reason for rejection: %(reason)s") % {"reason": step.note},
        ],
    )


def write_withdrawn(row: Outbox) -> Letter:
    return request_letter(
        step_of(row),
        subject=_("You withdrew your request %(reference)s"),
        paragraphs=[_("You withdrew your request, and your data stays as it is. You can send a new one at any time.")],
    )


def write_reminded(row: Outbox) -> Letter | None:
    step = step_of(row)
    if step.request.state != UpdateRequest.State.RETURNED:
        return None
    return request_letter(
        step,
        subject=_("Your request %(reference)s waits for you"),
        paragraphs=[
            _("Your request was returned for changes and has not been sent again yet."),
            say_when_closed(),
        ],
    )


def write_closed(row: Outbox) -> Letter:
    return request_letter(
        step_of(row),
        subject=_("Your request %(reference)s was closed"),
        paragraphs=[
            _("Your request was returned for changes and was not sent again in time, so it is closed."),
            _("Your data stays as it is. You can send a new request at any time."),
        ],
    )


# --- Claims -------------------------------------------------------------------------------------


def claim_of(row: Outbox) -> Claim:
    return Claim.objects.select_related("user", "member").get(pk=row.references["claim"])


def write_claim_received(row: Outbox) -> Letter:
    claim = claim_of(row)
    return Letter(
        subject=_("We received your request to link your member file"),
        title=_("Linking your member file"),
        greeting=greet(claim.user),
        paragraphs=[
            _("We received your request to link the file with your membership number to your account."),
            _("To protect the file, it is linked after the time below, or earlier when a reviewer agrees."),
        ],
        facts=[
            (_("Membership number"), claim.member.membership_number),
            (_("Linked at the latest"), _("%(moment)s (Riyadh time)") % {"moment": format_moment(claim.due_at)}),
        ],
        warning=(
            _("Did you not ask for this?"),
            _("Change your password at once, then call %(phone)s.") % {"phone": settings.CONTACT["phone"]},
        ),
    )


def write_claim_warning(row: Outbox) -> Letter | None:
    """Warn the address that the registry holds; nothing when the claim has ended meanwhile."""
    claim = claim_of(row)
    if claim.state != Claim.State.WAITING:
        return None
    return Letter(
        subject=_("Someone asked to link your member file to an account"),
        title=_("Is this you?"),
        paragraphs=[
            _("Someone who knows your membership number, identity number and birth date asked to link your file at "
              "the Commission to their Mumaris Plus account."),
            _("If it was you, you need do nothing. If it was not, stop it with the button below."),
        ],
        button=(_("It was not me: stop it"), page_url("claim_objection", objection_token(claim))),
        facts=[
            (_("Membership number"), claim.member.membership_number),
            (_("Linked at the latest"), _("%(moment)s (Riyadh time)") % {"moment": format_moment(claim.due_at)}),
            requested_at(row),
        ],
        warning=(_("Need help?"), _("Call %(phone)s.") % {"phone": settings.CONTACT["phone"]}),
    )  # fmt: skip


def claim_letter(row: Outbox, *, subject: str, paragraphs: list[str], lead_on: tuple[str, str]) -> Letter:
    claim = claim_of(row)
    return Letter(
        subject=subject,
        title=_("Linking your member file"),
        greeting=greet(claim.user),
        paragraphs=paragraphs,
        facts=[(_("Membership number"), claim.member.membership_number)],
        button=lead_on,
        warning=(
            _("Did you not ask for this?"),
            _("Change your password at once, then call %(phone)s.") % {"phone": settings.CONTACT["phone"]},
        ),
    )


def write_claim_tied(row: Outbox) -> Letter:
    return claim_letter(
        row,
        subject=_("Your member file is linked to your account"),
        paragraphs=[
            _("Your member file is linked to your account. You can update your data now."),
            _("From now on you can sign in with your membership number too."),
        ],
        lead_on=(_("My profile"), page_url("profile")),
    )


def write_file_linked(row: Outbox) -> Letter:
    """Tell the owner of a proved address that the registry's file with this address is theirs now."""
    user = user_of(row)
    return Letter(
        subject=_("Your member file is linked to your account"),
        title=_("Linking your member file"),
        greeting=greet(user),
        paragraphs=[
            _("The Commission holds a file with your email address. It is linked to your account."),
            _("From now on you can sign in with your membership number too."),
        ],
        facts=[(_("Membership number"), user.member.membership_number)],
        button=(_("My profile"), page_url("profile")),
        warning=(_("Need help?"), _("Call %(phone)s.") % {"phone": settings.CONTACT["phone"]}),
    )


def write_claim_refused(row: Outbox) -> Letter:
    reason = claim_of(row).reason
    reasons = [_("Reason: %(reason)s") % {"reason": reason}] if reason else []
    return claim_letter(
        row,
        subject=_("Your member file could not be linked"),
        paragraphs=[_("Your request to link a member file to your account was refused."), *reasons],
        lead_on=(_("Contact Mumaris Plus"), page_url("contact")),
    )


def write_claim_stopped(row: Outbox) -> Letter:
    return claim_letter(
        row,
        subject=_("Your member file could not be linked"),
        paragraphs=[
            _("The owner of the email address that the Commission holds for this file stopped your request."),
            _("If the file is yours, contact us."),
        ],
        lead_on=(_("Contact Mumaris Plus"), page_url("contact")),
    )


KINDS = {
    "update_submitted": write_submitted,
    "update_approved": write_approved,
    "update_returned": write_returned,
    "update_rejected": write_rejected,
    "update_withdrawn": write_withdrawn,
    "update_reminded": write_reminded,
    "update_closed": write_closed,
    "claim_received": write_claim_received,
    "claim_tied": write_claim_tied,
    "claim_refused": write_claim_refused,
    "claim_stopped": write_claim_stopped,
}
for name, write in KINDS.items():
    register(Kind(name=name, lane=Lane.DECISION, write=write, language=language_of))
register(Kind(name="file_linked", lane=Lane.DECISION, write=write_file_linked, language=language_of))
register(
    Kind(
        name="claim_warning",
        lane=Lane.SECURITY,
        write=write_claim_warning,
        language=language_of,
        accepted=lambda row: start_wait(row.references["claim"]),
    )
)
