"""Reviewing update requests: the queue, and one page to decide on. All state moves through ``services``."""

from datetime import UTC, datetime

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import rights
from mumaris import text
from mumaris.admin import ReadOnlyAdmin, is_row_id
from mumaris.text import format_time
from profiles import references, services
from profiles.export_admin import ExportMixin
from profiles.identity import clean_membership_number
from profiles.member_fields import EVIDENCE_FIELDS, label_of
from profiles.models import MemberFile, UpdateRequest
from profiles.record_views import record_view
from profiles.review_filters import AgeFilter, ReviewerFilter, StateFilter
from profiles.review_forms import PREFIX, ReasonForm, RemarksForm
from profiles.rows import list_changes, list_sections, name_remarks
from profiles.working_days import REVIEW_DAYS, count_working_days

State = UpdateRequest.State
TAGS = {State.SUBMITTED: "warn", State.APPROVED: "ok", State.REJECTED: "bad-t"}
REVIEW = "profiles.review_updaterequest"


class SeenActionForm(ActionForm):
    """Carries when the list was shown: several at once are approved only as they stood then."""

    seen_at = forms.CharField(
        label="", widget=forms.HiddenInput, required=False, initial=lambda: timezone.now().isoformat()
    )


def read_seen_at(request) -> datetime:
    """Return when the list was shown; long ago when the form does not tell."""
    return parse_datetime(request.POST.get("seen_at", "")[:40]) or datetime(2000, 1, 1, tzinfo=UTC)


@admin.register(UpdateRequest)
class UpdateRequestAdmin(ExportMixin, ReadOnlyAdmin):
    list_display = ["reference", "applicant", "membership_number", "fields_changed", "age", "status", "holder"]
    list_filter = [StateFilter, AgeFilter, ReviewerFilter]
    list_select_related = ["member", "requested_by", "reviewer"]
    list_per_page = 50
    sortable_by = ()
    search_fields = ["=reference"]
    search_help_text = gettext_lazy("Reference number, membership number or email address")
    actions = ["approve_selected"]
    action_form = SeenActionForm

    # --- The queue ----------------------------------------------------------------------------

    def get_queryset(self, request):
        # What was not sent yet is its owner's alone.
        return super().get_queryset(request).exclude(state=State.DRAFT)

    def get_ordering(self, request):
        return ["submitted_at", "id"]

    def get_search_results(self, request, queryset, search_term):
        """Find by one of three names, each indexed; nothing is searched letter by letter."""
        return (queryset.filter(**read_search(search_term)) if search_term else queryset), False

    @admin.display(description=gettext_lazy("applicant"))
    def applicant(self, row):
        return format_html("<bdi>{}</bdi>", row.member.name)

    @admin.display(description=gettext_lazy("membership number"))
    def membership_number(self, row):
        return format_html('<bdi dir="ltr" class="num">{}</bdi>', row.member.membership_number)

    @admin.display(description=gettext_lazy("changed values"))
    def fields_changed(self, row):
        return len(row.old_values)

    @admin.display(description=gettext_lazy("age"))
    def age(self, row):
        return describe_age(row)

    @admin.display(description=gettext_lazy("request status"))
    def status(self, row):
        return format_html('<span class="tag {}">{}</span>', TAGS.get(row.state, ""), row.get_state_display())

    @admin.display(description=gettext_lazy("reviewer"))
    def holder(self, row):
        if row.review_until is None or row.review_until < timezone.now():
            return "—"
        return format_html("<bdi>{}</bdi>", row.reviewer.get_full_name())

    # --- Several at once ----------------------------------------------------------------------

    def has_bulk_permission(self, request):
        return request.user.has_perm("profiles.bulk_review_updaterequest")

    @admin.action(description=gettext_lazy("Approve the selected requests"), permissions=["bulk"])
    def approve_selected(self, request, queryset):
        approved, seen_at = 0, read_seen_at(request)
        for found in self.ticked(request, queryset).select_related("member"):
            if found.submitted_at > seen_at or EVIDENCE_FIELDS & found.old_values.keys():
                told = _("Open this request: it was sent after you opened the list, or it changes personal details.")
                self.message_user(request, f"{found.reference}: {told}", messages.WARNING)
                continue
            record_view(found.member, request.user, "request")
            try:
                services.approve_update_request(request=found, reviewer=request.user, revision=found.revision)
                approved += 1
            except services.REFUSALS as refusal:
                self.message_user(request, f"{found.reference}: {explain(refusal)}", messages.WARNING)
        told = ngettext("%(count)d request was approved.", "%(count)d requests were approved.", approved)
        self.message_user(request, told % {"count": approved}, messages.SUCCESS if approved else messages.WARNING)

    # --- One request --------------------------------------------------------------------------

    def change_view(self, request, object_id, form_url="", extra_context=None):
        found = self.get_object(request, object_id)
        if found is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        if request.method == "POST":
            return self.decide(request, found)
        return self.show_review(request, found)

    def get_object(self, request, object_id, from_field=None):
        rows = self.get_queryset(request).select_related(
            "member__specialty", "member__rank", "member__photo", "member__user", "requested_by", "reviewer"
        )
        return rows.filter(pk=object_id).first() if is_row_id(object_id) else None

    def decide(self, request, found):
        """Carry out the pressed button through one act; a refusal becomes a sentence."""
        if not request.user.has_perm(REVIEW):
            raise PermissionDenied
        act = ACTS.get(request.POST.get("action"))
        if act is None:
            return HttpResponseRedirect(request.path)
        try:
            shown_again = act(self, request, found)
        except services.REFUSALS as refusal:
            messages.error(request, explain(refusal))
            shown_again = None
        return shown_again or HttpResponseRedirect(request.path)

    def hold(self, request, found):
        services.hold_for_review(request=found, reviewer=request.user)

    def release(self, request, found):
        services.release_review(request=found, reviewer=request.user)

    def take_over(self, request, found):
        if not request.user.has_perm("profiles.break_review_lock"):
            raise PermissionDenied
        services.take_over_review(request=found, reviewer=request.user)

    def approve(self, request, found):
        services.approve_update_request(request=found, reviewer=request.user, revision=seen_revision(request))
        messages.success(request, _("The request was approved, and the member's data is updated."))

    def give_back(self, request, found):
        form = RemarksForm(request.POST, request=found)
        if not form.is_valid():
            return self.show_review(request, found, remarks_form=form)
        services.return_update_request(
            request=found, reviewer=request.user, revision=seen_revision(request), remarks=form.remarks()
        )
        messages.success(request, _("The request was returned to the applicant with your remarks."))
        return None

    def reject(self, request, found):
        form = ReasonForm(request.POST)
        if not form.is_valid():
            return self.show_review(request, found, reason_form=form)
        services.reject_update_request(
            request=found, reviewer=request.user, revision=seen_revision(request), reason=form.cleaned_data["reason"]
        )
        messages.success(request, _("The request was rejected."))
        return None

    def show_review(self, request, found, remarks_form=None, reason_form=None):
        record_view(found.member, request.user, "request")
        remarks_form = remarks_form or RemarksForm(request=found)
        now = timezone.now()
        is_held = found.review_until is not None and found.review_until > now
        is_own = rights.is_own(request.user, found.requested_by_id, found.member.user_id)
        is_open = found.state == State.SUBMITTED and request.user.has_perm(REVIEW) and not is_own
        changes = list_changes(found)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Update request"),
            "subtitle": found.reference,
            "found": found,
            "age": describe_age(found),
            "rows": [(row, remarks_form[PREFIX + row.field]) for row in changes],
            "remarks": name_remarks(found),
            "unchanged": unchanged_rows(found, changes),
            "moved": name_fields(services.moved_fields(found, found.member)) if is_open else "",
            "files": found.files.kept().order_by("uploaded_at"),
            "steps": [(step, name_remarks(step)) for step in found.steps.select_related("by")],
            "remarks_form": remarks_form,
            "reason_form": reason_form or ReasonForm(),
            "is_own": is_own,
            "may_hold": is_open and not is_held,
            "may_decide": is_open and is_held and found.reviewer_id == request.user.pk,
            "held_by": found.reviewer if is_open and is_held and found.reviewer_id != request.user.pk else None,
            "may_take_over": request.user.has_perm("profiles.break_review_lock"),
            "next_request": None if is_open else self.find_next(request, found),
            "photo_kind": MemberFile.Kind.PHOTO,
        }
        return TemplateResponse(request, "admin/profiles/updaterequest/review.html", context)

    def find_next(self, request, found):
        """Return the oldest request that waits for this reviewer."""
        if not request.user.has_perm(REVIEW):
            return None
        free = UpdateRequest.objects.queue().mine_or_free(request.user, timezone.now())
        return free.exclude(requested_by=request.user).exclude(pk=found.pk).first()


ACTS = {
    "hold": UpdateRequestAdmin.hold,
    "release": UpdateRequestAdmin.release,
    "take_over": UpdateRequestAdmin.take_over,
    "approve": UpdateRequestAdmin.approve,
    "return": UpdateRequestAdmin.give_back,
    "reject": UpdateRequestAdmin.reject,
}


def read_search(typed: str) -> dict[str, str]:
    """Return the one indexed lookup that a typed search means."""
    try:
        return {"reference": references.clean_reference(typed)}
    except ValueError:
        pass
    try:
        return {"requested_by__email": text.canonical_address(typed)}
    except ValueError:
        return {"member__membership_number": clean_membership_number(typed)}


def seen_revision(request) -> int:
    typed = request.POST.get("revision", "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else 0


def describe_age(found: UpdateRequest):
    """Return the working days that a request has waited; overdue ones in words and colour."""
    if found.state != State.SUBMITTED:
        return "—"
    days = count_working_days(timezone.localdate(found.submitted_at), timezone.localdate())
    told = ngettext("%(count)d working day", "%(count)d working days", days) % {"count": days}
    if days <= REVIEW_DAYS:
        return told
    return format_html('{} <span class="tag bad-t">{}</span>', told, _("Overdue"))


def unchanged_rows(found: UpdateRequest, changes) -> list:
    changed = {row.field for row in changes}
    return [row for section in list_sections(found.member) for row in section.rows if row.field not in changed]


def name_fields(fields) -> str:
    return _(", ").join(map(label_of, fields))


def explain(refusal: Exception) -> str:
    """Return the sentence for a refusal of the services."""
    if isinstance(refusal, services.HeldByAnother):
        return _("Another reviewer holds this request until %(time)s.") % {"time": format_time(refusal.until)}
    if isinstance(refusal, services.ChangedMeanwhile):
        told = _("The member's data changed since the request was sent: %(fields)s. Return it or reject it.")
        return told % {"fields": name_fields(refusal.fields)}
    return {
        services.OwnRequest: _(
            "You cannot review a request of your own, or of whoever gave you rights in the last 7 days."
        ),
        services.StateChanged: _("This request was decided on or withdrawn meanwhile."),
        services.ChangedElsewhere: _("The applicant has sent this request again since you opened it. Look at it anew."),
        services.IdentityTaken: _("Another member has this identity number. Return the request or reject it."),
    }[type(refusal)]
