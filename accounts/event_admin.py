"""The history of accounts for staff: to read, found by the owner's address or by what happened."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.events import list_kinds
from accounts.history import say_kind
from accounts.models import AccountEvent, User
from mumaris.admin import KindFilter, ReadOnlyAdmin, is_row_id
from mumaris.text import canonical_address


class EventKindFilter(KindFilter):
    title = _("event")
    list_kinds = staticmethod(list_kinds)


@admin.register(AccountEvent)
class AccountEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "told", "outcome", "owner", "doer", "subject"]
    list_filter = [EventKindFilter]
    list_per_page = 50
    sortable_by = ()
    search_fields = ["user__email"]
    search_help_text = _("Email address, or # and the number of an account")
    ordering = ["-pk"]
    fields = readonly_fields = [*list_display, "fields", "network", "device"]

    def get_queryset(self, request):
        # Not by joins: an account that is gone takes no event with it.
        return super().get_queryset(request).prefetch_related("user", "actor")

    def get_search_results(self, request, queryset, search_term):
        """Find by one account, looked up first: its events are one range of an index."""
        return (queryset.filter(user=find_account(search_term)) if search_term else queryset), False

    @admin.display(description=_("event"))
    def told(self, row):
        return say_kind(row.kind)

    @admin.display(description=_("account"))
    def owner(self, row):
        return name_account(row.user, row.user_id)

    @admin.display(description=_("done by"))
    def doer(self, row):
        return name_account(row.actor, row.actor_id)


def find_account(typed: str) -> int:
    """Return the number of the account that a search means; one that no account has when it means none."""
    number = typed.strip().removeprefix("#")
    if is_row_id(number):
        return int(number)
    try:
        found = User.objects.filter(email=canonical_address(typed)).values_list("pk", flat=True).first()
    except ValueError:
        return 0
    return found or 0


def name_account(user, user_id: int | None):
    """Return an address; the bare number of an account that is there no more."""
    if user is None:
        return f"#{user_id}" if user_id else "—"
    return format_html('<bdi dir="ltr">{}</bdi>', user.email)
