"""Change of the e-mail address: ask for it, type the code, and the link that undoes it."""

from contextlib import suppress

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import email_change, limits
from accounts.challenges import NoLiveCode
from accounts.email_change import AddressTaken
from accounts.forms import CodeForm, EmailChangeForm
from accounts.freshness import fresh_required
from accounts.password_reset import LinkSpent
from accounts.views import CODE_REFUSALS, describe_code, refuse_over_limit, say_refusal
from mumaris.text import format_moment, format_time


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@fresh_required
def email(request):
    form = EmailChangeForm(request.POST if request.method == "POST" else None, user=request.user)
    if request.method == "POST":
        if refusal := refuse_over_limit(request, "any"):
            return refusal
        if form.is_valid() and begin(request, form):
            return redirect("account_email_code")
    context = {"form": form, "change": email_change.open_change(request.user)}
    return render(request, "account/email.html", context)


def begin(request, form) -> bool:
    """Begin the change, or say on the form when another one may be asked for."""
    try:
        email_change.begin_email_change(request.user, form.cleaned_data["email"])
    except limits.LimitReached as reached:
        text = _("You have asked for too many changes of your email address. You can ask again at %(moment)s.")
        form.add_error("email", text % {"moment": format_moment(reached.until)})
        return False
    # Without a message: two taps on «confirm» must not both write to a session that one of them renews.
    return True


# --- The code ---------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def email_code(request):
    """Enter the code, ask for it again, or give the change up."""
    change = email_change.open_change(request.user)
    if change is None:
        # A second tap on «confirm» finds the change done by the first.
        return redirect("profile" if request.method == "POST" else "account_email")
    if request.method != "POST":
        return show_code_page(request, change)
    if refusal := refuse_over_limit(request, "any", "code"):
        return refusal
    act = {"resend": resend, "cancel": cancel}.get(request.POST.get("action"), verify)
    return act(request, change)


def show_code_page(request, change, form=None):
    typist = email_change.typist_of(change.user_id)
    state = describe_code(email_change.challenge_of(change), typist, change.new_address)
    return render(request, "account/email_code.html", {"form": form or CodeForm()} | state)


def verify(request, change):
    form = CodeForm(request.POST)
    if not form.is_valid():
        return show_code_page(request, change, form)
    try:
        user = email_change.complete_email_change(change, form.cleaned_data["code"])
    except CODE_REFUSALS as refused:
        if isinstance(refused, NoLiveCode) and not email_change.open_change(request.user):
            return redirect("profile")
        form.add_error("code", say_refusal(refused))
    except AddressTaken:
        form.add_error("code", _("This address cannot be used for your account. Use another one."))
    else:
        return stay_signed_in(request, user)
    return show_code_page(request, change, form)


def stay_signed_in(request, user):
    """Go on in this browser alone, under a new session id."""
    update_session_auth_hash(request, user)
    messages.success(request, _("Your email address was changed. You were signed out of other devices."))
    return redirect("profile")


def resend(request, change):
    try:
        email_change.resend_email_change_code(change)
    except limits.LimitReached as reached:
        text = _("You have just asked for the code. You can ask again at %(time)s.")
        messages.warning(request, text % {"time": format_time(reached.until)})
    else:
        messages.success(
            request,
            _("We send the code again, within the limit of your mailbox. A code that you already have stays good."),
        )
    return redirect("account_email_code")


def cancel(request, change):
    email_change.cancel_email_change(change)
    messages.success(request, _("The change was cancelled. Your email address stays as it is."))
    return redirect("profile")


# --- «This was not me» ------------------------------------------------------------------------


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def email_undo(request, token: str):
    """Show what the link would undo; act on POST only, because mail scanners open links."""
    change = email_change.find_undo(token)
    if request.method != "POST":
        return show_undo_page(request, change)
    if refusal := refuse_over_limit(request, "any"):
        return refusal
    if change:
        # A second tap finds the link used, and sees what the first has done.
        with suppress(LinkSpent):
            email_change.undo_email_change(change)
    return redirect("account_email_undo", token)


def show_undo_page(request, change):
    undoable = email_change.undoable(change) if change else []
    context = {
        "change": change,
        "newest": undoable[-1] if undoable else None,
        "was_completed": any(one.completed_at for one in undoable),
        "was_restored": bool(change and change.undone_at) and email_change.was_restored(change),
    }
    return render(request, "account/email_undo.html", context)
