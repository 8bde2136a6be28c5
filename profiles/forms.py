"""The forms of member data: clean, normalise, refuse. What they ask for is done elsewhere."""

from datetime import date

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django_countries import countries

from profiles import services
from profiles.fields import (
    ArabicNameField,
    BirthDateField,
    IdentityNumberField,
    LatinNameField,
    LineField,
    MembershipNumberField,
    MobileField,
    SelectField,
    TypedDate,
    refuse_identity_fault,
)
from profiles.file_fields import UploadField
from profiles.member_fields import EDITABLE_FIELDS, IDENTITY, TERMS, is_at_once, present_value
from profiles.models import LINE_LENGTH, Member, MemberFile, UpdateRequest
from profiles.rows import SECTIONS

Kind = MemberFile.Kind
EVIDENCE, PHOTO = Kind.EVIDENCE.value, Kind.PHOTO.value


class MembershipNumberForm(forms.Form):
    membership_number = MembershipNumberField(
        help_text=_("It stands on your registration card. You can type it in any digits.")
    )


class ClaimForm(forms.Form):
    """Three things that only the person and the Commission know together."""

    membership_number = MembershipNumberField()
    identity_number = IdentityNumberField(help_text=_("Of the national ID, Iqama or passport that the file holds."))
    birth_date = BirthDateField()

    def proof(self) -> dict:
        """Return the keyword arguments of ``claim_member``."""
        return {
            "membership_number": self.cleaned_data["membership_number"],
            "identity_number": self.cleaned_data["identity_number"],
            "birth_date": self.cleaned_data["birth_date"].date,
        }


class MemberFields(forms.Form):
    """One field for each editable value; a form of a request keeps those that are open."""

    mobile = MobileField()
    city = LineField(
        label=_("City"),
        max_length=LINE_LENGTH,
        autocomplete="address-level2",
        error_messages={"required": _("Enter the city.")},
    )
    address = LineField(
        label=_("Address"),
        max_length=LINE_LENGTH,
        autocomplete="street-address",
        help_text=_("District, street and building number."),
        error_messages={"required": _("Enter the address.")},
    )
    specialty = SelectField(label=_("Specialty"), choices=[])
    rank = SelectField(label=_("Professional rank"), choices=[])
    job_kind = SelectField(label=_("Job kind"), choices=Member.JobKind.choices)
    workplace = LineField(
        label=_("Employer"),
        max_length=LINE_LENGTH,
        autocomplete="organization",
        error_messages={"required": _("Enter the employer.")},
    )
    job_title = LineField(
        label=_("Job title"),
        max_length=LINE_LENGTH,
        autocomplete="organization-title",
        error_messages={"required": _("Enter the job title.")},
    )
    name_arabic = ArabicNameField()
    name_latin = LatinNameField()
    gender = SelectField(label=_("Gender"), choices=Member.Gender.choices)
    birth_date = BirthDateField()
    nationality = SelectField(label=_("Nationality"), choices=lambda: list(countries))
    identity_kind = SelectField(label=_("Kind of identity document"), choices=Member.IdentityKind.choices)
    identity_number = IdentityNumberField()
    evidence = UploadField(kind=EVIDENCE, required=False, label=_("File that proves the change"))
    photo = UploadField(kind=PHOTO, required=False, label=_("New photo"))


class UpdateForm(MemberFields):
    """What a member may change of a request. A value that the Commission holds may be changed, not emptied."""

    def __init__(self, *args, request: UpdateRequest, **kwargs):
        self.update_request, self.member = request, request.member
        super().__init__(*args, initial=read_initial(request), **kwargs)
        for name in EDITABLE_FIELDS:
            if not services.is_field_open(request, name):
                del self.fields[name]
            elif name != PHOTO:
                self.fields[name].required = bool(present_value(self.member, name))
                self.fields[name].mark_optional = not self.fields[name].required
        for name in TERMS.keys() & self.fields.keys():
            self.fields[name].choices = [("", _("Choose")), *list_terms(name, self.member)]
        if "identity_number" in self.fields:
            # Judged together with its kind, in ``clean``.
            self.fields["identity_number"].validate = self.validate_presence

    def validate_presence(self, value):
        forms.CharField.validate(self.fields["identity_number"], value)

    def clean(self):
        cleaned = super().clean()
        kind, number = (cleaned.get(name, self.initial[name]) for name in IDENTITY)
        if not {"identity_kind", "identity_number"} & self.errors.keys():
            try:
                refuse_identity_fault(kind, number)
            except ValidationError as refused:
                self.add_error("identity_number" if "identity_number" in self.fields else "identity_kind", refused)
        return cleaned

    def new_values(self) -> dict[str, str]:
        """Return the good values as a request keeps them; files come by ``uploads``."""
        values = {}
        for name in self.fields.keys() & self.cleaned_data.keys() - {EVIDENCE, PHOTO}:
            value = self.cleaned_data[name]
            if name == "birth_date":
                values |= keep_date(value)
            else:
                values[name] = value or ""
        return values

    def uploads(self) -> dict:
        """Return {kind: cleaned file} of what was sent and is good, also when another field is wrong."""
        return {kind: file for kind in (EVIDENCE, PHOTO) if (file := self.cleaned_data.get(kind))}

    def sections(self) -> list[tuple]:
        """Return (title, bound fields) of each section that has any; evidence follows what it may prove."""
        sections = [(title, [self[name] for name in names if name in self.fields]) for title, names in SECTIONS]
        sections = [(title, shown) for title, shown in sections if shown]
        if not all(is_at_once(name) for name in self.fields.keys() & set(EDITABLE_FIELDS)):
            sections.append((_("Evidence"), [self[EVIDENCE]]))
        return sections


def read_initial(request: UpdateRequest) -> dict:
    """Return what the form shows first: the draft's value, else the present one."""
    # A file has no first value: a browser sends none back.
    names = [name for name in EDITABLE_FIELDS if name != PHOTO]
    values = {name: request.new_values.get(name, present_value(request.member, name)) for name in names}
    values["birth_date"] = read_date(request)
    return values


def read_date(request: UpdateRequest) -> TypedDate | None:
    kept, member = request.new_values, request.member
    if day := kept.get("birth_date"):
        return TypedDate(date.fromisoformat(day), kept.get("birth_typed", day), kept.get("birth_calendar", "gregorian"))
    return TypedDate(member.birth_date, member.birth_typed or member.birth_date.isoformat(), member.birth_calendar)


def keep_date(value: TypedDate | None) -> dict[str, str]:
    if value is None:
        return {}
    return {"birth_date": value.date.isoformat(), "birth_typed": value.typed, "birth_calendar": value.calendar}


def list_terms(name: str, member: Member) -> list[tuple[str, str]]:
    """Return the offered terms as choices, and the member's own even when it is offered no more."""
    present = getattr(member, name)
    offered = TERMS[name].objects.filter(is_active=True)
    terms = {term.code: str(term) for term in ([present] if present else [])} | {t.code: str(t) for t in offered}
    return sorted(terms.items(), key=lambda pair: pair[1])
