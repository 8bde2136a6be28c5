"""What the history of an account says of each act of this app. Sentences speak to the owner."""

from django.utils.translation import gettext_lazy as _

from accounts.events import register_events

register_events(
    {
        "sign_in.done": _("Signed in."),
        "sign_in.failed": _("Sign-in refused: the password was wrong."),
        "sign_out.done": _("Signed out."),
        "identity.proved": _("Identity confirmed again."),
        "case.asked": _("Support asked for a change of this account on behalf of its owner."),
        "case.confirmed": _("What support had asked for was confirmed by a second member of staff and done."),
        "case.refused": _("What support had asked for was refused."),
        "account.merged": _("Two accounts of one person were made one."),
        "export.done": _("Data exported by staff."),
    }
)
