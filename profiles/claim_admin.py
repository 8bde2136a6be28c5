"""Reviewing claims on member files, beside the update requests. A claim ends through ``claims`` alone."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import rights
from mumaris import text
from mumaris.admin import ReadOnlyAdmin, is_row_id
from profiles import claims
from profiles.claim_forms import RefusalForm
from profiles.claim_review import compare, describe_account, find_rivals, find_warning
from profiles.identity import clean_membership_number
from profiles.models import Claim
from profiles.record_views import record_view
from profiles.review_filters import EVERYTHING, DefaultFilter

State = Claim.State
TAGS = {State.WAITING: "warn", State.TIED: "ok", State.REFUSED: "bad-t", State.STOPPED: "bad-t"}
REVIEW = "profiles.review_updaterequest"
REFUSALS = (claims.ClaimDecided, claims.OwnClaim, claims.ClaimantGone, claims.MemberTaken)


class ClaimStateFilter(DefaultFilter):
    title = gettext_lazy("state")
    parameter_name = "state"
    default = State.WAITING.value

    def lookups(self, request, model_admin):
        return [*State.choices, (EVERYTHING, gettext_lazy("All"))]

    def narrow(self, request, queryset, chosen):
        return queryset if chosen == EVERYTHING else queryset.filter(state=chosen)


@admin.register(Claim)
class ClaimAdmin(ReadOnlyAdmin):
    list_display = ["membership_number", "claimant", "claimed_at", "due_at", "status"]
    list_filter = [ClaimStateFilter]
    list_select_related = ["member", "user"]
    list_per_page = 50
    sortable_by = ()
    ordering = ["due_at", "id"]
    search_fields = ["=member__membership_number"]
    search_help_text = gettext_lazy("Membership number or email address")

    # --- The queue ----------------------------------------------------------------------------

    def get_queryset(self, request):
        return super().get_queryset(request).with_doubt()

    def get_search_results(self, request, queryset, search_term):
        """Find by one of two names, each indexed."""
        return (queryset.filter(**read_search(search_term)) if search_term else queryset), False

    @admin.display(description=gettext_lazy("membership number"))
    def membership_number(self, row):
        return format_html('<bdi dir="ltr" class="num">{}</bdi>', row.member.membership_number)

    @admin.display(description=gettext_lazy("account"))
    def claimant(self, row):
        return format_html("<bdi>{}</bdi>", row.user.get_full_name())

    @admin.display(description=gettext_lazy("state"))
    def status(self, row):
        tag = format_html('<span class="tag {}">{}</span>', TAGS[row.state], row.get_state_display())
        if row.state != State.WAITING or not row.is_contested:
            return tag
        return format_html('{} <span class="tag bad-t">{}</span>', tag, _("Contested"))

    # --- One claim ----------------------------------------------------------------------------

    def change_view(self, request, object_id, form_url="", extra_context=None):
        found = self.get_object(request, object_id)
        if found is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        return self.decide(request, found) if request.method == "POST" else self.show_review(request, found)

    def get_object(self, request, object_id, from_field=None):
        if not is_row_id(object_id):
            return None
        rows = self.get_queryset(request).select_related("member__user", "user", "decided_by")
        return rows.filter(pk=object_id).first()

    def decide(self, request, found):
        """Carry out the pressed button through one act; a refusal becomes a sentence."""
        if not request.user.has_perm(REVIEW):
            raise PermissionDenied
        form = RefusalForm(request.POST)
        action = request.POST.get("action")
        if action == "refuse" and not form.is_valid():
            return self.show_review(request, found, form)
        try:
            if action == "approve":
                claims.approve_claim(claim=found, reviewer=request.user)
                messages.success(request, _("The member file was linked to the account."))
            elif action == "refuse":
                claims.refuse_claim(claim=found, reviewer=request.user, reason=form.cleaned_data["reason"])
                messages.success(request, _("The claim was refused."))
        except REFUSALS as refusal:
            messages.error(request, explain(refusal))
        return HttpResponseRedirect(request.path)

    def show_review(self, request, found, form=None):
        record_view(found.member, request.user, "claim")
        may_review = request.user.has_perm(REVIEW)
        is_own = rights.is_own(request.user, found.user_id, found.member.user_id)
        is_waiting = found.state == State.WAITING
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Claim on a member file"),
            "subtitle": found.member.membership_number,
            "found": found,
            "tag": TAGS[found.state],
            "pairs": compare(found, request.user),
            "account": describe_account(found.member),
            "warning": find_warning(found),
            "rivals": find_rivals(found),
            "refusal_form": form or RefusalForm(),
            "is_own": is_own,
            "may_decide": is_waiting and may_review and not is_own,
            "next_claim": None if is_waiting or not may_review else self.find_next(request, found),
        }
        return TemplateResponse(request, "admin/profiles/claim/review.html", context)

    def find_next(self, request, found):
        """Return the waiting claim that is due first."""
        others = Claim.objects.waiting().exclude(user=request.user).exclude(pk=found.pk)
        return others.order_by("due_at", "id").first()


def read_search(typed: str) -> dict[str, str]:
    """Return the one indexed lookup that a typed search means."""
    try:
        return {"user__email": text.canonical_address(typed)}
    except ValueError:
        return {"member__membership_number": clean_membership_number(typed)}


def explain(refusal: Exception) -> str:
    """Return the sentence for a refusal of ``claims``."""
    return {
        claims.ClaimDecided: _("This claim has been decided on meanwhile."),
        claims.OwnClaim: _("You cannot review a claim of your own, or of whoever gave you rights in the last 7 days."),
        claims.ClaimantGone: _("The account that claims the file is disabled or closed. Refuse the claim."),
        claims.MemberTaken: _(
            "The member file has an account in use by now, or the account has another file. Refuse the claim."
        ),
    }[type(refusal)]
