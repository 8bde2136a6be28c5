"""Claim a member file, and object to a claim. Every failure of a claim reads the same."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import limits
from accounts.views import refuse_over_limit
from mumaris.text import format_time
from mumaris.views import name_retry_after
from profiles import claims
from profiles.forms import ClaimForm
from profiles.models import Claim, Member


@require_http_methods(["GET", "HEAD", "POST"])
def claim(request):
    if Member.objects.filter(user=request.user).exists():
        return redirect("profile")
    waiting = Claim.objects.waiting().filter(user=request.user).first()
    if waiting or request.method != "POST":
        ended = None if waiting else Claim.objects.ended().filter(user=request.user).first()
        context = {"claim": waiting, "ended": ended, "form": None if waiting else ClaimForm()}
        return render(request, "profiles/claim.html", context)
    if refusal := refuse_over_limit(request, "claim"):
        return refusal
    form = ClaimForm(request.POST)
    if form.is_valid():
        try:
            claims.claim_member(user=request.user, **form.proof())
        except claims.ClaimFailed:
            form.add_error(None, _("The file could not be linked with these details. Check them or call us."))
        except limits.LimitReached as reached:
            text = _("Too many tries. You can try again at %(time)s.")
            form.add_error(None, text % {"time": format_time(reached.until)})
            return name_retry_after(render(request, "profiles/claim.html", {"form": form}, status=429), reached.until)
        else:
            return redirect("claim")
    return render(request, "profiles/claim.html", {"form": form})


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def objection(request, token: str):
    """«This was not me»: opening the link consumes nothing, the button ends the claim."""
    found = claims.find_claim_of_token(token)
    if found and request.method == "POST":
        try:
            claims.stop_claim(claim=found)
        except claims.ClaimDecided:
            found = None
        else:
            messages.success(request, _("You stopped the request. The file was not linked."))
            return redirect("home")
    return render(request, "profiles/claim_objection.html", {"claim": found})
