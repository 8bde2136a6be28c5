"""Lists that leave the portal as CSV: limited, recorded, masked, and safe to open in a spreadsheet."""

import csv
from collections.abc import Iterator

from django.db import transaction
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _

from accounts import limits
from accounts.events import record_event
from accounts.models import User
from profiles.identity import mask_identity
from profiles.member_fields import label_of, present_value, show_value
from profiles.models import Member, UpdateRequest
from profiles.record_views import record_export

MAX_ROWS = 10_000
CHUNK = 500
# Spreadsheets run a cell that begins with one of these; full-width ones are folded by some of them.
FORMULA_SIGNS = tuple("=+-@\t\r\n\0＝＋－＠")
# Excel reads a file without it in the code page of the machine, and Arabic is lost.
BYTE_ORDER_MARK = "\ufeff"
SHOWN_FIELDS = (
    "name_arabic", "name_latin", "identity_kind", "gender", "nationality", "mobile", "city", "specialty", "rank",
    "job_kind", "workplace", "job_title",
)  # fmt: skip


def escape_cell(value: str) -> str:
    """Return a cell that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    return f"'{value}" if value.startswith(FORMULA_SIGNS) else value


class Line:
    """What the csv module writes to: gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def write_lines(rows) -> Iterator[str]:
    writer = csv.writer(Line(), quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    for row in rows:
        yield writer.writerow([escape_cell(str(cell)) for cell in row])


# --- What is exported -----------------------------------------------------------------------------


def show_moment(moment) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M") if moment else ""


def head_of_member() -> list:
    labels = [label_of(field) for field in SHOWN_FIELDS]
    return [_("Membership number"), _("Account"), *labels, _("Identity number"), _("Registration expiry")]


def cells_of_member(member: Member) -> list:
    return [
        member.membership_number,
        _("Linked") if member.user_id else _("Not linked"),
        *(_show_field(member, field) for field in SHOWN_FIELDS),
        mask_identity(member.identity_number),
        member.registration_expiry.isoformat() if member.registration_expiry else "",
    ]


def _show_field(member: Member, field: str) -> str:
    value = present_value(member, field)
    names = {value: str(getattr(member, field))} if value and field in {"specialty", "rank"} else None
    return show_value(field, value, names) if value else ""


def head_of_request() -> list:
    return [
        _("Reference number"), _("Membership number"), _("Applicant"), _("Request status"), _("Data"),
        _("Date sent"), _("Decided at"), _("Decided by"),
    ]  # fmt: skip


def cells_of_request(request: UpdateRequest) -> list:
    return [
        request.reference,
        request.member.membership_number,
        request.member.name,
        request.get_state_display(),
        ", ".join(label_of(field) for field in request.old_values),
        show_moment(request.submitted_at),
        show_moment(request.decided_at),
        request.decided_by.get_full_name() if request.decided_by else "",
    ]


# Model → its related rows, its head, its cells, and where the id of its member stands.
KINDS = {
    Member: (("specialty", "rank"), head_of_member, cells_of_member, "pk"),
    UpdateRequest: (("member", "decided_by"), head_of_request, cells_of_request, "member_id"),
}


# --- The act --------------------------------------------------------------------------------------


def export_rows(*, rows, by: User) -> Iterator[str]:
    """Count and record an export, then return its lines, read as they are sent. Raises LimitReached.

    At most MAX_ROWS of ``rows``, in their order; what is sent is exactly what was recorded.
    """
    limits.count(limits.EXPORTS, by.pk)
    model = rows.model
    found = list(rows.values_list("pk", KINDS[model][3])[:MAX_ROWS])
    with transaction.atomic():
        record_event("export.done", user=by, actor=by, subject=model._meta.model_name, fields=[str(len(found))])
        record_export(sorted({member for _pk, member in found}), by)
    return _read_lines(model, [pk for pk, _member in found], get_language())


def _read_lines(model, keys: list[int], language: str) -> Iterator[str]:
    related, head, cells, _member = KINDS[model]
    yield BYTE_ORDER_MARK
    with override(language):
        yield from write_lines([head()])
    for start in range(0, len(keys), CHUNK):
        chunk = keys[start : start + CHUNK]
        found = model.objects.select_related(*related).in_bulk(chunk)
        # The answer is sent outside the request's own language.
        with override(language):
            lines = list(write_lines(cells(found[pk]) for pk in chunk if pk in found))
        yield from lines
