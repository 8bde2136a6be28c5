"""A member's own pages: profile, update request, status. Choose the form, call one act, redirect or render."""

from contextlib import suppress

from django.conf import settings
from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts import limits
from accounts.freshness import fresh_required
from accounts.late_posts import drop_late_post, find_late_post, issue_ticket, keeps_late_post
from mumaris.text import format_moment
from profiles import attachments, member_fields, services
from profiles.files import MESSAGES, CleanFile, RefusedFile, photo_hints
from profiles.forms import MembershipNumberForm, UpdateForm
from profiles.models import Claim, Member, MemberFile, UpdateRequest
from profiles.rows import list_changes, list_sections, name_remarks

Kind = MemberFile.Kind
# More than anybody opens; a page is never longer.
REQUESTS_SHOWN = 50


@require_safe
def profile(request):
    """Show what the Commission holds, and what comes next for somebody without a member file."""
    member = Member.objects.of_user(request.user)
    context = {"member": member, "show_identity": request.GET.get("show") == "identity", "today": timezone.localdate()}
    if member:
        context["sections"] = list_sections(member)
    else:
        context["claim"] = Claim.objects.waiting().filter(user=request.user).first()
    return render(request, "profiles/profile.html", context)


# --- Update member data: number, data, check --------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def begin(request):
    """The membership number leads to the data. It is compared with the account's own, and never looked up."""
    form = MembershipNumberForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            found = services.begin_update_request(
                user=request.user, membership_number=form.cleaned_data["membership_number"]
            )
        except services.NoMember:
            return lead_to_claim(request)
        except services.WrongMembershipNumber:
            form.add_error("membership_number", _("The number does not match your account. Check it or call us."))
        else:
            return lead_on(request, found)
    elif request.method != "POST" and not Member.objects.filter(user=request.user).exists():
        return lead_to_claim(request)
    return render(request, "profiles/update_begin.html", {"form": form})


def lead_to_claim(request):
    messages.info(request, _("Link your member file to this account first."))
    return redirect("claim")


def lead_on(request, found: UpdateRequest):
    """Lead to the page where a request is now: its data, or its status once it was sent."""
    if found.is_editable:
        return redirect("update_edit", found.reference)
    if found.state == UpdateRequest.State.SUBMITTED:
        messages.info(request, _("You already have a request under review. You can withdraw it here."))
    return redirect("update_request", found.reference)


def find_request(request, reference: str) -> UpdateRequest:
    """Return this user's request; somebody else's is a 404 like one that does not exist."""
    mine = UpdateRequest.objects.for_user(request.user).select_related(
        "member__specialty", "member__rank", "member__photo"
    )
    return get_object_or_404(mine, reference=reference)


@keeps_late_post
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request, reference: str):
    found = find_request(request, reference)
    if not found.is_editable:
        return lead_on(request, found)
    if request.method != "POST":
        return show_first(request, found)
    drop_late_post(request.user)
    form = UpdateForm(request.POST, take_files(request), request=found)
    form.is_valid()
    is_for_later = request.POST.get("action") == "later"
    try:
        keep_uploads(request, found, form)
        if form.is_valid() or is_for_later:
            found = services.save_update_request(request=found, new_values=form.new_values())
    except services.StateChanged:
        return redirect("update_request", reference)
    if form.is_valid() and not is_for_later:
        ask_for_evidence(found, form)
    if not form.is_valid():
        if is_for_later:
            messages.warning(
                request, _("The values without an error were saved. Correct the others, or come back later.")
            )
        return show_edit_page(request, found, form)
    return leave_for_later(request) if is_for_later else redirect("update_check", reference)


def show_first(request, found: UpdateRequest):
    """Show the draft, or what was sent after the session had ended."""
    late = find_late_post(request)
    if late:
        messages.info(request, _("We kept what you typed before your session ended. Check it, then send it again."))
    return show_edit_page(request, found, UpdateForm(late, request=found))


def ask_for_evidence(found: UpdateRequest, form: UpdateForm) -> None:
    """Say at its field that a file is missing, before the check page would."""
    if services.lacks_evidence(found):
        form.add_error(Kind.EVIDENCE, _("Attach a file that proves the change of your personal details."))


def take_files(request) -> dict:
    """Return the files of a post; none beyond the day's limit, which is counted before anything reads them."""
    return {name: file for name, file in request.FILES.items() if limits.allows(limits.UPLOADS, request.user.pk)}


def keep_uploads(request, found: UpdateRequest, form: UpdateForm) -> None:
    """Keep a good file even when another field is wrong: browsers do not send it twice."""
    for name in request.FILES.keys() & form.fields.keys() - form.files.keys():
        form.add_error(name, _("You have sent too many files today. Try again tomorrow."))
    for kind, clean in form.uploads().items():
        try:
            attachments.attach_file(request=found, clean=clean, kind=kind)
        except RefusedFile as refused:
            form.add_error(kind, refused.sentence)
        else:
            found.refresh_from_db(fields=["new_values", "revision"])
            warn_of_hints(request, kind, clean)


def warn_of_hints(request, kind: str, clean: CleanFile) -> None:
    """Say what a reviewer may not like about a photo, before it is sent."""
    # Another file is being checked: the hint is left out, the photo is kept.
    with suppress(RefusedFile):
        for code in photo_hints(clean) if kind == Kind.PHOTO else ():
            messages.warning(request, MESSAGES[code])


def show_edit_page(request, found: UpdateRequest, form: UpdateForm):
    files = list(found.files.kept().order_by("uploaded_at"))
    context = {
        "form": form,
        "sections": form.sections(),
        "update_request": found,
        "evidence": [file for file in files if file.kind == Kind.EVIDENCE],
        "photo": next((file for file in files if str(file.pk) == found.new_values.get("photo")), None),
        "remarks": name_remarks(found),
        "late_ticket": issue_ticket(request.user),
    }
    return render(request, "profiles/update_edit.html", context)


def leave_for_later(request):
    messages.success(request, _("Your data was saved. Nothing is sent until you finish the update."))
    return redirect("update_requests")


@require_http_methods(["GET", "HEAD", "POST"])
@fresh_required
def check(request, reference: str):
    """Old and new side by side. Nothing is sent before «finish»."""
    found = find_request(request, reference)
    if not found.is_editable:
        # A second tap on «finish».
        return redirect("update_request", reference)
    if request.method != "POST":
        return show_check_page(request, found)
    if request.POST.get("action") == "later":
        return leave_for_later(request)
    return finish(request, found)


def finish(request, found: UpdateRequest):
    try:
        sent = services.submit_update_request(request=found, revision=seen_revision(request, found))
    except services.StateChanged:
        return redirect("update_request", found.reference)
    except services.ChangedElsewhere:
        messages.warning(request, _("You changed this data in another tab. Check it once more."))
    except services.NothingChanged:
        messages.warning(request, _("You have not changed anything."))
        return redirect("update_edit", found.reference)
    except services.EvidenceMissing:
        messages.warning(request, _("Attach a file that proves the change of your personal details."))
        return redirect("update_edit", found.reference)
    except services.IdentityTaken:
        messages.warning(request, _("This identity number cannot be saved. Check it or call us."))
        return redirect("update_edit", found.reference)
    except limits.LimitReached as reached:
        text = _("You have sent too many requests today. You can finish this one after %(time)s.")
        messages.warning(request, text % {"time": format_moment(reached.until)})
    else:
        return redirect("update_request", sent.reference)
    return redirect("update_check", found.reference)


def seen_revision(request, found: UpdateRequest) -> int:
    """Return the revision that the check page showed; without one, what is there now."""
    typed = request.POST.get("revision", "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else found.revision


def show_check_page(request, found: UpdateRequest):
    changed = member_fields.changed_fields(found.member, found.new_values)
    context = {
        "update_request": found,
        "sections": list_sections(found.member, found.new_values),
        "evidence": found.files.kept().filter(kind=Kind.EVIDENCE).order_by("uploaded_at"),
        "changed": say_changed(len(changed)),
        "is_at_once": bool(changed) and all(map(member_fields.is_at_once, changed)),
        "is_mixed": len({member_fields.is_at_once(field) for field in changed}) == 2,
    }
    return render(request, "profiles/update_check.html", context)


def say_changed(count: int) -> str:
    if not count:
        return _("You have not changed anything.")
    return ngettext("You changed %(count)d value.", "You changed %(count)d values.", count) % {"count": count}


# --- Requests -----------------------------------------------------------------------------------


@require_safe
def list_requests(request):
    mine = UpdateRequest.objects.for_user(request.user).order_by("-id")[:REQUESTS_SHOWN]
    return render(request, "profiles/update_requests.html", {"update_requests": mine})


@require_http_methods(["GET", "HEAD", "POST"])
def show_request(request, reference: str):
    """The status of one request, which is its receipt too."""
    found = find_request(request, reference)
    if request.method == "POST":
        return withdraw(request, found)
    context = {
        "update_request": found,
        "changes": list_changes(found),
        "steps": [(step, name_remarks(step)) for step in found.steps.all()],
        "files": found.files.kept().order_by("uploaded_at"),
        "remarks": name_remarks(found),
        "close_days": settings.RETURNED_CLOSE_DAYS,
    }
    return render(request, "profiles/update_request.html", context)


def withdraw(request, found: UpdateRequest):
    if request.POST.get("action") == "withdraw":
        try:
            services.withdraw_update_request(request=found)
        except services.StateChanged:
            messages.warning(request, _("This request was decided on meanwhile."))
        else:
            messages.success(request, _("You withdrew the request. Your data stays as it is."))
    return redirect("update_request", found.reference)
