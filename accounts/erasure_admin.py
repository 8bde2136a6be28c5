"""Requests to erase an account, for staff: those that are due first, and one page to decide on."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import erasure, rights
from accounts.event_admin import find_account, name_account
from accounts.freshness import ask_proof, is_fresh
from accounts.models import ErasureRequest
from mumaris.admin import ReadOnlyAdmin, is_row_id
from mumaris.forms import LineField

State = ErasureRequest.State
DECIDE = "accounts.change_erasurerequest"
TAGS = {State.ASKED: "warn", State.DONE: "ok", State.REFUSED: "bad-t"}
REFUSALS = (erasure.ErasureDecided, erasure.OwnErasure, erasure.StaffAccount, erasure.AddressChangedLately)
SOON = 7


class RefusalForm(forms.Form):
    reason = LineField(
        label=gettext_lazy("Reason for refusal"),
        max_length=500,
        error_messages={"required": gettext_lazy("Write a reason the applicant will see.")},
    )


@admin.register(ErasureRequest)
class ErasureRequestAdmin(ReadOnlyAdmin):
    list_display = ["account", "asked_at", "due_at", "days_left", "status"]
    list_filter = ["state"]
    list_per_page = 50
    sortable_by = ()
    # The waiting ones come first by the name of their state.
    ordering = ["state", "due_at", "id"]
    search_fields = ["user__email"]
    search_help_text = gettext_lazy("Email address, or # and the number of an account")

    def get_queryset(self, request):
        # Not by joins: an account that is gone takes no request with it.
        return super().get_queryset(request).prefetch_related("user", "decided_by")

    def get_search_results(self, request, queryset, search_term):
        return (queryset.filter(user=find_account(search_term)) if search_term else queryset), False

    @admin.display(description=gettext_lazy("account"))
    def account(self, row):
        return name_account(find_user(row), row.user_id)

    @admin.display(description=gettext_lazy("days left"))
    def days_left(self, row):
        return describe_time_left(row)

    @admin.display(description=gettext_lazy("state"))
    def status(self, row):
        return format_html('<span class="tag {}">{}</span>', TAGS.get(row.state, ""), row.get_state_display())

    # --- One request --------------------------------------------------------------------------

    def change_view(self, request, object_id, form_url="", extra_context=None):
        found = self.get_queryset(request).filter(pk=object_id).first() if is_row_id(object_id) else None
        if found is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        return self.decide(request, found) if request.method == "POST" else self.show_review(request, found)

    def decide(self, request, found):
        """Carry out the pressed button through one act; a refusal becomes a sentence."""
        if not request.user.has_perm(DECIDE):
            raise PermissionDenied
        if not is_fresh(request):
            # One person does what nobody can undo.
            return ask_proof(request)
        form, action = RefusalForm(request.POST), request.POST.get("action")
        if action == "refuse" and not form.is_valid():
            return self.show_review(request, found, form)
        try:
            if action == "complete":
                erasure.complete_erasure(erasure=found, by=request.user)
                messages.success(request, _("The account was erased."))
            elif action == "refuse":
                erasure.refuse_erasure(erasure=found, by=request.user, reason=form.cleaned_data["reason"])
                messages.success(request, _("The request was refused."))
        except REFUSALS as refusal:
            messages.error(request, explain(refusal))
        return HttpResponseRedirect(request.path)

    def show_review(self, request, found, form=None):
        is_own = rights.is_own(request.user, found.user_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Request to erase an account"),
            "subtitle": f"#{found.user_id}",
            "found": found,
            "account": name_account(find_user(found), found.user_id),
            "time_left": describe_time_left(found),
            "tag": TAGS.get(found.state, ""),
            "refusal_form": form or RefusalForm(),
            "is_own": is_own,
            "may_decide": found.state == State.ASKED and request.user.has_perm(DECIDE) and not is_own,
        }
        return TemplateResponse(request, "admin/accounts/erasurerequest/review.html", context)


def find_user(row: ErasureRequest):
    """Return the account, or None when it is gone."""
    try:
        return row.user
    except row._meta.get_field("user").related_model.DoesNotExist:
        return None


def describe_time_left(row: ErasureRequest):
    """Return the days that are left, late ones in words and colour; nothing for a request that has ended."""
    if row.state != State.ASKED:
        return "—"
    days = erasure.days_left(row)
    if row.due_at <= timezone.now():
        return format_html('<span class="tag bad-t">{}</span>', _("Overdue"))
    told = ngettext("%(count)d day left", "%(count)d days left", days) % {"count": days}
    return format_html('<span class="tag warn">{}</span>', told) if days < SOON else told


def explain(refusal: Exception) -> str:
    """Return the sentence for a refusal of the acts."""
    return {
        erasure.ErasureDecided: _("This request has been decided on or cancelled meanwhile."),
        erasure.OwnErasure: _(
            "You cannot decide on a request of your own, or of whoever gave you rights in the last 7 days."
        ),
        erasure.StaffAccount: _("The account belongs to staff. Take its rights away first."),
        erasure.AddressChangedLately: _(
            "The email address of this account was changed less than 10 days ago, and its former owner may still bring "
            "it back. Decide later."
        ),
    }[type(refusal)]
