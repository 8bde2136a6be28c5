"""Members for staff to look up, the lists of terms, and who has looked at whom. Nothing of a member is edited."""

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mumaris import text
from mumaris.admin import PortalModelAdmin, ReadOnlyAdmin, is_row_id
from profiles.export_admin import ExportMixin
from profiles.fields import LineField
from profiles.identity import IDENTITY_KINDS, clean_identity_number, clean_membership_number
from profiles.import_admin import MemberImportMixin
from profiles.member_record import WHOLE, list_lines, show_registry_email
from profiles.models import Member, Rank, RecordView, Specialty
from profiles.record_views import record_view

WHAT = {
    "member": gettext_lazy("Member record"),
    "request": gettext_lazy("Update request"),
    "claim": gettext_lazy("Claim on a member file"),
    "file": gettext_lazy("File"),
    "identity": gettext_lazy("Whole identity number"),
    "export": gettext_lazy("Exported list"),
}


@admin.register(Member)
class MemberAdmin(MemberImportMixin, ExportMixin, ReadOnlyAdmin):
    list_display = ["number", "full_name", "is_tied", "specialty", "registration_expiry"]
    list_select_related = ["specialty"]
    list_per_page = 50
    sortable_by = ()
    ordering = ["pk"]
    search_fields = ["=membership_number"]
    search_help_text = gettext_lazy("Membership number, identity number or registry email, in full")

    def get_search_results(self, request, queryset, search_term):
        """Find by one of three names, each indexed; nothing is searched letter by letter."""
        return (queryset.filter(read_search(search_term)) if search_term else queryset), False

    @admin.display(description=gettext_lazy("membership number"))
    def number(self, row):
        return format_html('<bdi dir="ltr" class="num">{}</bdi>', row.membership_number)

    @admin.display(description=gettext_lazy("name"))
    def full_name(self, row):
        return format_html("<bdi>{}</bdi>", row.name)

    @admin.display(description=gettext_lazy("account"))
    def is_tied(self, row):
        return _("Linked") if row.user_id else _("Not linked")

    # --- One member ---------------------------------------------------------------------------

    def change_view(self, request, object_id, form_url="", extra_context=None):
        found = self.get_object(request, object_id)
        if found is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        is_asked = request.method == "POST"
        if is_asked and not request.user.has_perm(WHOLE):
            raise PermissionDenied
        record_view(found, request.user, "identity" if is_asked else "member")
        return self.show_record(request, found, with_identity=is_asked)

    def get_object(self, request, object_id, from_field=None):
        if not is_row_id(object_id):
            return None
        rows = self.get_queryset(request).select_related("user", "specialty", "rank")
        return rows.filter(pk=object_id).first()

    def show_record(self, request, found, *, with_identity: bool):
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Member record"),
            "subtitle": found.membership_number,
            "found": found,
            "lines": list_lines(found, request.user, with_identity=with_identity),
            "registry_email": show_registry_email(found, request.user),
            "may_show_identity": request.user.has_perm(WHOLE) and not with_identity,
        }
        return TemplateResponse(request, "admin/profiles/member/record.html", context)


def read_search(typed: str) -> Q:
    """Return the indexed lookup that a typed search means."""
    try:
        return Q(registry_email=text.canonical_address(typed))
    except ValueError:
        # The kinds are named because the index of identity numbers begins with them.
        by_identity = Q(identity_kind__in=IDENTITY_KINDS, identity_number=clean_identity_number(typed))
        return Q(membership_number=clean_membership_number(typed)) | by_identity


class TermForm(forms.ModelForm):
    name_ar = LineField(label=gettext_lazy("Name in Arabic"), max_length=100)
    name_en = LineField(label=gettext_lazy("Name in English"), max_length=100)


@admin.register(Specialty, Rank)
class TermAdmin(PortalModelAdmin):
    """A term that is not wanted any more is no longer offered; requests and members still name it."""

    form = TermForm
    list_display = ["code", "name_ar", "name_en", "is_active"]
    fields = list_display
    list_filter = ["is_active"]

    def get_readonly_fields(self, request, obj=None):
        # Requests keep terms by their code.
        return ["code"] if obj else []

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(RecordView)
class RecordViewAdmin(ReadOnlyAdmin):
    list_display = ["viewed_at", "number", "viewer", "what_shown"]
    list_display_links = None
    list_select_related = ["member", "viewed_by"]
    list_per_page = 50
    sortable_by = ()
    ordering = ["-pk"]
    fields = readonly_fields = ["viewed_at", "member", "viewed_by", "what_shown"]
    search_fields = ["=member__membership_number"]
    search_help_text = gettext_lazy("Membership number")

    def get_search_results(self, request, queryset, search_term):
        number = clean_membership_number(search_term)
        return (queryset.filter(member__membership_number=number) if search_term else queryset), False

    @admin.display(description=gettext_lazy("membership number"))
    def number(self, row):
        page = reverse("admin:profiles_member_change", args=[row.member_id])
        return format_html('<a href="{}"><bdi dir="ltr" class="num">{}</bdi></a>', page, row.member.membership_number)

    @admin.display(description=gettext_lazy("viewed by"))
    def viewer(self, row):
        return format_html("<bdi>{}</bdi>", row.viewed_by.get_full_name()) if row.viewed_by else "—"

    @admin.display(description=gettext_lazy("what"))
    def what_shown(self, row):
        return WHAT.get(row.what, row.what)
