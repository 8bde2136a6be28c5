"""Accounts for staff. Every value is written by the acts alone; nobody sets a password by hand."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Count
from django.utils.decorators import method_decorator
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import case_admin, erasure_admin, event_admin, rights, user_admin  # noqa: F401  (each registers its models)
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


ACTS = {"add": _("Add"), "change": _("Change"), "delete": _("Delete"), "view": _("View")}


def list_shown_types() -> list[ContentType]:
    """Return the tables that have a page here: rights on any other open nothing."""
    kinds = [kind for kind in apps.get_models() if admin.site.is_registered(kind)]
    return list(ContentType.objects.get_for_models(*kinds).values())


def name_permission(permission: Permission) -> str:
    """Return a permission in words of the active language: Django's own name of it is English everywhere."""
    table = capfirst(permission.content_type.model_class()._meta.verbose_name)
    act = ACTS.get(permission.codename.removesuffix(f"_{permission.content_type.model}"))
    return f"{table} | {act or gettext(permission.name)}"


@admin.register(Group)
@method_decorator(fresh_to_post, "changelist_view")
@method_decorator(fresh_to_post, "changeform_view")
@method_decorator(fresh_to_post, "delete_view")
class RoleAdmin(PortalModelAdmin, GroupAdmin):
    """Django's own page, with the manners of ours: what a role may do, everybody may who has it."""

    list_display = ["role", "people"]

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(held_by=Count("user"))

    def formfield_for_manytomany(self, db_field, request=None, **kwargs):
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        field.queryset = field.queryset.filter(content_type__in=list_shown_types())
        field.label_from_instance = name_permission
        return field

    # --- What changes is recorded -------------------------------------------------------------

    def save_related(self, request, form, formsets, change):
        before = rights.read_role(form.instance)
        super().save_related(request, form, formsets, change)
        rights.record_role(form.instance, before=before, after=rights.read_role(form.instance))

    def delete_model(self, request, obj):
        rights.record_role(obj, before=rights.read_role(obj), after=set())
        super().delete_model(request, obj)

    def delete_queryset(self, request, queryset):
        with transaction.atomic():
            for role in queryset:
                self.delete_model(request, role)

    # --- Columns ------------------------------------------------------------------------------

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
