"""Refuse to start with a rule on member data that would let identity change without a paper."""

from django.conf import settings
from django.core.checks import Error, register

from profiles.member_fields import EDITABLE_FIELDS, EVIDENCE_FIELDS


@register("production")
def check_at_once_fields(app_configs, **kwargs):
    allowed = [field for field in EDITABLE_FIELDS if field not in EVIDENCE_FIELDS and field != "photo"]
    wrong = sorted(set(settings.AT_ONCE_FIELDS) - set(allowed))
    message = f"AT_ONCE_FIELDS may hold {', '.join(allowed)} only: it names {', '.join(wrong)}."
    return [Error(message, id="profiles.E001")] if wrong else []
