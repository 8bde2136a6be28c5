"""What of a member may be changed, by whose decision, and how a value is kept, shown and written.

Every value of a request is a text in JSON, in one spelling: dates in ISO 8601, mobiles in E.164,
terms by their code, countries by ISO 3166, a photo by the id of its file.
"""

from datetime import date

from django.conf import settings
from django.utils.text import capfirst
from django.utils.translation import gettext
from django_countries import countries

from profiles.dates import GREGORIAN, format_both
from profiles.mobiles import format_mobile
from profiles.models import Member, MemberFile, Rank, Specialty

# Form, differences, check page and approval all go by this list, in its order.
EDITABLE_FIELDS = (
    "mobile", "city", "address",
    "specialty", "rank", "job_kind", "workplace", "job_title",
    "name_arabic", "name_latin", "gender", "birth_date", "nationality", "identity_kind", "identity_number",
    "photo",
)  # fmt: skip
# Who you are is changed only with a paper that shows it.
EVIDENCE_FIELDS = frozenset(
    {"name_arabic", "name_latin", "gender", "birth_date", "nationality", "identity_kind", "identity_number"}
)
# Written together with the field that they belong to.
COMPANIONS = {"birth_date": ("birth_typed", "birth_calendar")}
# One value in two fields: neither is right without the other.
IDENTITY = ("identity_kind", "identity_number")
TERMS = {"specialty": Specialty, "rank": Rank}
CHOICES = {
    "gender": Member.Gender,
    "job_kind": Member.JobKind,
    "identity_kind": Member.IdentityKind,
}


def is_at_once(field: str) -> bool:
    return field in settings.AT_ONCE_FIELDS


def label_of(field: str) -> str:
    return capfirst(str(Member._meta.get_field(field).verbose_name))


def present_value(member: Member, field: str) -> str:
    """Return what the member's record holds now, as a request keeps it; empty when it holds nothing."""
    value = getattr(member, field)
    if field in TERMS:
        return value.code if value else ""
    if field == "photo":
        return str(member.photo_id or "")
    if isinstance(value, date):
        return value.isoformat()
    # A country of django-countries knows its own text.
    return str(value or "")


def present_values(member: Member, fields) -> dict[str, str]:
    return {field: present_value(member, field) for field in fields}


def differing_values(member: Member, values: dict[str, str]) -> dict[str, str]:
    """Return the values that differ from the present ones, with their companions.

    A draft holds no others: a value that the registry corrects meanwhile must not be written back.
    """
    kept = {name for field in changed_fields(member, values) for name in (field, *COMPANIONS.get(field, ()))}
    return {name: value for name, value in values.items() if name in kept}


def changed_fields(member: Member, new_values: dict[str, str]) -> list[str]:
    """Return the fields whose wanted value differs from the present one, in the order of EDITABLE_FIELDS."""
    return [f for f in EDITABLE_FIELDS if f in new_values and new_values[f] != present_value(member, f)]


def in_order(values: dict) -> list[tuple]:
    """Return the items of a request's values in the order of EDITABLE_FIELDS: PostgreSQL's JSON keeps none."""
    return [(field, values[field]) for field in EDITABLE_FIELDS if field in values]


def needs_evidence(fields) -> bool:
    return bool(EVIDENCE_FIELDS & set(fields))


def write_value(member: Member, field: str, values: dict[str, str]) -> list[str]:
    """Set one field (and its companions) of a member from a request's values; return the names written."""
    value = values[field]
    if field in TERMS:
        setattr(member, field, TERMS[field].objects.get(code=value) if value else None)
    elif field == "photo":
        member.photo = MemberFile.objects.filter(pk=value, kind=MemberFile.Kind.PHOTO).first() if value else None
    elif field == "birth_date":
        member.birth_date = date.fromisoformat(value)
    else:
        setattr(member, field, value)
    companions = COMPANIONS.get(field, ())
    for companion in companions:
        setattr(member, companion, values.get(companion, ""))
    return [field, *companions]


def show_value(field: str, value: str, terms: dict[str, str] | None = None, calendar: str = GREGORIAN) -> str:
    """Return a value in words of the active language.

    ``terms`` maps codes to names where they are known already; ``calendar`` is the one that a date was typed in.
    """
    if not value:
        return gettext("Not provided")
    if field in CHOICES:
        return str(CHOICES[field](value).label)
    if field == "nationality":
        return str(countries.name(value))
    if field in TERMS:
        return (terms or {}).get(value) or name_terms([value], field).get(value, value)
    return _show_number(field, value, calendar)


def _show_number(field: str, value: str, calendar: str) -> str:
    if field == "mobile":
        return format_mobile(value)
    if field == "birth_date":
        return format_both(date.fromisoformat(value), calendar)
    return gettext("New photo") if field == "photo" else value


def name_terms(codes, field: str) -> dict[str, str]:
    """Return {code: name in the active language} of specialties or ranks."""
    return {term.code: str(term) for term in TERMS[field].objects.filter(code__in=codes)}
