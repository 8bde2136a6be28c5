"""What the history of an account says of each act of this app. Sentences speak to the owner."""

from django.utils.translation import gettext_lazy as _

from accounts.events import register_events

register_events(
    {
        "claim.made": _("Linking of a member file asked for."),
        "claim.failed": _("Linking of a member file refused: the details did not match."),
        "claim.tied": _("Member file linked to your account."),
        "claim.refused": _("Request to link a member file refused."),
        "claim.objected": _("Request to link a member file stopped by an objection."),
        "request.submitted": _("Update request sent."),
        "request.applied": _("Contact details updated at once."),
        "request.withdrawn": _("Update request withdrawn."),
        "request.approved": _("Update request approved."),
        "request.returned": _("Update request returned for changes."),
        "request.rejected": _("Update request rejected."),
        "request.closed": _("Update request closed because nobody answered."),
        "file.uploaded": _("File attached to an update request."),
        "file.deleted": _("File deleted."),
        "record.viewed": _("Your member record was viewed."),
        "record.exported": _("Data of your member record was exported, in a list of members or requests."),
        "registry.import_begun": _("Import of the registry begun."),
        "registry.imported": _("Registry imported."),
    }
)
