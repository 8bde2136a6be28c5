"""Every page of the admin, found in its own list of addresses, with an address of a row that is there."""

import re

from django.contrib import admin
from django.urls import URLPattern, URLResolver


def list_routes() -> list[str]:
    """Return the routes of all admin pages, as "accounts/user/<path:object_id>/change/"."""
    return sorted(set(_walk(admin.site.get_urls())))


def sort_labels(found: re.Match) -> str:
    """Their order is that in which modules happen to be imported."""
    return "|".join(sorted(found[0].split("|")))


def _walk(patterns, before: str = ""):
    for entry in patterns:
        route = before + re.sub(r"(?<=<app_label>)[\w|]+", sort_labels, str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, route)
        else:
            assert isinstance(entry, URLPattern)
            yield route
