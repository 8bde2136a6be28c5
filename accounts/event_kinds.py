"""What the history of an account says of each act of this app. Sentences speak to the owner."""

from django.utils.translation import gettext_lazy as _

from accounts.events import register_events

register_events(
    {
        "registration.done": _("Account created."),
        "sign_in.done": _("Signed in."),
        "sign_in.failed": _("Sign-in refused: the password was wrong."),
        "sign_out.done": _("Signed out."),
        "session.ended": _("A device was signed out."),
        "sessions.ended": _("All other devices were signed out."),
        "sign_in.disowned": _("You told us that a sign-in was not yours. All devices were signed out."),
        "device.added": _("Signed in from a new device."),
        "device.revoked": _("Removed a known device."),
        "identity.proved": _("Identity confirmed again."),
        "mfa.totp_added": _("Authenticator app added."),
        "mfa.totp_removed": _("Authenticator app removed."),
        "mfa.passkey_added": _("Passkey added."),
        "mfa.passkey_removed": _("Passkey removed."),
        "mfa.codes_made": _("New recovery codes made."),
        "mfa.code_used": _("A recovery code was used."),
        "mfa.failed": _("Second step of signing in refused."),
        "password.changed": _("Password changed."),
        "reset.asked": _("A link to reset the password was asked for and sent to your email address."),
        "reset.sent": _("The Commission sent you a link to reset the password."),
        "reset.done": _("New password chosen with the link from your email."),
        "code.exhausted": _("A verification code was entered wrongly too often and refused."),
        "email_change.asked": _("Change of the email address asked for."),
        "email_change.cancelled": _("Change of the email address cancelled."),
        "email_change.stopped": _("Change of the email address stopped with the link sent to the former address."),
        "email.changed": _("Email address changed."),
        "email.restored": _("Former email address brought back with the link sent to it."),
        "language.changed": _("Language of messages changed."),
        "consent.given": _("Consent given."),
        "consent.withdrawn": _("Consent withdrawn."),
        "data.downloaded": _("Copy of your data downloaded."),
        "erasure.asked": _("Erasure of the account asked for."),
        "erasure.cancelled": _("Request to erase the account cancelled."),
        "erasure.done": _("Account erased at your request."),
        "erasure.refused": _("Request to erase the account refused."),
        "rights.changed": _("Rights of the account changed."),
        "account.disabled": _("Account disabled."),
        "account.enabled": _("Account enabled."),
        "access.refused": _("Access to an administration page refused."),
        "purge.done": _("Data deleted after its time."),
    }
)
