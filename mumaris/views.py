"""The pages that belong to no app, and the error pages.

Error pages need no database, no session and no user: they render without context processors,
because any of those three may be what failed.
"""

import logging
import math
import sys
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.http import escape_leading_slashes, url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from mumaris import clock
from mumaris.context import OTHER, describe_page

log = logging.getLogger(__name__)

# --- Pages ------------------------------------------------------------------------------------


@login_not_required
@require_safe
def root(request):
    """Lead ``/`` to the home page in the language of the cookie, then the browser, then Arabic."""
    with translation.override(translation.get_language_from_request(request)):
        response = HttpResponseRedirect(reverse("home"))
    patch_vary_headers(response, ["Accept-Language", "Cookie"])
    return response


@login_not_required
@require_safe
def home(request):
    return render(request, "pages/home.html")


@login_not_required
@require_safe
def contact(request):
    return render(request, "pages/contact.html")


@login_not_required
@require_safe
def terms(request):
    return render(request, "pages/terms.html")


@login_not_required
@require_safe
def privacy(request):
    return render(request, "pages/privacy.html")


@login_not_required
@require_safe
def accessibility(request):
    return render(request, "pages/accessibility.html")


@login_not_required
@require_safe
def robots(request):
    """Keep crawlers out of everything but the public pages."""
    lines = ["User-agent: *", *(f"Disallow: /{code}/{path}" for code in OTHER for path in ("accounts/", "profile/"))]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain")


class SampleForm(forms.Form):
    """One field of each kind, for the style guide only."""

    name = forms.CharField(label=_("First name"))
    email = forms.EmailField(label=_("Email address"), error_messages={"required": _("Enter your email address.")})
    language = forms.ChoiceField(label=_("Language of your messages"), choices=settings.LANGUAGES)
    accept = forms.BooleanField(
        label=_("I accept the registration terms"),
        error_messages={"required": _("Accept the registration terms to create the account.")},
    )


@login_not_required
@require_safe
def styleguide(request):
    """Show every component once, to designers and in a local run."""
    if not (settings.DEBUG or request.user.is_staff):
        raise Http404
    context = {"form": SampleForm({"name": "نورة", "language": "ar"})}
    return render(request, "styleguide.html", context)


# --- Error pages ------------------------------------------------------------------------------


def bad_request(request, exception=None):
    return error_page(request, 400, {"too_large": isinstance(exception, RequestDataTooBig)})


def permission_denied(request, exception=None):
    return error_page(request, 403)


def csrf_failure(request, reason=""):
    """Django's 403 for a form without a good CSRF token: most often cookies are off or the page is old."""
    if request.path in {reverse("account_login"), reverse("account_signup")} and request.user.is_authenticated:
        # Signed in meanwhile in another tab, which has changed the token.
        return HttpResponseRedirect(reverse("profile"))
    return error_page(request, 403, {"stale_form": True, "again": find_way_back(request) or request.path})


def page_not_found(request, exception=None):
    return error_page(request, 404)


def too_many_requests(request, exception=None, until=None, *, reset_closed=False):
    """Tell when the lock ends (``until``, an aware time) and what stays open."""
    response = error_page(request, 429, {"until": until, "reset_closed": reset_closed})
    return name_retry_after(response, until) if until else response


def name_retry_after(response, until):
    """Tell machines, in seconds, when the next try is allowed (``until``, an aware time)."""
    response.headers["Retry-After"] = str(max(1, math.ceil((until - clock.now()).total_seconds())))
    return response


def server_error(request):
    # Called while the exception is being handled: a database that is away is no fault of the page.
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return service_away(request)
    return error_page(request, 500)


def service_away(request, exception=None, retry_after=10):
    """Answer 503 while the database is out of reach or too many wait; ``retry_after`` in seconds."""
    response = error_page(request, 503)
    response["Retry-After"] = retry_after
    return response


def error_page(request, status, context=None):
    """Render ``<status>.html`` in the visitor's language, with bare words should the templates fail too."""
    try:
        place = page_language(request), request.get_full_path()
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            body = _render_busy(*place, find_way_back(request), tuple(settings.CONTACT.items()))
        else:
            body = _render_error(status, *place, context or {})
    except Exception:
        log.exception("The error page %s cannot be rendered", status)
        body = BARE_PAGE
    return HttpResponse(body, status=status)


def _render_error(status: int, language: str, path: str, context: dict) -> str:
    with translation.override(language):
        return render_to_string(f"{status}.html", {**describe_page(path), **context})


@lru_cache(maxsize=64)
def _render_busy(language: str, path: str, again: str, contact: tuple) -> str:
    """The page of a flood, rendered once for each address: it was half of what a refusal costs (measured).

    ``contact`` is part of the key alone.
    """
    return _render_error(HTTPStatus.SERVICE_UNAVAILABLE, language, path, {"again": again})


def find_way_back(request) -> str:
    """Return the address of the page that was asked for, or that held the form; nothing where a form came from nowhere.

    Forms may be posted to addresses without a page, like the language switch, and a page has the ``next`` in its own.
    """
    if request.method in {"GET", "HEAD"}:
        return escape_leading_slashes(request.get_full_path())
    page = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure()):
        return ""
    return escape_leading_slashes(urlsplit(page)._replace(scheme="", netloc="", fragment="").geturl())


def page_language(request) -> str:
    """Return the language of the address's prefix, else of the cookie, else Arabic. Reads no session."""
    prefix = request.path_info.removeprefix("/").partition("/")[0]
    candidates = (prefix, request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME))
    return next((code for code in candidates if code in OTHER), settings.LANGUAGE_CODE)


BARE_PAGE = (
    '<!doctype html><html lang="ar" dir="rtl"><head><meta charset="utf-8">'
    "<title>ممارس بلس – Mumaris Plus</title></head>"
    '<body><h1>حدث خلل في الخدمة. حاول لاحقًا.</h1><p lang="en" dir="ltr">The service has a problem. Try later.</p>'
    "</body></html>"
)
