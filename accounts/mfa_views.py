"""Two-step sign-in of an account: the app, the passkeys and the recovery codes."""

from functools import wraps

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from cryptography.fernet import InvalidToken
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts import passkeys, second_step, second_step_tries
from accounts.freshness import fresh_required
from accounts.mfa_adapter import SecondStepAdapter
from accounts.mfa_forms import WRONG_CODE, WRONG_PASSKEY, AppForm, PasskeyForm, PasskeyNameForm
from accounts.proof_views import OPTIONS
from accounts.qr_code import draw_qr_code
from accounts.second_step import NotPossible, PasskeyHeld, WrongProof
from accounts.views import refuse_over_limit
from mumaris.views import name_retry_after

# Where the sealed secret of an app waits in the session until its first code is typed.
NEW_APP = "new_app"
# Seconds for which the same secret is shown again.
NEW_APP_LIFETIME = 15 * 60


def protected(view):
    """A page that shows or changes the second step: fresh, never kept, and its posts counted."""

    @wraps(view)
    @never_cache
    @require_http_methods(["GET", "HEAD", "POST"])
    @sensitive_post_parameters()
    @fresh_required
    def wrapped(request, *args, **kwargs):
        refusal = refuse_over_limit(request, "any") if request.method == "POST" else None
        return refusal or view(request, *args, **kwargs)

    return wrapped


def stay_signed_in(request, user, said: str, page: str):
    """Go on in this browser alone, under a new session id."""
    update_session_auth_hash(request, user)
    if not second_step.factors_of(user).is_on:
        request.session.mark_second_factor(False)
    messages.success(request, said)
    return redirect(page)


def page_after_adding(before: second_step.Factors) -> str:
    """Return where the recovery codes are shown that the first factor has brought, or the overview."""
    return "mfa_index" if before.codes else "mfa_view_recovery_codes"


@never_cache
@require_safe
def index(request):
    factors = second_step.factors_of(request.user)
    is_asked = request.GET.get("notice") == "staff" and not factors.is_on
    return render(request, "mfa/index.html", {"factors": factors, "is_asked": is_asked})


# --- The app ------------------------------------------------------------------------------------


@protected
def add_app(request):
    if second_step.factors_of(request.user).totp:
        return redirect("mfa_index")
    secret = open_new_secret(request)
    if request.method != "POST" or not secret:
        # A phone that opened the app in between often loads this page again: the app holds the key by then.
        secret = open_new_secret(request, not_older=NEW_APP_LIFETIME) or seal_new_secret(request)
        return show_new_app(request, secret, AppForm())
    form = AppForm(request.POST)
    if not form.is_valid():
        return show_new_app(request, secret, form)
    try:
        second_step_tries.count_try(request, request.user, second_step_tries.NEW_APP)
        before = second_step.factors_of(request.user)
        user = second_step.add_app(user=request.user, secret=secret, code=form.cleaned_data["code"])
    except (ValidationError, WrongProof) as refused:
        form.add_error("code", refused if isinstance(refused, ValidationError) else WRONG_CODE)
        return show_new_app(request, secret, form)
    except NotPossible:
        return redirect("mfa_index")
    request.session.pop(NEW_APP, None)
    return stay_signed_in(request, user, _("The authenticator app was added."), page_after_adding(before))


def seal_new_secret(request) -> str:
    """Make a secret for a new app and keep it sealed: rows of sessions are readable."""
    secret = generate_totp_secret()
    request.session[NEW_APP] = SecondStepAdapter().encrypt(secret)
    return secret


def open_new_secret(request, *, not_older: int | None = None) -> str | None:
    """Return the secret that waits for its first code, if it was made in the last ``not_older`` seconds."""
    try:
        return SecondStepAdapter().decrypt(request.session[NEW_APP], ttl=not_older)
    except (KeyError, InvalidToken):
        return None


def show_new_app(request, secret: str, form):
    address = SecondStepAdapter().build_totp_url(request.user, secret)
    groups = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    context = {"form": form, "secret": groups, "address": address, "qr": draw_qr_code(address)}
    response = render(request, "mfa/app_add.html", context)
    if until := getattr(request, "retry_after", None):
        response.status_code = 429
        name_retry_after(response, until)
    return response


@protected
def remove_app(request):
    if not second_step.factors_of(request.user).totp:
        raise Http404
    if request.method != "POST":
        return render(request, "mfa/app_remove.html")
    try:
        user = second_step.remove_app(user=request.user)
    except NotPossible:
        return redirect("mfa_index")
    return stay_signed_in(request, user, _("The authenticator app was removed."), "mfa_index")


# --- Recovery codes -----------------------------------------------------------------------------


@protected
def codes(request):
    factors = second_step.factors_of(request.user)
    if not factors.codes:
        raise Http404
    return render(request, "mfa/codes.html", {"codes": factors.codes_left})


@protected
def download_codes(request):
    unused = second_step.factors_of(request.user).codes_left
    if not unused:
        raise Http404
    lines = [_("Mumaris Plus"), _("Recovery codes. Each works once."), "", *unused]
    response = HttpResponse("\r\n".join(lines) + "\r\n", content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="mumaris-recovery-codes.txt"'
    # Pages of text/html get it from a middleware.
    response.headers["Cache-Control"] = "no-store"
    return response


@protected
def make_codes(request):
    factors = second_step.factors_of(request.user)
    if not factors.is_on:
        return redirect("mfa_index")
    if request.method != "POST":
        return render(request, "mfa/codes_make.html", {"count": len(factors.codes_left)})
    try:
        user = second_step.make_codes(user=request.user)
    except NotPossible:
        return redirect("mfa_index")
    return stay_signed_in(request, user, _("New recovery codes were made."), "mfa_view_recovery_codes")


# --- Passkeys -----------------------------------------------------------------------------------


@never_cache
@require_safe
def list_passkeys(request):
    """The overview shows them."""
    return redirect("mfa_index")


@protected
def add_passkey(request):
    if OPTIONS in request.GET:
        return JsonResponse(passkeys.begin_registration(request.user))
    if request.method != "POST":
        return render(request, "mfa/passkey_add.html", {"form": PasskeyForm()})
    form = PasskeyForm(request.POST)
    if not form.is_valid():
        return render(request, "mfa/passkey_add.html", {"form": form})
    before = second_step.factors_of(request.user)
    try:
        user = second_step.add_passkey(user=request.user, **form.cleaned_data)
    except WrongProof:
        form.add_error(None, WRONG_PASSKEY)
    except PasskeyHeld:
        form.add_error(None, _("Your account has this passkey already. Choose another device or another key."))
    except NotPossible:
        form.add_error(None, _("You have 10 passkeys. Remove one before you add another."))
    else:
        return stay_signed_in(request, user, _("The passkey was added."), page_after_adding(before))
    return render(request, "mfa/passkey_add.html", {"form": form})


def passkey_of(request, pk: int) -> Authenticator:
    """Return a passkey of this user; another person's is the same 404 as none."""
    return get_object_or_404(Authenticator, pk=pk, user=request.user, type=Authenticator.Type.WEBAUTHN)


@protected
def remove_passkey(request, pk: int):
    passkey = passkey_of(request, pk)
    if request.method != "POST":
        return render(request, "mfa/passkey_remove.html", {"passkey": passkey.wrap()})
    try:
        user = second_step.remove_passkey(user=request.user, passkey=passkey)
    except NotPossible:
        return redirect("mfa_index")
    return stay_signed_in(request, user, _("The passkey was removed."), "mfa_index")


@protected
def rename_passkey(request, pk: int):
    passkey = passkey_of(request, pk)
    initial = {"name": passkey.wrap().name}
    form = PasskeyNameForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method != "POST" or not form.is_valid():
        return render(request, "mfa/passkey_rename.html", {"form": form, "passkey": passkey.wrap()})
    second_step.rename_passkey(passkey=passkey, name=form.cleaned_data["name"])
    messages.success(request, _("The name was changed."))
    return redirect("mfa_index")
