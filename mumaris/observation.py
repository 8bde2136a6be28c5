"""What is known of every request afterwards: how it ended and how long it took, by the name of its page.

Never by its path: the links of resets and undos are secrets.
"""

import logging
import re
import time
import uuid

from django.conf import settings

from mumaris.logs import work
from mumaris.metrics import RESPONSE_TIME, RESPONSES

logger = logging.getLogger(__name__)

SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Observation:
    """Stands before all others, so that refusals of the others are seen too."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        began = time.monotonic()
        request.request_id = choose_id(request)
        # Not taken back: Django logs some answers after this has returned, and the next request sets its own.
        work.set({"request_id": request.request_id})
        response = self.get_response(request)
        response.headers["X-Request-ID"] = request.request_id
        record_answer(request, response.status_code, time.monotonic() - began)
        return response


def choose_id(request) -> str:
    """Return the proxy's id of this request if it is a sane one, else one of our own."""
    offered = request.headers.get("X-Request-ID", "")
    return offered if settings.TRUSTED_PROXY_COUNT and SANE_ID.fullmatch(offered) else uuid.uuid4().hex


def record_answer(request, status: int, seconds: float) -> None:
    view = name_view(request)
    RESPONSES.labels(status).inc()
    RESPONSE_TIME.labels(view).observe(seconds)
    method = request.method if request.method in METHODS else "other"
    facts = {"method": method, "view": view, "status": status, "duration_ms": round(seconds * 1000, 1)}
    logger.info("%s %s %s", method, view, status, extra={"facts": facts})


def name_view(request) -> str:
    """Return the name that the page has in urls.py; what leads nowhere has none."""
    if request.resolver_match is not None:
        return request.resolver_match.view_name
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "none"
