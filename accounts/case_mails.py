"""The words of every mail about a case: to the owner's addresses, and to the one that was asked for."""

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.cases import ASKED_MAIL, CONFIRMED_MAIL, REFUSED_MAIL
from accounts.email_change_mails import say_undo_lifetime
from accounts.mail_owners import language_of_owner, user_of
from accounts.mails import greet, page_url, requested_at, undo_button
from accounts.models import StaffCase
from mumaris.mail.kinds import Kind, Letter, register
from mumaris.mail.models import Lane, Outbox


def case_of(row: Outbox) -> StaffCase | None:
    return StaffCase.objects.select_related("change").filter(pk=row.references["case"]).first()


def write_case(row: Outbox) -> Letter | None:
    """Choose the letter by what was asked for and whom it reaches; nothing once the owner has stopped it."""
    case = case_of(row)
    if case is None or (case.change and case.change.undone_at):
        return None
    if row.kind == ASKED_MAIL and case.state != StaffCase.State.ASKED:
        return None
    if case.kind == StaffCase.Kind.CLEAR_MFA:
        return MFA_LETTERS[row.kind](row)
    if row.recipient == case.new_address:
        return NEW_ADDRESS_LETTERS[row.kind](row)
    return OLD_ADDRESS_LETTERS[row.kind](row, case)


def call_us() -> tuple[str, str]:
    return _("Was it not you who asked for it?"), _("Call %(phone)s.") % {"phone": settings.CONTACT["phone"]}


def asked_at(row: Outbox) -> list[tuple[str, str]]:
    return [requested_at(row)]


# --- A lost mailbox: to the old address -----------------------------------------------------------


def write_change_asked(row: Outbox, case: StaffCase) -> Letter:
    title = _("A change of your email address was requested through support")
    return Letter(
        subject=title,
        title=title,
        greeting=greet(user_of(row)),
        paragraphs=[
            _("Someone told our support that they can no longer read this mailbox, and asked for another address."),
            _("Nothing has changed yet: a second member of our staff decides. If it was not you, stop the change now."),
        ],
        button=case.change and undo_button(case.change),
        facts=[(_("New email address"), case.new_address), *asked_at(row)],
        small=[say_undo_lifetime(case.change)] if case.change else [],
        warning=(_("Was it you?"), _("Then you need not do anything with this message.")),
    )


def write_change_confirmed(row: Outbox, case: StaffCase) -> Letter:
    title = _("Our support changed your email address")
    return Letter(
        subject=title,
        title=title,
        greeting=greet(user_of(row)),
        paragraphs=[
            _("Your Mumaris Plus account has a new email address, as was asked for. All devices were signed out."),
            _("If it was not you, bring your address back now."),
        ],
        button=case.change and undo_button(case.change),
        facts=[(_("New email address"), case.new_address), (_("Time of the change"), requested_at(row)[1])],
        small=[say_undo_lifetime(case.change)] if case.change else [],
        warning=call_us(),
    )


def write_change_refused(row: Outbox, case: StaffCase) -> Letter:
    title = _("The change of your email address was refused")
    return Letter(
        subject=title,
        title=title,
        greeting=greet(user_of(row)),
        paragraphs=[_("Our staff refused the change that was asked for. Your account keeps its email address.")],
        facts=[(_("New email address"), case.new_address), *asked_at(row)],
        warning=call_us(),
    )


# --- A lost mailbox: to the new address, which nobody has proved: no name -------------------------


def write_new_address_asked(row: Outbox) -> Letter:
    title = _("Your request to change the email address")
    return Letter(
        subject=title,
        title=title,
        paragraphs=[
            _("Our support was asked to give a Mumaris Plus account this email address."),
            _("A second member of our staff decides. You will get a message then."),
        ],
        facts=asked_at(row),
        warning=(_("Not you?"), _("Ignore this message.")),
    )


def write_new_address_confirmed(row: Outbox) -> Letter:
    title = _("This is now the email address of your account")
    return Letter(
        subject=title,
        title=title,
        paragraphs=[
            _("Your Mumaris Plus account has this email address from now on. All devices were signed out."),
            _("Choose a new password with it, so that we know that you read this mailbox."),
        ],
        button=(_("Choose a new password"), page_url("account_reset_password")),
        facts=[(_("Time of the change"), requested_at(row)[1])],
        warning=call_us(),
    )


def write_new_address_refused(row: Outbox) -> Letter:
    title = _("The change of your email address was refused")
    return Letter(
        subject=title,
        title=title,
        paragraphs=[
            _("Our staff refused to give a Mumaris Plus account this email address. To learn why, call %(phone)s.")
            % {"phone": settings.CONTACT["phone"]},
        ],
        facts=asked_at(row),
        warning=(_("Not you?"), _("Ignore this message.")),
    )


# --- A lost second step ---------------------------------------------------------------------------


def write_mfa_asked(row: Outbox) -> Letter:
    title = _("Removal of your two-step sign-in was requested through support")
    return Letter(
        subject=title,
        title=title,
        greeting=greet(user_of(row)),
        paragraphs=[
            _("Someone told our support that the device for your two-step sign-in is lost."),
            _("Nothing has changed yet: a second member of our staff decides. If it was not you, call us now."),
        ],
        facts=asked_at(row),
        warning=call_us(),
    )


def write_mfa_confirmed(row: Outbox) -> Letter:
    title = _("Your two-step sign-in was removed")
    return Letter(
        subject=title,
        title=title,
        greeting=greet(user_of(row)),
        paragraphs=[
            _("Our staff removed two-step sign-in from your account, as was asked for."),
            _("All devices were signed out. Sign in with your password and add two-step sign-in again."),
        ],
        button=(_("Sign in"), page_url("account_login")),
        facts=[(_("Time of the change"), requested_at(row)[1])],
        warning=call_us(),
    )


def write_mfa_refused(row: Outbox) -> Letter:
    title = _("Your two-step sign-in stays")
    return Letter(
        subject=title,
        title=title,
        greeting=greet(user_of(row)),
        paragraphs=[_("Our staff refused to remove two-step sign-in from your account. Nothing has changed.")],
        facts=asked_at(row),
        warning=call_us(),
    )


OLD_ADDRESS_LETTERS = {
    ASKED_MAIL: write_change_asked,
    CONFIRMED_MAIL: write_change_confirmed,
    REFUSED_MAIL: write_change_refused,
}
NEW_ADDRESS_LETTERS = {
    ASKED_MAIL: write_new_address_asked,
    CONFIRMED_MAIL: write_new_address_confirmed,
    REFUSED_MAIL: write_new_address_refused,
}
MFA_LETTERS = {ASKED_MAIL: write_mfa_asked, CONFIRMED_MAIL: write_mfa_confirmed, REFUSED_MAIL: write_mfa_refused}
for name in (ASKED_MAIL, CONFIRMED_MAIL, REFUSED_MAIL):
    register(Kind(name=name, lane=Lane.SECURITY, write=write_case, language=language_of_owner))
