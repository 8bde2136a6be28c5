"""What staff call each kind of mail about member data."""

from django.utils.translation import gettext_lazy as _

from mumaris.mail.kinds import name_kinds

name_kinds(
    {
        "update_submitted": _("Update request received"),
        "update_approved": _("Update request approved"),
        "update_returned": _("Update request returned"),
        "update_rejected": _("Update request rejected"),
        "update_withdrawn": _("Update request withdrawn"),
        "update_reminded": _("Reminder of a returned request"),
        "update_closed": _("Returned request closed"),
        "claim_received": _("Claim received"),
        "claim_warning": _("Warning of a claim"),
        "claim_tied": _("Claim done"),
        "claim_refused": _("Claim refused"),
        "claim_stopped": _("Claim stopped"),
        "file_linked": _("Member file linked by staff"),
    }
)
