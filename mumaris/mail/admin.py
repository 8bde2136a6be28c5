from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from mumaris.admin import ReadOnlyAdmin
from mumaris.mail.kinds import list_kinds
from mumaris.mail.models import Outbox
from mumaris.text import canonical_address


class KindFilter(admin.SimpleListFilter):
    """Its choices come from the code: asking the table would read all of it."""

    title = _("kind of mail")
    parameter_name = "kind"

    def lookups(self, request, model_admin):
        return sorted(list_kinds().items(), key=lambda choice: choice[1])

    def queryset(self, request, queryset):
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Outbox)
class OutboxAdmin(ReadOnlyAdmin):
    """State, times and error class of each mail; its content is shown to nobody."""

    list_display = ["recipient", "named", "lane", "state", "attempts", "error", "created_at", "next_at", "finished_at"]
    list_filter = ["state", "lane", KindFilter]
    searched = {"recipient": canonical_address}
    ordering = ["-created_at"]
    fields = readonly_fields = [*list_display, "number", "language"]

    @admin.display(description=_("kind of mail"), ordering="kind")
    def named(self, row):
        return list_kinds().get(row.kind, row.kind)

    @admin.display(description=_("number of the mail"))
    def number(self, row):
        return row.pk
