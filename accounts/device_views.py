"""The devices that an account knows, and the link that disowns a sign-in from one."""

from contextlib import suppress
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import disowning, known_devices
from accounts.freshness import fresh_required
from accounts.password_reset import LinkSpent
from accounts.views import refuse_over_limit

# The newest of them: a browser that forgets its cookies adds one at every sign-in.
SHOWN = 50


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@fresh_required
def devices(request):
    known = request.user.devices.known()
    if request.method == "POST":
        return revoke(request, known)
    listed = list(known.order_by("-last_seen_at")[:SHOWN])
    here = [device.pk for device in listed if known_devices.is_here(request, device)]
    return render(request, "account/devices.html", {"devices": listed, "here": here})


def revoke(request, known):
    try:
        device = get_object_or_404(known, pk=UUID(request.POST.get("device", "")))
    except ValueError:
        raise Http404 from None
    if known_devices.revoke_device(request.user, device, here=request.session.session_key):
        told = _("The device was removed and signed out. Its next sign-in will be reported to you.")
    else:
        told = _("The device was removed. Its next sign-in will be reported to you.")
    messages.success(request, told)
    return redirect("account_devices")


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def not_me(request, token: str):
    """Show what the link would do; act on POST only, because mail scanners open links."""
    device = disowning.find_disownable(token)
    if request.method != "POST":
        can_disown = device is not None and disowning.can_disown(device)
        return render(request, "account/not_me.html", {"device": device, "can_disown": can_disown})
    if refusal := refuse_over_limit(request, "any"):
        return refusal
    if device:
        # A second tap finds the link used, and sees what the first has done.
        with suppress(LinkSpent):
            disowning.disown_sign_in(device)
    return redirect("account_not_me", token)
