"""The registry import for small files, in the admin: django-import-export's pages over our own rules.

Neither its row logic nor its file formats are used: a rule would exist twice, and its reader unpacks an
archive before it looks at its size.
"""

import csv
import io
from uuid import uuid4

from cryptography.fernet import InvalidToken
from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.admin import ImportMixin
from import_export.formats.base_formats import Format
from import_export.resources import ModelResource
from import_export.results import Result, RowResult
from import_export.tmp_storages import BaseStorage
from tablib import Dataset

from mumaris.keys import box
from profiles.import_files import COLUMNS, Line, RefusedImport, read_lines
from profiles.imports import import_lines
from profiles.models import Member

MAX_ROWS = 2_000
# Seconds between preview and confirmation.
KEPT_FOR = 30 * 60
TYPES = {"created": RowResult.IMPORT_TYPE_NEW, "changed": RowResult.IMPORT_TYPE_UPDATE}


class RegistryFile(Format):
    """CSV or XLSX, told apart by content and read within bounds."""

    def __init__(self, encoding=None):
        """Take what django-import-export gives every format; the reader finds the encoding itself."""

    def get_title(self):
        return gettext_lazy("CSV (UTF-8) or XLSX")

    def create_dataset(self, in_stream):
        """Return the rows. Raises RefusedImport."""
        lines = list(read_lines(io.BytesIO(in_stream)))
        if len(lines) > MAX_ROWS:
            raise RefusedImport(_("The file has more than 2,000 rows. Import it with the command import_members."))
        for line in lines:
            if line.fault:
                raise RefusedImport(_("Line %(line)s: %(fault)s") % {"line": line.number, "fault": line.fault})
        dataset = Dataset(headers=("line", *COLUMNS))
        for line in lines:
            dataset.append([line.number, *(line.cells.get(column, "") for column in COLUMNS)])
        return dataset

    def can_import(self):
        return True


class SealedStorage(BaseStorage):
    """Keeps the file between preview and confirmation: encrypted, in the cache, for half an hour."""

    def save(self, data):
        self.name = uuid4().hex
        cache.set(f"import:{self.name}", box("import").encrypt(data).decode(), KEPT_FOR)

    def read(self):
        try:
            return box("import").decrypt(cache.get(f"import:{self.name}") or b"")
        except InvalidToken:
            raise RefusedImport(_("The preview has expired. Choose the file again.")) from None

    def remove(self):
        cache.delete(f"import:{self.name}")


class MemberResource(ModelResource):
    """Hands the rows to ``import_lines`` and tells the page what became of each."""

    class Meta:
        model = Member
        import_id_fields = ["membership_number"]
        fields = COLUMNS
        name = gettext_lazy("Registry")

    def get_user_visible_headers(self):
        return list(COLUMNS)

    def get_user_visible_fields(self):
        return [_Column(name) for name in COLUMNS]

    def import_data(self, dataset, dry_run=False, **kwargs):
        lines = [Line(number, dict(zip(COLUMNS, cells, strict=True))) for number, *cells in dataset]
        told = io.StringIO()
        import_lines(lambda: iter(lines), dry_run=dry_run, report_to=told)
        result = Result()
        result.diff_headers = [_("Line"), _("Membership number"), _("Data")]
        result.total_rows = len(lines)
        for outcome, line, number, column, reason in list(csv.reader(io.StringIO(told.getvalue())))[1:]:
            if outcome == "refused":
                refused = ValidationError({column or "membership_number": [reason]})
                result.append_invalid_row(int(line), dict.fromkeys(result.diff_headers, ""), refused)
            else:
                result.append_row_result(self.describe(outcome, [line, number, column]))
                result.increment_row_result_total(result.rows[-1])
        return result

    def describe(self, outcome: str, cells: list[str]) -> RowResult:
        row = RowResult()
        row.import_type = TYPES.get(outcome, RowResult.IMPORT_TYPE_SKIP)
        row.diff = cells
        return row


class _Column:
    def __init__(self, name: str):
        self.column_name = name


class MemberImportMixin(ImportMixin):
    """For the admin of members: who may import is asked by our own permission."""

    resource_classes = [MemberResource]
    tmp_storage_class = SealedStorage
    # What the import writes is not written by this page.
    skip_admin_log = True

    def has_import_permission(self, request):
        return request.user.has_perm("profiles.import_member")

    def get_import_formats(self):
        return [RegistryFile]

    def import_action(self, request, **kwargs):
        return self.say_refusal(request, super().import_action, **kwargs)

    def process_import(self, request, **kwargs):
        return self.say_refusal(request, super().process_import, **kwargs)

    def say_refusal(self, request, act, **kwargs):
        """Show why the file as a whole is not taken: another import runs, or the preview has expired."""
        try:
            return act(request, **kwargs)
        except RefusedImport as refused:
            messages.error(request, str(refused))
            return HttpResponseRedirect(reverse("admin:profiles_member_import"))

    def add_success_message(self, result, request):
        told = _("Import finished: %(new)s new members, %(changed)s changed.")
        new, changed = (result.totals[kind] for kind in (RowResult.IMPORT_TYPE_NEW, RowResult.IMPORT_TYPE_UPDATE))
        messages.success(request, told % {"new": new, "changed": changed})

    def add_data_read_fail_error_to_form(self, form, e):
        told = str(e) if isinstance(e, RefusedImport) else _("The file cannot be read. Save it as “CSV UTF-8”.")
        form.add_error("import_file", told)
