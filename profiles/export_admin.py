"""The export of a list as it is filtered: a page that asks, and the file. For senior reviewers and administrators."""

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.freshness import ask_proof, is_fresh
from accounts.limits import LimitReached
from mumaris.text import format_time
from profiles.exports import MAX_ROWS, export_rows


class ExportMixin:
    """For an admin whose model ``profiles.exports`` knows."""

    change_list_template = "admin/profiles/change_list.html"

    def get_urls(self):
        page = self.admin_site.admin_view(self.export)
        return [path("export/", page, name=f"profiles_{self.opts.model_name}_export"), *super().get_urls()]

    def may_export(self, request) -> bool:
        return request.user.has_perm(f"profiles.export_{self.opts.model_name}")

    def export_address(self, request) -> str:
        """Return the page that exports the list as it is filtered: whoever proves who they are comes back to it."""
        return f"{reverse(f'admin:profiles_{self.opts.model_name}_export')}?{self.list_query(request)}"

    def changelist_view(self, request, extra_context=None):
        shown = {"export_address": self.export_address(request)} if self.may_export(request) else {}
        return super().changelist_view(request, (extra_context or {}) | shown)

    def export(self, request):
        if not self.may_export(request) or not self.has_view_permission(request):
            raise PermissionDenied
        return self.export_list(request) if is_fresh(request) else ask_proof(request, self.export_address(request))

    def export_list(self, request):
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseRedirect(request.path)
        if request.method == "POST":
            return self.send_file(request, rows)
        return self.show_export(request, rows)

    def send_file(self, request, rows):
        try:
            lines = export_rows(rows=rows, by=request.user)
        except LimitReached as reached:
            told = _("You have exported 10 times within an hour. You can export again at %(time)s.")
            return self.show_export(request, rows, told % {"time": format_time(reached.until)}, status=429)
        name = f"{self.opts.model_name}-{timezone.localdate().isoformat()}.csv"
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def show_export(self, request, rows, refusal: str = "", status: int = 200):
        found = rows[: MAX_ROWS + 1].count()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Export a list"),
            "count": min(found, MAX_ROWS),
            "is_cut": found > MAX_ROWS,
            "refusal": refusal,
        }
        return TemplateResponse(request, "admin/profiles/export.html", context, status=status)
