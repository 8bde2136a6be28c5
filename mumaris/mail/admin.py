from django.contrib import admin

from mumaris.admin import ReadOnlyAdmin
from mumaris.mail.models import Outbox


@admin.register(Outbox)
class OutboxAdmin(ReadOnlyAdmin):
    """State, times and error class of each mail; its content is shown to nobody."""

    list_display = ["recipient", "kind", "lane", "state", "attempts", "error", "created_at", "next_at", "finished_at"]
    list_filter = ["state", "lane", "kind"]
    search_fields = ["=recipient"]
    ordering = ["-created_at"]
    fields = readonly_fields = [*list_display, "id", "language"]
