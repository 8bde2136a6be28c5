"""Every page of the admin, found in its own list of addresses, with an address of a row that is there."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver


def list_routes() -> list[str]:
    """Return the routes of all admin pages, as "accounts/user/<path:object_id>/change/"."""
    return sorted(set(_walk(admin.site.get_urls())))


def _walk(patterns, before: str = ""):
    for entry in patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, route)
        else:
            assert isinstance(entry, URLPattern)
            yield route
