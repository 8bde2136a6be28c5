"""Accounts for staff: look up, and send a reset mail. Nobody sets a password by hand."""

from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import Consent, EmailChange, PendingRegistration, User
from accounts.password_reset import request_reset
from mumaris.admin import PortalModelAdmin, ReadOnlyAdmin
from mumaris.text import canonical_address

# Addresses are written by the acts alone; allauth's page would let staff write them by hand.
admin.site.unregister(EmailAddress)
admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(PortalModelAdmin, GroupAdmin):
    """Django's own page, with the manners of ours."""


@admin.register(User)
class UserAdmin(PortalModelAdmin):
    list_display = ["email", "first_name", "last_name", "language", "is_active", "is_staff", "date_joined"]
    list_filter = ["is_active", "is_staff", "language"]
    searched = {"email": canonical_address}
    ordering = ["-pk"]
    fields = [
        "email", "first_name", "last_name", "language", "is_active", "is_staff", "is_superuser", "groups",
        "date_joined", "last_login",
    ]  # fmt: skip
    # The address is changed by its owner, who proves the new mailbox.
    readonly_fields = ["email", "date_joined", "last_login"]
    filter_horizontal = ["groups"]
    actions = ["send_reset_mail"]

    def get_readonly_fields(self, request, obj=None):
        rights = [] if request.user.is_superuser else ["is_staff", "is_superuser", "groups"]
        return [*self.readonly_fields, *rights]

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    @admin.action(description=_("Send a mail to reset the password"), permissions=["change"])
    def send_reset_mail(self, request, queryset):
        queued = sum(request_reset(user.email, asked_by="staff") for user in queryset.filter(is_active=True))
        text = ngettext(
            "A reset mail is on its way to %(count)d user.",
            "Reset mails are on their way to %(count)d users.",
            queued,
        )
        self.message_user(request, text % {"count": queued}, messages.SUCCESS if queued else messages.WARNING)


@admin.register(PendingRegistration)
class PendingRegistrationAdmin(ReadOnlyAdmin):
    list_display = ["address", "language", "created_at", "updated_at"]
    searched = {"address": canonical_address}
    ordering = ["-updated_at"]
    fields = readonly_fields = ["address", "first_name", "last_name", "language", "ip", "created_at", "updated_at"]


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = ["user", "kind", "version", "language", "accepted_at", "withdrawn_at"]
    list_filter = ["kind", "language"]
    list_select_related = ["user"]
    searched = {"user__email": canonical_address}
    ordering = ["-pk"]
    fields = readonly_fields = [*list_display, "digest", "ip"]


@admin.register(EmailChange)
class EmailChangeAdmin(ReadOnlyAdmin):
    list_display = ["user", "old_address", "new_address", "requested_at", "completed_at", "cancelled_at", "undone_at"]
    list_select_related = ["user"]
    searched = {"user__email": canonical_address, "old_address": canonical_address}
    ordering = ["-pk"]
    fields = readonly_fields = [*list_display, "undo_until"]
