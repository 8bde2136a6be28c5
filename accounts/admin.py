"""Accounts for staff. Every value is written by the acts alone; nobody sets a password by hand."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.db.models import Count
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _

from accounts import case_admin, erasure_admin, event_admin, user_admin  # noqa: F401  (each registers its models)
from accounts.freshness import fresh_to_post
from accounts.masking import MaskedAdmin
from accounts.models import Consent, EmailChange, PendingRegistration
from mumaris.admin import PortalModelAdmin, ReadOnlyAdmin
from mumaris.text import canonical_address, mask_address

# Addresses are written by the acts alone; allauth's page would let staff write them by hand.
admin.site.unregister(EmailAddress)
# Nobody looks at what proves another person, or puts a key of their own into an account.
admin.site.unregister(Authenticator)
admin.site.unregister(Group)


@admin.register(Group)
@method_decorator(fresh_to_post, "changelist_view")
@method_decorator(fresh_to_post, "changeform_view")
@method_decorator(fresh_to_post, "delete_view")
class RoleAdmin(PortalModelAdmin, GroupAdmin):
    """Django's own page, with the manners of ours: what a role may do, everybody may who has it."""

    list_display = ["role", "people"]

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(held_by=Count("user"))

    @admin.display(description=_("group"), ordering="name")
    def role(self, row):
        return user_admin.ROLE_NAMES.get(row.name, row.name)

    @admin.display(description=_("people"))
    def people(self, row):
        return row.held_by


@admin.register(PendingRegistration)
class PendingRegistrationAdmin(ReadOnlyAdmin, MaskedAdmin):
    list_display = ["address", "language", "created_at", "updated_at"]
    searched = {"address": canonical_address}
    ordering = ["-updated_at"]
    fields = readonly_fields = ["address", "first_name", "last_name", "language", "ip", "created_at", "updated_at"]

    def mask(self, row):
        row.address = mask_address(row.address)


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin, MaskedAdmin):
    list_display = ["user", "kind", "version", "language", "accepted_at", "withdrawn_at"]
    list_filter = ["kind", "language"]
    list_select_related = ["user"]
    searched = {"user__email": canonical_address}
    ordering = ["-pk"]
    fields = readonly_fields = [*list_display, "digest", "ip"]

    def mask(self, row):
        row.user.email = mask_address(row.user.email)


@admin.register(EmailChange)
class EmailChangeAdmin(ReadOnlyAdmin, MaskedAdmin):
    list_display = ["user", "old_address", "new_address", "requested_at", "completed_at", "cancelled_at", "undone_at"]
    list_select_related = ["user"]
    searched = {"user__email": canonical_address, "old_address": canonical_address}
    ordering = ["-pk"]
    fields = readonly_fields = [*list_display, "undo_until", "asked_by_staff"]

    def mask(self, row):
        row.user.email = mask_address(row.user.email)
        row.old_address, row.new_address = mask_address(row.old_address), mask_address(row.new_address)
