"""What the history of an account says of each act of this app. Sentences speak to the owner."""

from django.utils.translation import gettext_lazy as _

from accounts.events import register_events

register_events(
    {
        "sign_in.done": _("Signed in."),
        "sign_in.failed": _("Sign-in refused: the password was wrong."),
        "sign_out.done": _("Signed out."),
        "session.ended": _("A device was signed out."),
        "sessions.ended": _("All other devices were signed out."),
        "identity.proved": _("Identity confirmed again."),
        "mfa.totp_added": _("Authenticator app added."),
        "mfa.totp_removed": _("Authenticator app removed."),
        "mfa.passkey_added": _("Passkey added."),
        "mfa.passkey_removed": _("Passkey removed."),
        "mfa.codes_made": _("New recovery codes made."),
        "mfa.code_used": _("A recovery code was used."),
        "mfa.failed": _("Second step of signing in refused."),
    }
)
