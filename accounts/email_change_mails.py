"""The words of every mail about a change of address. Which one the new address gets is decided here."""

from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from accounts import challenges
from accounts.email_change import CHANGED_MAIL, CODE_MAIL, UNDONE_MAIL, WARNING_MAIL
from accounts.mail_owners import language_of_owner, user_of
from accounts.mails import (
    end_challenge,
    find_user,
    greet,
    keeping_change,
    language_of,
    open_challenge_of,
    page_url,
    requested_at,
    say_code_lifetime,
    start_clock,
    undo_button,
    write_address_kept,
)
from accounts.models import Challenge, EmailChange
from mumaris.mail.kinds import Kind, Letter, register
from mumaris.mail.models import Lane, Outbox
from mumaris.text import format_moment


def language_at_new_address(row: Outbox) -> str:
    """Return the language of whoever has an account with the new address, or else of the user who asks for it."""
    return language_of(row) or language_of_owner(row)


def change_of(row: Outbox) -> EmailChange | None:
    return EmailChange.objects.filter(pk=row.references["change"]).first()


def write_email_change_code(row: Outbox) -> Letter | None:
    challenge = open_challenge_of(row)
    wished = EmailChange.objects.open().filter(pk=row.references["change"], new_address=row.recipient)
    if challenge is None or not wished.exists():
        return None
    if find_user(row.recipient):
        return write_address_in_use(row)
    kept = keeping_change(row.recipient)
    if kept and kept.user_id != row.references["user"]:
        return write_address_kept(row, kept)
    return write_new_address_code(row, challenge)


def write_new_address_code(row: Outbox, challenge: Challenge) -> Letter:
    # No name, and nothing that was typed: the mailbox is not proved yet.
    code = challenges.derive_code(challenge)
    return Letter(
        subject=_("Your Mumaris Plus code: %(code)s") % {"code": code},
        title=_("Confirm your new email address"),
        paragraphs=[_("Enter this code on the page where you asked to change the email address of your account.")],
        code=code,
        small=[say_code_lifetime(challenge)],
        facts=[(_("Closed the page? Come back to it"), page_url("account_email_code")), requested_at(row)],
        warning=(
            _("Not you?"),
            _("Ignore this message: no address is changed without the code. Do not share the code with anyone."),
        ),
    )


def write_address_in_use(row: Outbox) -> Letter:
    return Letter(
        subject=_("Someone tried to use your email address"),
        title=_("Your address stays with your account"),
        paragraphs=[
            _(
                "Someone tried to change the email address of another account to yours. You already have an account "
                "with it, so this was not allowed."
            ),
            _("Was it you, with a second account? Sign in to the account that has this address."),
        ],
        button=(_("Sign in"), page_url("account_login")),
        facts=[requested_at(row)],
        warning=(_("Not you?"), _("Ignore this message: your account has not changed.")),
    )


def write_email_change_warning(row: Outbox) -> Letter | None:
    change = change_of(row)
    if change is None or change.undone_at:
        return None
    return Letter(
        subject=_("A change of your email address was requested"),
        title=_("A change of your email address was requested"),
        greeting=greet(user_of(row)),
        paragraphs=[
            _("Someone who knows your password asked to change the email address of your Mumaris Plus account."),
            _("Your current address stays in use until the new one is confirmed."),
        ],
        button=undo_button(change),
        facts=[(_("New email address"), change.new_address), requested_at(row)],
        small=[say_undo_lifetime(change)],
        warning=(_("Was it you?"), _("Then you need not do anything with this message.")),
    )


def say_undo_lifetime(change: EmailChange) -> str:
    return _("The link works once, until %(moment)s.") % {"moment": format_moment(change.undo_until)}


def write_email_changed(row: Outbox) -> Letter | None:
    change = change_of(row)
    if change is None or change.undone_at:
        return None
    is_old = row.recipient == change.old_address
    return Letter(
        subject=_("Your email address was changed"),
        title=_("Your email address was changed"),
        greeting=greet(user_of(row)),
        paragraphs=[
            _("Your Mumaris Plus account has a new email address. Sign in with it from now on."),
            _("You were signed out of other devices."),
        ],
        button=undo_button(change) if is_old else None,
        facts=[(_("New email address"), change.new_address), (_("Time of the change"), requested_at(row)[1])],
        small=[say_undo_lifetime(change)] if is_old else [],
        warning=(
            _("Was the change not yours?"),
            _("Call %(phone)s.") % {"phone": settings.CONTACT["phone"]},
        ),
    )


def write_email_change_undone(row: Outbox) -> Letter:
    return Letter(
        subject=_("The change of your email address was undone"),
        title=_("The change of your email address was undone"),
        greeting=greet(user_of(row)),
        paragraphs=[
            _("Your Mumaris Plus account has its former email address again. This was asked for from that mailbox."),
            _("All devices were signed out, and the password has to be chosen anew."),
        ],
        facts=[requested_at(row)],
        warning=(
            _("Was it not you who asked for it?"),
            _("Call %(phone)s.") % {"phone": settings.CONTACT["phone"]},
        ),
    )


register(
    Kind(
        name=CODE_MAIL,
        lane=Lane.CODE,
        write=write_email_change_code,
        language=language_at_new_address,
        accepted=start_clock,
        failed=end_challenge,
        give_up_after=timedelta(hours=2),
    )
)
for name, write in {
    WARNING_MAIL: write_email_change_warning,
    CHANGED_MAIL: write_email_changed,
    UNDONE_MAIL: write_email_change_undone,
}.items():
    register(Kind(name=name, lane=Lane.SECURITY, write=write, language=language_of_owner))
