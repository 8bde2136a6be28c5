"""How a member's values are laid out for reading: the same rows on profile, check page, request and review."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from profiles.dates import GREGORIAN
from profiles.member_fields import TERMS, in_order, label_of, name_terms, present_value, show_value
from profiles.models import Member, RequestStep, UpdateRequest

SECTIONS = (
    (_("Contact details"), ("mobile", "city", "address")),
    (_("Work details"), ("specialty", "rank", "job_kind", "workplace", "job_title")),
    (
        _("Personal details"),
        ("name_arabic", "name_latin", "gender", "birth_date", "nationality", "identity_kind", "identity_number"),
    ),
    (_("Photo"), ("photo",)),
)
LEFT_TO_RIGHT = frozenset({"mobile", "identity_number"})


@dataclass(frozen=True, kw_only=True)
class Row:
    """One value in words; ``was`` is the former one of a changed value, ``file`` the id of a photo."""

    field: str
    label: str
    value: str
    was: str = ""
    is_changed: bool = False
    direction: str = "auto"
    file: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    title: str
    rows: list[Row]


def list_sections(member: Member, new_values: dict[str, str] | None = None) -> list[Section]:
    """Return all editable values of a member; with ``new_values`` as they would be, the changed ones marked."""
    new_values = new_values or {}
    names = _term_names(member, new_values)
    return [
        Section(title=str(title), rows=[_make_row(field, member, new_values, names) for field in fields])
        for title, fields in SECTIONS
    ]


def list_changes(request: UpdateRequest) -> list[Row]:
    """Return what a sent request changes, from the old values recorded with it."""
    names = {
        field: name_terms({request.old_values[field], request.new_values[field]}, field)
        for field in TERMS.keys() & request.old_values.keys()
    }
    calendar = request.new_values.get("birth_calendar", GREGORIAN)
    return [
        _fill_row(field, request.new_values.get(field, ""), old, names.get(field), calendar)
        for field, old in in_order(request.old_values)
    ]


def _term_names(member: Member, new_values: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return the names of the terms shown; the member's own are at hand, only a changed one is asked for."""
    names = {}
    for field in TERMS:
        present = getattr(member, field)
        names[field] = {present.code: str(present)} if present else {}
        wanted = new_values.get(field)
        if wanted and wanted not in names[field]:
            names[field] |= name_terms([wanted], field)
    return names


def _make_row(field: str, member: Member, new_values: dict[str, str], names: dict) -> Row:
    present = present_value(member, field)
    wanted = new_values.get(field, present)
    calendar = new_values.get("birth_calendar", member.birth_calendar)
    return _fill_row(field, wanted, present, names.get(field), calendar)


def _fill_row(field: str, value: str, old: str, names: dict[str, str] | None, calendar: str) -> Row:
    is_changed = value != old
    return Row(
        field=field,
        label=label_of(field),
        value=show_value(field, value, names, calendar),
        was=show_value(field, old, names, calendar) if is_changed else "",
        is_changed=is_changed,
        direction="ltr" if field in LEFT_TO_RIGHT and value else "auto",
        file=value if field == "photo" else "",
    )


def name_remarks(row: UpdateRequest | RequestStep) -> list[tuple[str, str]]:
    """Return (label, remark) of a request, or of the step that returned it."""
    return [(label_of(field), remark) for field, remark in in_order(row.remarks)]
