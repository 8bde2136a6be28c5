"""The pages where a code or a passkey is asked for: after the password, in its place, and once more later."""

from allauth.account import views as allauth_views
from allauth.account.internal.decorators import login_stage_required
from allauth.account.models import Login
from allauth.account.utils import get_next_redirect_url, passthrough_next_redirect_url
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.webauthn.internal.flows import perform_passwordless_login
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import passkeys, second_step, second_step_tries
from accounts.forms import PROVED_BY
from accounts.mfa_forms import CredentialField, ProofForm
from accounts.passkeys import Purpose
from accounts.second_step import WrongProof
from accounts.sessions import REMEMBER
from accounts.views import redirect_to_sign_in, refuse_over_limit, visitors_only
from mumaris.views import name_retry_after

# What static/js/passkey.js asks a page for, at the press of its button.
OPTIONS = "options"
TEMPLATES = {Purpose.SECOND_STEP: "mfa/authenticate.html", Purpose.ONCE_MORE: "mfa/reauthenticate.html"}


def take_proof(request, user, purpose: Purpose, accept):
    """Ask ``user`` for a code or a passkey, and answer a right one with ``accept(factor)``."""
    template, asked = TEMPLATES[purpose], {"user": user, "request": request, "purpose": purpose}
    if OPTIONS in request.GET:
        return JsonResponse(passkeys.begin_proof(user, purpose))
    if request.method != "POST":
        return show_proof_page(request, template, ProofForm(**asked))
    if refusal := refuse_over_limit(request, "any", "sign-in"):
        return refusal
    form = ProofForm(request.POST, **asked)
    if not form.is_valid():
        return refuse_proof(request, template, form)
    second_step_tries.forget_tries(request, user)
    return accept(form.factor)


def refuse_proof(request, template: str, form):
    """Show the page once more; the wrong try that locks is told to the owner, one that comes meanwhile is not."""
    is_locked = second_step_tries.is_locked(request, form.user)
    if is_locked and not hasattr(request, "retry_after"):
        second_step_tries.tell_locked(form.user)
    return show_proof_page(request, template, form, is_locked=is_locked)


def show_proof_page(request, template: str, form, *, is_locked: bool = False):
    """Show the page with what its user can prove; a refused try is a 429 that names its end."""
    factors = second_step.factors_of(form.user)
    if not factors.totp:
        form.ask_for_recovery_code()
    context = {
        "form": form,
        "has_passkeys": bool(factors.passkeys),
        "next": get_next_redirect_url(request),
        "is_locked": is_locked,
    }
    response = render(request, template, context)
    if until := getattr(request, "retry_after", None):
        response.status_code = 429
        name_retry_after(response, until)
    return response


# --- Signing in ---------------------------------------------------------------------------------


@login_stage_required(stage=AuthenticateStage.key, redirect_urlname="account_login")
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def authenticate(request):
    """The step after the password."""
    stage = request._login_stage
    user = stage.login.user
    if not is_still_asked(stage.login):
        # Another password, or no second step any more, since this one was checked.
        stage.abort()
        return redirect_to_sign_in("ended")
    if request.POST.get("action") == "cancel":
        return stage.abort()

    def accept(factor):
        post_authentication(request, factor)
        # Session and last sign-in in one commit.
        with transaction.atomic():
            return stage.exit()

    return take_proof(request, user, Purpose.SECOND_STEP, accept)


@visitors_only
def login_passkey(request):
    """Sign in by a passkey alone. No visual code: there is nothing to guess."""
    if refusal := refuse_over_limit(request, "any"):
        return refusal
    if request.method != "POST":
        is_asked = OPTIONS in request.GET
        return JsonResponse(passkeys.begin_proof(None, Purpose.SIGN_IN)) if is_asked else redirect("account_login")
    if refusal := refuse_over_limit(request, "sign-in"):
        return refusal
    try:
        credential = CredentialField().clean(request.POST.get("credential"))
        # Not counted against the account: its number stands in the answer, and anybody may write one.
        passkey = second_step.prove_by_passkey_alone(credential=credential)
    except (ValidationError, WrongProof):
        return redirect_to_sign_in("passkey")
    second_step_tries.forget_tries(request, passkey.user)
    # Nobody has ticked it for this sign-in.
    request.session.pop(REMEMBER, None)
    login = Login(user=passkey.user, redirect_url=get_next_redirect_url(request))
    with transaction.atomic():
        return perform_passwordless_login(request, passkey, login)


def is_still_asked(login) -> bool:
    """Tell whether the password that began this sign-in is still the account's, and its second step still there."""
    user = login.user
    if user is None or not user.is_proved_by(login.state.get(PROVED_BY) or ""):
        return False
    return second_step.factors_of(user).is_on


# --- Once more ----------------------------------------------------------------------------------


@never_cache
@sensitive_post_parameters()
def reauthenticate_by_password(request):
    """A fresh proof by the password: allauth's page, for whoever has no second step."""
    if second_step.factors_of(request.user).is_on:
        return redirect(passthrough_next_redirect_url(request, reverse("mfa_reauthenticate"), "next"))
    return allauth_views.reauthenticate(request)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def reauthenticate(request):
    """A fresh proof by a code or passkey; staff who have none yet are led to add it."""
    user = request.user
    if not second_step.factors_of(user).is_on:
        return redirect(f"{reverse('mfa_index')}?notice=staff" if user.is_staff else "mfa_index")

    def accept(factor):
        post_authentication(request, factor, reauthenticated=True)
        return redirect(get_next_redirect_url(request) or "profile")

    return take_proof(request, user, Purpose.ONCE_MORE, accept)


def reauthenticate_passkey(request):
    """One page asks for both: this address of allauth's leads there."""
    return redirect(passthrough_next_redirect_url(request, reverse("mfa_reauthenticate"), "next"))
