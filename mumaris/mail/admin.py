from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from mumaris.admin import KindFilter, ReadOnlyAdmin
from mumaris.mail.kinds import list_kinds
from mumaris.mail.models import Outbox
from mumaris.text import canonical_address


class MailKindFilter(KindFilter):
    title = _("kind of mail")
    list_kinds = staticmethod(list_kinds)


@admin.register(Outbox)
class OutboxAdmin(ReadOnlyAdmin):
    """State, times and error class of each mail; its content is shown to nobody."""

    list_display = ["recipient", "named", "lane", "state", "attempts", "error", "created_at", "next_at", "finished_at"]
    list_filter = ["state", "lane", MailKindFilter]
    searched = {"recipient": canonical_address}
    ordering = ["-created_at"]
    fields = readonly_fields = [*list_display, "number", "language"]

    @admin.display(description=_("kind of mail"), ordering="kind")
    def named(self, row):
        return list_kinds().get(row.kind, row.kind)

    @admin.display(description=_("number of the mail"))
    def number(self, row):
        return row.pk
