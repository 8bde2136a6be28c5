"""The words of the notice that follows every change of the second step."""

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.mail_owners import language_of_owner, user_of
from accounts.mails import greet, page_url, requested_at
from accounts.second_step import CHANGED_MAIL
from mumaris.mail.kinds import Kind, Letter, register
from mumaris.mail.models import Lane, Outbox

# Notices of something that signs nobody out.
CHANGES_NOTHING = {"code_used", "passkey_copied", "locked"}


def say_change(what: str) -> tuple[str, str]:
    """Return the subject and the sentence for a change."""
    return {
        "totp_added": (
            _("An authenticator app was added to your account"),
            _("Signing in to your Mumaris Plus account now asks for a code of this app."),
        ),
        "totp_removed": (
            _("The authenticator app was removed from your account"),
            _("Signing in to your Mumaris Plus account no longer asks for a code of the app."),
        ),
        "passkey_added": (
            _("A passkey was added to your account"),
            _("Whoever holds this passkey can sign in to your Mumaris Plus account with it."),
        ),
        "passkey_removed": (
            _("A passkey was removed from your account"),
            _("Nobody can sign in to your Mumaris Plus account with it any more."),
        ),
        "codes_made": (
            _("New recovery codes were made for your account"),
            _("The recovery codes that you had before no longer work."),
        ),
        "code_used": (
            _("A recovery code of your account was used"),
            _("A recovery code was used in place of your app or passkey. It does not work again."),
        ),
        "passkey_copied": (
            _("A passkey of your account was refused"),
            _("A copy of this passkey may be in use. Remove the passkey from your account and add a new one."),
        ),
        "locked": (
            _("Wrong codes were entered for your account"),
            _(
                "Somebody who knows your password entered wrong verification codes too often. "
                "The second step is locked for a while."
            ),
        ),
    }[what]


def write_second_step_changed(row: Outbox) -> Letter:
    user, what = user_of(row), row.references["what"]
    subject, sentence = say_change(what)
    signed_out = [] if what in CHANGES_NOTHING else [_("You were signed out of other devices.")]
    return Letter(
        subject=subject,
        title=subject,
        greeting=greet(user),
        paragraphs=[sentence, *signed_out],
        facts=[(_("Time") if what in CHANGES_NOTHING else _("Time of the change"), requested_at(row)[1])],
        button=(_("Choose a new password"), page_url("account_reset_password")),
        warning=(
            _("Was it not you?"),
            _("Choose a new password at once, then call %(phone)s.") % {"phone": settings.CONTACT["phone"]},
        ),
    )


register(Kind(name=CHANGED_MAIL, lane=Lane.SECURITY, write=write_second_step_changed, language=language_of_owner))
