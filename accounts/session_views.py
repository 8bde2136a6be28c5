"""The devices that a person is signed in on, and the session that goes on while a long form is filled in."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import session_list
from accounts.session_list import NoSuchSession


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sessions(request):
    here = request.session.session_key
    if request.method != "POST":
        found = session_list.list_sessions(user=request.user, here=here)
        return render(request, "account/sessions.html", {"sessions": found})
    if request.POST.get("action") == "others":
        return say_ended(request, session_list.end_other_sessions(user=request.user, here=here))
    try:
        session_list.end_session(user=request.user, name=request.POST.get("session", ""))
    except NoSuchSession:
        # Ended in another tab, or never this person's: the answer is the same.
        messages.warning(request, _("This device is signed out already."))
        return redirect("account_sessions")
    return say_ended(request, 1)


def say_ended(request, count: int):
    text = ngettext("%(count)d device was signed out.", "%(count)d devices were signed out.", count)
    messages.success(request, text % {"count": count} if count else _("No other device is signed in."))
    return redirect("account_sessions")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def keep_session(request):
    """Say until when the session goes on: having asked is what keeps it."""
    if request.method != "POST":
        return redirect("profile")
    response = render(request, "account/session_kept.html")
    response.headers["Session-Seconds"] = request.session.seconds_left
    return response
