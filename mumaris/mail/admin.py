from django.contrib import admin

from mumaris.mail.models import Outbox


@admin.register(Outbox)
class OutboxAdmin(admin.ModelAdmin):
    """State, times and error class of each mail; its content is shown to nobody."""

    list_display = ["recipient", "kind", "lane", "state", "attempts", "error", "created_at", "next_at", "finished_at"]
    list_filter = ["state", "lane", "kind"]
    search_fields = ["=recipient"]
    ordering = ["-created_at"]
    fields = readonly_fields = [*list_display, "id", "language"]
    show_full_result_count = False

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
