"""Where a request comes from, session activity, and the way of a visitor who must sign in first."""

from http import HTTPStatus
from urllib.parse import urlencode

from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpResponseRedirect
from django.urls import reverse

from accounts.events import record_event
from accounts.freshness import ask_proof
from accounts.hashing_gate import RETRY_AFTER, TooBusy
from accounts.known_devices import give_device_id
from accounts.late_posts import keep_late_post
from accounts.metrics import HASHING_REFUSALS
from mumaris.origin import working_for
from mumaris.views import service_away


class RequestOrigin:
    """Lets a record of what this request causes say who and where from."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        with working_for(request):
            response = self.get_response(request)
            if response.status_code == HTTPStatus.FORBIDDEN:
                record_refusal(request)
            return response


def record_refusal(request) -> None:
    """Record that the admin was closed to somebody on the staff: by the page's name, which holds nothing typed."""
    match = request.resolver_match
    if match is not None and "admin" in match.app_names and request.user.is_authenticated and request.user.is_staff:
        record_event("access.refused", user=request.user, refused=True, subject=match.view_name[:80])


class DeviceCookie:
    """Gives a browser the id that an act of this request has made its own."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if device_id := getattr(request, "device_id", None):
            give_device_id(response, device_id)
        return response


class SessionActivity:
    """Keeps a used session alive."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        request.session.touch()
        return response


class SignInRequired(LoginRequiredMiddleware):
    """Closed by default: a page is public only when it says so."""

    def process_view(self, request, view_func, view_args, view_kwargs):
        # Django's own asks who the visitor is first, which costs a public page the session and the user.
        if not getattr(view_func, "login_required", True):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)

    def handle_no_permission(self, request, view_func):
        query = {"next": request.get_full_path()}
        if request.method == "POST" and getattr(view_func, "keeps_late_post", False) and keep_late_post(request):
            query["notice"] = "kept"
        elif settings.SESSION_COOKIE_NAME in request.COOKIES and not request.session.session_key:
            # The browser still holds the cookie of a session that the server has ended.
            query["notice"] = "ended"
        return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode(query)}")


class HashingGate:
    """Answers at once when more people want a password checked than this process can serve."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if not isinstance(exception, TooBusy):
            return None
        HASHING_REFUSALS.inc()
        return service_away(request, retry_after=RETRY_AFTER)


class FreshProof:
    """Asks for a fresh proof as our own pages do, whenever a page of allauth wants one.

    Stands after allauth's middleware, which would keep a late POST, passwords too, in the session.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        return ask_proof(request) if isinstance(exception, ReauthenticationRequired) else None
