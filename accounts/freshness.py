"""How fresh a proof of identity is, and the way of whoever must give a new one.

allauth's own check forgets the sign-in, and keeps the whole of a late POST, passwords too, in the
session. Here every sign-in is a proof, and of a late POST nothing is kept: the person is led back to
the page itself.
"""

import time
from functools import wraps
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.second_step import factors_of
from accounts.sessions import SIGNED_IN

# What allauth's record of a proof is called that was given by a code or a passkey.
SECOND_FACTOR = "mfa"


def is_fresh(request: HttpRequest) -> bool:
    """Tell whether this session was proved in the last 15 minutes: by signing in, however, or by a proof repeated.

    Whoever has a second step proves by it. A password given before there was one stays good for its time, so that
    the recovery codes can be read that came with the first app or passkey.
    """
    oldest = time.time() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    records = get_authentication_records(request, request.user)
    if any(record["at"] > oldest for record in records if record["method"] == SECOND_FACTOR):
        return True
    # The sign-in is also written when a right code completes a registration.
    by_password = [request.session.get(SIGNED_IN, {}).get("at", 0), *(record["at"] for record in records)]
    fresh = [at for at in by_password if at > oldest]
    since = factors_of(request.user).since if fresh else None
    return bool(fresh) and (since is None or min(fresh) < since.timestamp())


def ask_proof(request: HttpRequest, page: str = "") -> HttpResponse:
    """Lead to the page that asks for a proof, and from there back to a GET of ``page``, or else of this one."""
    page = page or (request.get_full_path() if request.method in {"GET", "HEAD"} else request.path)
    return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': page})}")


def fresh_required(view):
    """Show a page only to somebody who has proved who they are a short while ago."""

    @wraps(view)
    def wrapped(request, *args, **kwargs):
        return view(request, *args, **kwargs) if is_fresh(request) else ask_proof(request)

    return wrapped


def fresh_to_post(view):
    """Let a page be looked at as ever, and take a post from somebody with a fresh proof alone."""

    @wraps(view)
    def wrapped(request, *args, **kwargs):
        is_late = request.method == "POST" and not is_fresh(request)
        return ask_proof(request) if is_late else view(request, *args, **kwargs)

    return wrapped
