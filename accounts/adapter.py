"""What allauth does is decided here: where it asks, how it counts, how it mails."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts import limits
from accounts.events import record_event
from accounts.freshness import is_fresh
from accounts.hashing_gate import refuse_when_full
from accounts.known_devices import Named, device_key, named_in
from accounts.metrics import SIGN_INS
from accounts.password_reset import find_user, record_new_password
from mumaris import text
from mumaris.mail.queue import queue_mail
from mumaris.text import format_time


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("The username or password is wrong."),
        "incorrect_password": _("The password is wrong."),
        "enter_current_password": _("The old password is wrong."),
    }

    def get_login_stages(self):
        # Its e-mail stage would lead a user without a verified row to our code page, without a challenge.
        return [stage for stage in super().get_login_stages() if stage.startswith("allauth.mfa.")]

    def is_ajax(self, request):
        # Any client header would switch pages to JSON.
        return False

    def is_safe_url(self, url):
        """Lead on within this site alone, by its path: another port or scheme of the host is another site."""
        return bool(url) and url.startswith("/") and super().is_safe_url(url)

    def authenticate(self, request, **credentials):
        """Count the try, then check one password. A success gives its tries back. Raises ValidationError, TooBusy."""
        refuse_when_full()
        name = text.sign_in_name(credentials.get("email", ""))
        try:
            counted = count_sign_in_try(request, name)
        except ValidationError:
            SIGN_INS.labels("limited").inc()
            raise
        user = super().authenticate(request, **credentials)
        if user:
            limits.forget(*counted)
            limits.give_back_ip("sign-in", request)
            return user
        SIGN_INS.labels("wrong_password").inc()
        # For a name without an account too, so that time tells nothing.
        record_event("sign_in.failed", user=request.named.owner, refused=True)
        if settings.VISUAL_CODE == "after_failures":
            limits.count_ip("failed", request)
        return None

    def reauthenticate(self, user, password):
        """Check the password of somebody who is signed in; its tries count with the failed sign-ins."""
        return self.authenticate(self.request, email=user.email, password=password) == user

    def is_reauthentication_required(self, *, app, **kwargs):
        # Its own answer is a setting of each app; ours is one rule for all pages.
        return not is_fresh(self.request)

    def pre_authenticate(self, request, **credentials):
        """Nothing: ``authenticate`` counts."""

    def set_password(self, user, password):
        # Hashed before the transaction: no lock is held over it.
        checked, hashed = user.password, make_password(password)
        with transaction.atomic():
            if record_new_password(user, hashed, instead_of=checked):
                record_event("password.changed", user=user)
                return
        # The owner has recovered the account in the meantime: this session has ended with the old password.
        raise ImmediateHttpResponse(redirect("account_login"))

    def get_password_change_redirect_url(self, request):
        return reverse("profile")

    def send_mail(self, template_prefix, email, context):
        """Queue allauth's mail by its name: rendering is the mail room's, at sending time."""
        user = find_user(email)
        queue_mail(template_prefix.rpartition("/")[2], email, user=user and user.pk)


def count_sign_in_try(request, name: str) -> list[tuple]:
    """Count a try before any hash; return what a success forgets. Raises ValidationError that names the end."""
    named = named_in(request, name)
    if not limits.count_ip("sign-in", request) and not named.is_known:
        request.retry_after = limits.ip_window_end("sign-in")
        raise ValidationError(_("Too many tries from this network. Try again in a minute."), code="ip_limit")
    counted = sign_in_counters(request, named)
    for counter in counted:
        try:
            # Each commits alone, before any hash.
            limits.count(*counter)
        except limits.LimitReached as reached:
            raise refuse_locked(request, counter[0], reached.until) from None
    return counted


def sign_in_counters(request, named: Named) -> list[tuple]:
    """Return what a try counts against, as (limit, *key): a known device answers for nobody but itself.

    By the name that was typed, whether it has an account or not: two names of one account count apart,
    or their counters would tell that they belong together.
    """
    if named.is_known:
        return [(limits.SIGN_IN_HERE, named.name, device_key(request))]
    here = (limits.SIGN_IN_HERE, named.name, limits.client_network(request))
    # The streak comes last: only tries that reach a hash count to it.
    return [here, (limits.SIGN_IN_ANYWHERE, named.name), (limits.SIGN_IN_STREAK, named.name)]


def refuse_locked(request, limit: limits.Limit, until) -> ValidationError:
    """Return the refusal of a try, and leave with the request what its answer says besides."""
    if limit is limits.SIGN_IN_STREAK:
        request.opens_by_reset = True
        text = _("Too many tries. Sign in from a device that you have used before, or reset your password now.")
        return ValidationError(text, code="locked")
    request.retry_after = until
    text = _("Too many tries. You can try again at %(time)s, or reset your password now.")
    return ValidationError(text, code="locked", params={"time": format_time(until)})
