"""What the history of an account says of each act of this app. Sentences speak to the owner."""

from django.utils.translation import gettext_lazy as _

from accounts.events import register_events

register_events(
    {
        "sign_in.done": _("Signed in."),
        "sign_in.failed": _("Sign-in refused: the password was wrong."),
        "sign_out.done": _("Signed out."),
        "sign_in.disowned": _("You told us that a sign-in was not yours. All devices were signed out."),
        "device.added": _("Signed in from a new device."),
        "device.revoked": _("Removed a known device."),
        "identity.proved": _("Identity confirmed again."),
    }
)
