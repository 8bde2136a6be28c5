"""What each day came to, kept so that no page reads millions of rows to draw a chart."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class DailyFigure(models.Model):
    """One figure of a day in Riyadh: how many, or how long in milliseconds. It is about nobody."""

    day = models.DateField(_("day"))
    # A name that a source of mumaris/operations/panels.py counts.
    name = models.CharField(_("figure"), max_length=40)
    # Empty when there was nothing to measure.
    value = models.BigIntegerField(_("value"), null=True)
    # Figures that were counted before the day was over are counted again.
    counted_at = models.DateTimeField(_("counted at"))

    class Meta:
        verbose_name = _("daily figure")
        # Its page in the admin.
        verbose_name_plural = _("operations at a glance")
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["day", "name"], name="daily_figure_once")]

    def __str__(self):
        return f"{self.day} {self.name}"
