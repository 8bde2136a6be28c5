"""A member's record as staff read it: whole for those who may, masked for the others."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import User
from mumaris.text import mask_address
from profiles.identity import HIDDEN, mask_identity, mask_mobile
from profiles.member_fields import EDITABLE_FIELDS, label_of, present_value, show_value
from profiles.models import Member

WHOLE = "profiles.view_whole_member"
LEFT_TO_RIGHT = frozenset({"mobile", "identity_number"})
# What tells somebody apart or reaches them: support looks up without it.
MASKS = {
    "mobile": mask_mobile,
    "address": lambda _value: HIDDEN,
    "birth_date": lambda _value: HIDDEN,
}


@dataclass(frozen=True, kw_only=True)
class Line:
    field: str
    label: str
    value: str
    direction: str = "auto"


def list_lines(member: Member, viewer: User, *, with_identity: bool = False) -> list[Line]:
    """Return the values of a member; the identity number is whole only when it was asked for."""
    lines = [
        _make_line(field, member, viewer) for field in EDITABLE_FIELDS if field not in {"identity_number", "photo"}
    ]
    number = member.identity_number if with_identity else mask_identity(member.identity_number)
    return [*lines, Line(field="identity_number", label=label_of("identity_number"), value=number, direction="ltr")]


def _make_line(field: str, member: Member, viewer: User) -> Line:
    value = present_value(member, field)
    is_masked = value and field in MASKS and not viewer.has_perm(WHOLE)
    names = {value: str(getattr(member, field))} if value and field in {"specialty", "rank"} else None
    shown = MASKS[field](value) if is_masked else show_value(field, value, names)
    return Line(
        field=field,
        label=label_of(field),
        value=shown,
        direction="ltr" if value and field in LEFT_TO_RIGHT else "auto",
    )


def show_registry_email(member: Member, viewer: User) -> str:
    if not member.registry_email:
        return _("Not provided")
    return member.registry_email if viewer.has_perm(WHOLE) else mask_address(member.registry_email)
