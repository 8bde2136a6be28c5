"""Privacy and one's own data: consents, a copy of everything, and erasure."""

import json

from django.contrib import messages
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import consents, erasure, own_data
from accounts.freshness import ask_proof, fresh_required, is_fresh
from accounts.limits import LimitReached
from accounts.models import Consent, ErasureRequest
from mumaris.text import format_moment
from mumaris.views import name_retry_after

# Records of a section that the page shows; the file holds all.
SHOWN = 30


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def privacy(request):
    """Show consents and the clock of an erasure; each button is one act."""
    if request.method == "POST":
        act = ACTS.get(request.POST.get("action"))
        return (act and act(request)) or redirect("account_privacy")
    return show_page(request)


def show_page(request, limit: str = "", status: int = 200):
    given = consents.list_consents(request.user)
    asked = erasure.open_erasure(request.user)
    context = {
        "consents": given,
        "may_withdraw": any(consent.kind == Consent.Kind.EMAIL and not consent.withdrawn_at for consent in given),
        "email_kind": Consent.Kind.EMAIL,
        "erasure": asked,
        "days_left": say_days_left(asked) if asked else "",
        "refused": None if asked else find_refusal(request.user),
        "limit": limit,
    }
    return render(request, "account/privacy.html", context, status=status)


def find_refusal(user) -> ErasureRequest | None:
    newest = user.erasures.order_by("-pk").first()
    return newest if newest and newest.state == ErasureRequest.State.REFUSED else None


def say_days_left(asked: ErasureRequest) -> str:
    days = max(erasure.days_left(asked), 0)
    return ngettext("%(count)d day left", "%(count)d days left", days) % {"count": days}


def withdraw(request):
    consents.withdraw_email_consent(user=request.user)
    messages.success(request, _("You withdrew your consent. The Commission writes to you about your account only."))


def give(request):
    consents.give_email_consent(user=request.user)
    messages.success(request, _("You agreed to receive emails from the Commission."))


def download(request):
    return redirect("account_own_data")


def erase(request):
    if not is_fresh(request):
        return ask_proof(request)
    try:
        erasure.ask_erasure(user=request.user)
    except LimitReached as reached:
        told = _("You have asked for the erasure too often. You can ask again at %(moment)s.")
        page = show_page(request, told % {"moment": format_moment(reached.until)}, status=429)
        return name_retry_after(page, reached.until)
    messages.success(request, _("We received your request to erase your account. We are mailing you a confirmation."))
    return None


def cancel_erase(request):
    if erasure.cancel_erasure(user=request.user):
        messages.success(request, _("You cancelled the request. Your account stays as it is."))
    else:
        messages.warning(request, _("There is no request to cancel: it was decided on or cancelled meanwhile."))


ACTS = {"withdraw": withdraw, "give": give, "download": download, "erase": erase, "cancel_erase": cancel_erase}


@never_cache
@require_safe
@fresh_required
def show_data(request):
    return show_data_page(request)


def show_data_page(request, limit: str = "", status: int = 200):
    """Show everything that is held about this person, long sections from their start."""
    sections = [
        {"title": section.title, "records": section.records[:SHOWN], "is_longer": len(section.records) > SHOWN}
        for section in own_data.collect_own_data(request.user)
    ]
    context = {"sections": sections, "shown": SHOWN, "limit": limit}
    return render(request, "account/own_data.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@fresh_required
def download_data(request):
    """Hand out the same as a file. By POST, because a copy that was taken is recorded."""
    if request.method != "POST":
        return redirect("account_own_data")
    try:
        held = own_data.export_own_data(user=request.user)
    except LimitReached as reached:
        told = _("You have downloaded the file too often. You can download it again at %(moment)s.")
        page = show_data_page(request, told % {"moment": format_moment(reached.until)}, status=429)
        return name_retry_after(page, reached.until)
    content = json.dumps(held, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
    headers = {"Content-Disposition": 'attachment; filename="mumaris-data.json"', "Cache-Control": "no-store"}
    return HttpResponse(content, content_type="application/json; charset=utf-8", headers=headers)
