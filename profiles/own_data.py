"""What this app holds about somebody, for the copy of their data."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.own_data import Record, describe_row, make_fact, register_own_data
from profiles.member_fields import label_of
from profiles.models import Claim, Member, MemberFile, UpdateRequest
from profiles.rows import list_sections

MEMBER = (
    "membership_number", "registry_email", "name_arabic", "name_latin", "identity_kind", "identity_number",
    "birth_date", "birth_typed", "birth_calendar", "gender", "mobile", "city", "address", "job_kind", "workplace",
    "job_title", "registration_expiry", "tied_at", "created_at", "updated_at",
)  # fmt: skip


def list_member(user: User) -> list[Record]:
    member = Member.objects.of_user(user)
    if member is None:
        return []
    shown = {row.field: row.value for section in list_sections(member) for row in section.rows}
    codes = {
        "nationality": str(member.nationality),
        "specialty": code_of(member.specialty),
        "rank": code_of(member.rank),
    }
    terms = [make_fact(name, str(label_of(name)), code, shown=shown[name]) for name, code in codes.items()]
    return [[*describe_row(member, *MEMBER), *terms]]


def code_of(term) -> str:
    return term.code if term else ""


def list_update_requests(user: User) -> list[Record]:
    return [describe_request(request) for request in UpdateRequest.objects.for_user(user).order_by("-id")]


def describe_request(request: UpdateRequest) -> Record:
    fields = _(", ").join(str(label_of(field)) for field in request.old_values or request.new_values)
    return [
        *describe_row(request, "reference", "state", "created_at", "submitted_at", "decided_at", "reason"),
        make_fact("old_values", _("Current value"), request.old_values, shown=fields),
        make_fact("new_values", _("New value"), request.new_values, shown=fields),
        make_fact("remarks", _("remarks"), request.remarks, shown=_(", ").join(request.remarks.values()) or "—"),
    ]


def list_claims(user: User) -> list[Record]:
    claims = Claim.objects.filter(user=user).select_related("member").order_by("-id")
    return [
        [
            make_fact("membership_number", _("Membership number"), claim.member.membership_number),
            *describe_row(claim, "state", "claimed_at", "due_at", "decided_at", "reason"),
        ]
        for claim in claims
    ]


def list_files(user: User) -> list[Record]:
    """Name the files that are kept; each can be opened from its request."""
    files = MemberFile.objects.kept().filter(owner=user).order_by("-uploaded_at")
    return [
        [
            make_fact("name", _("File"), name_file(file)),
            *describe_row(file, "kind", "content_type", "size", "uploaded_at"),
        ]
        for file in files
    ]


def name_file(file: MemberFile) -> str:
    """Return the name under which a file is handed out."""
    stem, _dot, extension = file.key.rpartition("/")[2].partition(".")
    return f"{file.kind}-{stem[:8]}.{extension}"


register_own_data("member", list_member, title=gettext_lazy("Member file"))
register_own_data("update_requests", list_update_requests, title=gettext_lazy("Update requests"))
register_own_data("claims", list_claims, title=gettext_lazy("Claims on member files"))
register_own_data("files", list_files, title=gettext_lazy("Uploaded files"))
