"""Cases for staff: what waits for a second person, and one page to decide on. All state moves through ``cases``."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import cases, rights
from accounts.email_change import AddressTaken
from accounts.freshness import ask_proof, is_fresh
from accounts.managers import CASE_LIFETIME
from accounts.masking import MaskedAdmin
from accounts.models import StaffCase
from mumaris.admin import ReadOnlyAdmin, is_row_id
from mumaris.text import canonical_address, mask_address

State = StaffCase.State
CONFIRM = "accounts.confirm_staffcase"
# What each button makes of a case.
DONE_BY = {"confirm": State.CONFIRMED, "refuse": State.REFUSED}
TAGS = {State.ASKED: "warn", State.CONFIRMED: "ok", State.REFUSED: "bad-t", State.EXPIRED: "bad-t"}
REFUSALS = {
    cases.OwnCase: gettext_lazy(
        "You cannot decide on a case about your own account, or about that of whoever gave you rights in the last "
        "7 days."
    ),
    cases.SamePerson: gettext_lazy("You asked for this case. Another person must confirm it."),
    cases.SameHand: gettext_lazy(
        "You and the person who asked are not independent: one of you gave the other rights, or one person gave both "
        "of you rights, in the last 7 days. Another person must confirm this case."
    ),
    cases.NeedsAdministrator: gettext_lazy("The account belongs to staff. An administrator must confirm this case."),
    cases.AccountUnfit: gettext_lazy("This cannot be done for a disabled account or for the account of a superuser."),
    cases.CaseDecided: gettext_lazy("This case was decided on, stopped by its owner or expired meanwhile."),
    cases.CaseOvertaken: gettext_lazy(
        "The owner has chosen a new password or changed the address since this was asked for. Refuse the case."
    ),
    AddressTaken: gettext_lazy("The new address has an account by now or is kept for one. Refuse the case."),
}


@admin.register(StaffCase)
class StaffCaseAdmin(ReadOnlyAdmin, MaskedAdmin):
    list_display = ["asked_at", "kind", "user", "asker", "status"]
    list_filter = ["state", "kind"]
    list_select_related = ["user", "asked_by"]
    list_per_page = 50
    sortable_by = ()
    searched = {"user__email": canonical_address}
    ordering = ["-pk"]

    def mask(self, row):
        row.user.email = mask_address(row.user.email)
        row.new_address = row.new_address and mask_address(row.new_address)

    @admin.display(description=gettext_lazy("asked by"))
    def asker(self, row):
        return format_html("<bdi>{}</bdi>", row.asked_by.get_full_name()) if row.asked_by else "—"

    @admin.display(description=gettext_lazy("state"))
    def status(self, row):
        return format_html('<span class="tag {}">{}</span>', TAGS[row.state], row.get_state_display())

    # --- One case -----------------------------------------------------------------------------

    def change_view(self, request, object_id, form_url="", extra_context=None):
        found = self.get_object(request, object_id) if is_row_id(object_id) else None
        if found is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        return self.decide(request, found) if request.method == "POST" else self.show_case(request, found)

    def decide(self, request, found):
        """Carry out the pressed button through one act; a refusal becomes a sentence."""
        if not request.user.has_perm(CONFIRM):
            raise PermissionDenied
        if not is_fresh(request):
            return ask_proof(request)
        action = request.POST.get("action")
        try:
            if action == "confirm":
                cases.confirm_case(case=found, by=request.user)
                messages.success(request, _("The case was confirmed and done. The owner is told."))
            elif action == "refuse":
                cases.refuse_case(case=found, by=request.user)
                messages.success(request, _("The case was refused. The owner is told."))
        except cases.CaseDecided as refusal:
            found.refresh_from_db()
            # A second tap of the same hand finds its own work done.
            if (found.decided_by_id, found.state) != (request.user.pk, DONE_BY[action]):
                messages.error(request, REFUSALS[type(refusal)])
        except tuple(REFUSALS) as refusal:
            messages.error(request, REFUSALS[type(refusal)])
        return HttpResponseRedirect(request.path)

    def show_case(self, request, found):
        is_waiting = StaffCase.objects.asked().filter(pk=found.pk).exists()
        is_own = rights.is_own(request.user, found.user_id)
        may_decide = is_waiting and not is_own and request.user.has_perm(CONFIRM)
        hindrance = find_hindrance(found, request.user) if is_waiting else None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": found.get_kind_display(),
            "found": found,
            "tag": TAGS[found.state],
            "ends_at": found.asked_at + CASE_LIFETIME if is_waiting else None,
            "may_refuse": may_decide,
            "may_confirm": may_decide and not hindrance,
            "hindrance": hindrance,
        }
        return TemplateResponse(request, "admin/accounts/staffcase/review.html", context)


def find_hindrance(case: StaffCase, viewer) -> str | None:
    """Return why somebody cannot be the second person of a case."""
    if case.asked_by_id == viewer.pk:
        return REFUSALS[cases.SamePerson]
    may_confirm = viewer.has_perm(CONFIRM)
    return REFUSALS[cases.SameHand] if may_confirm and cases.share_a_hand(case, viewer) else None
