"""Forgot password: ask for a link, open it, choose a new password."""

from allauth.account import views as allauth_views
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts import limits, password_reset, second_step
from accounts.forms import ForgotForm, NewPasswordForm
from accounts.freshness import ask_proof, is_fresh
from accounts.known_devices import device_key
from accounts.password_reset import LinkSpent
from accounts.views import refuse_over_limit

OPENED_RESET = "opened_reset"
RESET_DONE = "account_reset_password_from_key_done"
# In the place of the key in the clean address of the new-password page.
CLEAN_KEY = "set-password"


def change_password(request):
    """allauth's page; somebody whose password was taken away chooses one by a link of a mail.

    The old password is proof enough of whoever has no second step.
    """
    if not request.user.has_usable_password():
        return redirect("account_reset_password")
    # In this order one look at the second steps is enough.
    if not is_fresh(request) and second_step.factors_of(request.user).is_on:
        return ask_proof(request)
    return allauth_views.password_change(request)


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def forgot(request):
    if request.user.is_authenticated and request.user.has_usable_password():
        # From a mail that says that something is wrong: the way to a new password is another one here.
        return redirect("account_change_password")
    if request.method != "POST":
        return render(request, "account/password_reset.html", {"form": ForgotForm(request=request)})
    if refusal := refuse_over_limit(request, "any", "forgot"):
        return refusal
    form = ForgotForm(request.POST, request=request)
    if not form.is_valid():
        if form.was_sent_before:
            return redirect("account_reset_password_done")
        return render(request, "account/password_reset.html", {"form": form})
    password_reset.request_reset(form.cleaned_data["email"])
    return redirect("account_reset_password_done")


@login_not_required
@require_safe
def forgot_done(request):
    return render(request, "account/password_reset_done.html")


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def new_password(request, uid: str, key: str):
    """A link leads to a clean address; there the form is. Opening a link consumes nothing."""
    if key != CLEAN_KEY:
        return open_link(request, uid, key)
    try:
        user, _challenge = password_reset.live_reset(request.session.get(OPENED_RESET), uid)
    except LinkSpent:
        # A second tap on «save» finds the link used by the first.
        return redirect(RESET_DONE) if request.session.get(RESET_DONE) == uid else show_dead_link(request)
    form = NewPasswordForm(request.POST if request.method == "POST" else None, user=user)
    if request.method != "POST" or not form.is_valid():
        return render(request, "account/password_reset_from_key.html", {"form": form, "address": user.email})
    try:
        opened = request.session[OPENED_RESET]
        password = form.cleaned_data["password1"]
        sources = {"network": limits.client_network(request), "device": device_key(request)}
        password_reset.complete_reset(opened, password, **sources)
    except LinkSpent:
        return show_dead_link(request)
    del request.session[OPENED_RESET]
    request.session[RESET_DONE] = uid
    return redirect(RESET_DONE)


def open_link(request, uid: str, key: str):
    try:
        request.session[OPENED_RESET] = password_reset.open_link(uid, key)
    except LinkSpent:
        request.session.pop(OPENED_RESET, None)
        return show_dead_link(request)
    response = redirect(reverse("account_reset_password_from_key", args=[uid, CLEAN_KEY]))
    # The address with the key must not travel on. The form itself stands on the clean address.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def show_dead_link(request):
    return render(request, "account/password_reset_from_key.html", {"token_fail": True})


@login_not_required
@require_safe
def new_password_done(request):
    return render(request, "account/password_reset_from_key_done.html")
