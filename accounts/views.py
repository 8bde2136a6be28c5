"""The pages of the account journey: choose the form, call one act, redirect or render."""

from functools import wraps

from allauth.account.adapter import get_adapter
from allauth.account.views import LoginView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.hashers import make_password
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django.views.i18n import set_language as set_language_cookie

from accounts import challenges, limits, registration, texts
from accounts.address_hints import suggest_address
from accounts.challenges import MailboxClosed, NoLiveCode, NoTriesLeft, WrongCode
from accounts.consents import change_language
from accounts.forms import ChangeAddressForm, CodeForm, DeclarationForm, SignupForm
from accounts.hashing_gate import refuse_when_full
from accounts.models import Challenge, Consent, PendingRegistration, User
from accounts.registration import AlreadyRegistered, Applicant
from mumaris.text import format_time, sign_in_name
from mumaris.views import name_retry_after, too_many_requests

DECLARED = "declaration"
# Characters of a typed name that anybody could have; longer ones are no name.
MAX_TYPED = 254
CODE_REFUSALS = (WrongCode, MailboxClosed, NoTriesLeft, NoLiveCode)
# What the sign-in page says to whom another page has led there.
NOTICES = {
    "ended": gettext_lazy("Your session ended. Sign in to continue."),
    "kept": gettext_lazy("Your session ended. We kept what you typed: sign in, then send it again."),
    "registered": gettext_lazy("Registration is complete. Sign in with your email address and password."),
    "code_gone": gettext_lazy(
        "If you have entered your code already, your account is ready: sign in. If not, register again."
    ),
    "passkey": gettext_lazy("The passkey was not accepted. Try again, or sign in with your password."),
}


def visitors_only(view):
    """Lead somebody who is signed in to the profile."""

    @wraps(view)
    @never_cache
    @login_not_required
    @require_http_methods(["GET", "HEAD", "POST"])
    @sensitive_post_parameters()
    def wrapped(request, *args, **kwargs):
        if request.user.is_authenticated:
            return redirect("profile")
        return view(request, *args, **kwargs)

    return wrapped


def refuse_over_limit(request, *actions: str):
    """Count a request of this network address; return the 429 page when one of its limits is reached."""
    for action in actions:
        if not limits.count_ip(action, request):
            until = limits.ip_window_end(action)
            return too_many_requests(request, until=until, reset_closed="forgot" in actions)
    return None


# --- Registration -----------------------------------------------------------------------------


@visitors_only
def declaration(request):
    form = DeclarationForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        # Made here, so that parallel tabs of the form are one visitor.
        registration.visitor_of(request.session)
        request.session[DECLARED] = texts.accept_text(Consent.Kind.DECLARATION)
        return redirect("account_signup")
    return render(request, "account/declaration.html", {"form": form})


@visitors_only
def signup(request):
    declared = request.session.get(DECLARED)
    if declared is None:
        return redirect("account_declaration")
    if request.method != "POST":
        return render(request, "account/signup.html", {"form": SignupForm(request=request)})
    refuse_when_full()
    if refusal := refuse_over_limit(request, "any", "sign-up"):
        return refusal
    form = SignupForm(request.POST, request=request)
    if not form.is_valid():
        if form.was_sent_before and registration.is_begun(request.session.get("visitor"), form.cleaned_data):
            return redirect("account_email_verification_sent")
        return render(request, "account/signup.html", {"form": form, "email_suggestion": form.email_suggestion})
    visitor = registration.visitor_of(request.session)
    registration.begin_registration(visitor, read_applicant(request, form.cleaned_data, declared))
    return redirect("account_email_verification_sent")


def read_applicant(request, cleaned: dict, declared: dict) -> Applicant:
    """Return what was typed as the act takes it: the password hashed before any transaction is open."""
    accepted = [declared, texts.accept_text(Consent.Kind.TERMS)]
    if cleaned["email_consent"]:
        accepted.append(texts.accept_text(Consent.Kind.EMAIL))
    return Applicant(
        address=cleaned["email"],
        first_name=cleaned["first_name"],
        last_name=cleaned["last_name"],
        password=make_password(cleaned["password1"]),
        password_hint=registration.hint_password(cleaned["password1"]),
        language=get_language(),
        ip=limits.client_ip(request),
        accepted=accepted,
    )


@visitors_only
def code(request):
    """Enter the code, ask for it again, or correct the address."""
    pending = PendingRegistration.objects.of_visitor(request.session.get("visitor", ""))
    if pending is None:
        return lead_on_without_registration(request)
    if request.method != "POST":
        return show_code_page(request, pending)
    if refusal := refuse_over_limit(request, "any", "code"):
        return refusal
    act = {"resend": resend, "change": change_address}.get(request.POST.get("action"), verify)
    return act(request, pending)


def lead_on_without_registration(request):
    """Answer who has none open here: a second tap on «confirm», or a registration finished on another device."""
    if request.method == "POST" or "visitor" in request.session:
        return redirect_to_sign_in("code_gone")
    return redirect("account_declaration")


def redirect_to_sign_in(notice: str):
    """Lead to the sign-in page with a word for it, which travels in the address and not in the session.

    The twin of this request may just have signed in and changed the session under it.
    """
    return redirect(f"{reverse('account_login')}?notice={notice}")


def show_code_page(request, pending, form=None, change_form=None, status=200):
    state = describe_code(registration.challenge_of(pending), pending.visitor, pending.address)
    context = {
        "form": form or CodeForm(),
        "change_form": change_form or ChangeAddressForm(initial={"email": state["email_suggestion"]}),
    }
    return render(request, "account/code.html", context | state, status=status)


def describe_code(challenge: Challenge | None, visitor: str, address: str) -> dict:
    """Return what a code page says of the live code, and of the tries and sends that this visitor has left."""
    sent, wait = limits.used(limits.VISITOR_SENDS, visitor, address)
    return {
        "address": address,
        "email_suggestion": suggest_address(address),
        "is_expired": challenge is not None and not challenges.is_open(challenge),
        "tries_left": challenges.tries_left(challenge, visitor) if challenge else 0,
        "sends_left": max(limits.VISITOR_SENDS.quiet_below - sent, 0 if wait else 1),
        "wait_seconds": int(wait.total_seconds()),
        "sent_at": challenge and challenge.accepted_at,
        "is_late": challenge is not None and challenges.is_late(challenge),
        "works_until": challenge and challenges.ends_at(challenge),
        "failure": challenge.failure if challenge else "",
    }


def verify(request, pending):
    form = CodeForm(request.POST)
    if not form.is_valid():
        return show_code_page(request, pending, form)
    try:
        user = registration.complete_registration(pending, form.cleaned_data["code"])
    except CODE_REFUSALS as refused:
        form.add_error("code", say_refusal(refused))
    except AlreadyRegistered:
        return redirect_to_sign_in("registered")
    else:
        return welcome(request, user)
    return show_code_page(request, pending, form)


def say_refusal(refused: Exception) -> str:
    """Return the sentence for a code that was not taken."""
    if isinstance(refused, WrongCode):
        return say_tries_left(refused.tries_left)
    if isinstance(refused, MailboxClosed):
        text = _("Too many codes were tried for this address. Try again at %(time)s, or use another address.")
        return text % {"time": format_time(refused.until)}
    if isinstance(refused, NoTriesLeft):
        return _("You have used up the tries of this code. Ask for a new one.")
    return _("The code has expired. Ask for a new one.")


def say_tries_left(count: int) -> str:
    if not count:
        return _("The code is wrong, and you have no tries left. Ask for a new code.")
    return ngettext(
        "The code is wrong. You have %(count)d try left.", "The code is wrong. You have %(count)d tries left.", count
    ) % {"count": count}


def welcome(request, user: User):
    request.session.pop(DECLARED, None)
    request.session.pop("visitor", None)
    get_adapter(request).login(request, user)
    messages.success(request, _("Registration completed. We are mailing you a receipt of what you accepted."))
    return redirect("profile")


def resend(request, pending):
    try:
        registration.resend_code(pending)
    except limits.LimitReached as reached:
        text = _("You have just asked for the code. You can ask again at %(time)s.")
        messages.warning(request, text % {"time": format_time(reached.until)})
    else:
        messages.success(
            request,
            _("We send the code again, within the limit of your mailbox. A code that you already have stays good."),
        )
    return redirect("account_email_verification_sent")


def change_address(request, pending):
    change_form = ChangeAddressForm(request.POST)
    if not change_form.is_valid():
        return show_code_page(request, pending, change_form=change_form)
    if refusal := refuse_over_limit(request, "sign-up"):
        return refusal
    if not limits.allows(limits.ADDRESS_CHANGES, pending.visitor):
        change_form.add_error(
            "email", _("You have changed the address too often. Start the registration again tomorrow.")
        )
        return show_code_page(request, pending, change_form=change_form)
    registration.change_address(pending, change_form.cleaned_data["email"])
    messages.success(request, _("We are sending a code to the new address."))
    return redirect("account_email_verification_sent")


# --- Signing in -------------------------------------------------------------------------------


class SignInView(LoginView):
    """allauth's sign-in, with our limits on addresses of the network and a lock that names its end."""

    def get_authenticated_redirect_url(self):
        warn_of_other_account(self.request)
        return super().get_authenticated_redirect_url()

    def post(self, request, *args, **kwargs):
        # Before anything is read or asked: in a flood the refusal is most of the work.
        refuse_when_full()
        return refuse_over_limit(request, "any") or super().post(request, *args, **kwargs)

    def form_invalid(self, form):
        form.ask_visual_code_after_failure()
        return super().form_invalid(form)

    def render_to_response(self, context, **kwargs):
        response = super().render_to_response(context, **kwargs)
        if until := getattr(self.request, "retry_after", None):
            response.status_code = 429
            name_retry_after(response, until)
        elif getattr(self.request, "opens_by_reset", False):
            # Without a time: waiting does not help.
            response.status_code = 429
        return response

    def get_context_data(self, **kwargs):
        return super().get_context_data(notice=NOTICES.get(self.request.GET.get("notice")), **kwargs)


def warn_of_other_account(request) -> None:
    """Tell whoever has typed another name into a sign-in form whose account is open here: several share a computer."""
    typed = sign_in_name(request.POST.get("login", "")[:MAX_TYPED])
    if typed and not request.user.sign_in_names.filter(value=typed).exists():
        told = _("You are signed in as %(name)s. Sign out first to use another account.")
        messages.warning(request, told % {"name": request.user.get_full_name()})


# --- Language ---------------------------------------------------------------------------------


@login_not_required
def set_language(request):
    """Switch the language of the site, and of every mail to somebody who is signed in."""
    if request.method != "POST":
        # Django's view would lead on to wherever they came from, and from here to here for ever.
        return redirect("home")
    language = request.POST.get("language")
    if language not in dict(settings.LANGUAGES):
        # Django's view would take any language that it ships.
        request.POST = request.POST.copy()
        request.POST.pop("language", None)
    elif request.user.is_authenticated:
        change_language(user=request.user, language=language)
    return set_language_cookie(request)
