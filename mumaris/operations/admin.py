"""The operations page: charts and figures for whoever keeps the portal going. Sums alone; it names nobody."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from mumaris.admin import ReadOnlyAdmin
from mumaris.operations.days import last_days, read_figures
from mumaris.operations.drawing import draw, draw_shares
from mumaris.operations.models import DailyFigure
from mumaris.operations.panels import list_panels

PERIODS = {"7": 7, "30": 30, "90": 90}


@admin.register(DailyFigure)
class OperationsAdmin(ReadOnlyAdmin):
    """One page in place of a list: its rows alone would say little."""

    def get_urls(self):
        page = self.admin_site.admin_view(self.changelist_view)
        return [path("", page, name="operations_dailyfigure_changelist")]

    @method_decorator(require_safe)
    def changelist_view(self, request, extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        period = PERIODS.get(request.GET.get("days", ""), 30)
        days = last_days(period, now)
        figures = read_figures(days, now)
        panels = [(panel, panel.read()) for panel in list_panels()]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Operations at a glance"),
            "now": now,
            "notices": [snapshot.notice for _panel, snapshot in panels],
            "period": period,
            "periods": list(PERIODS.values()),
            "rooms": [
                ([draw(chart, days, figures) for chart in panel.charts], snapshot, draw_shares(snapshot))
                for panel, snapshot in panels
            ],
        }
        return TemplateResponse(request, "admin/operations/page.html", context)
