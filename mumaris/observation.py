"""What is known of every request afterwards: how it ended and how long it took, by the name of its page.

Never by its path: the links of resets and undos are secrets.
"""

import time

from django.conf import settings

from mumaris.metrics import RESPONSE_TIME, RESPONSES


class Observation:
    """Stands before all others, so that refusals of the others are seen too."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        began = time.monotonic()
        response = self.get_response(request)
        RESPONSES.labels(response.status_code).inc()
        RESPONSE_TIME.labels(name_view(request)).observe(time.monotonic() - began)
        return response


def name_view(request) -> str:
    """Return the name that the page has in urls.py; what leads nowhere has none."""
    if request.resolver_match is not None:
        return request.resolver_match.view_name
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "none"
