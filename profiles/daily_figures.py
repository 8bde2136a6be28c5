"""What the operations page shows of update requests: sent and decided by day, and how long the open ones wait."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.daily_figures import events_of
from mumaris.operations.days import midnight
from mumaris.operations.panels import (
    Band,
    Chart,
    Notice,
    Panel,
    Share,
    Snapshot,
    register_panel,
)
from mumaris.text import format_moment
from profiles.models import UpdateRequest
from profiles.working_days import REVIEW_DAYS, overdue_before

State = UpdateRequest.State

REQUESTS = Chart(
    key="requests",
    title=gettext_lazy("Update requests"),
    lede=gettext_lazy("What was sent on each day, and what reviewers did."),
    source=events_of("request.submitted", "request.approved", "request.returned", "request.rejected"),
    bands=(
        Band(title=gettext_lazy("Sent"), names=("request.submitted",)),
        Band(title=gettext_lazy("Approved"), names=("request.approved",)),
        Band(title=gettext_lazy("Returned for changes"), names=("request.returned",)),
        Band(title=gettext_lazy("Rejected"), names=("request.rejected",)),
    ),
)


def read_open() -> Snapshot:
    """Count the open requests by what they wait for and since when."""
    rows = count_open()
    told = [_("No request waits for a reviewer.")]
    if rows["oldest"]:
        told = [
            _("The oldest was sent on %(time)s.") % {"time": format_moment(rows["oldest"])},
            ngettext("%(count)d is overdue.", "%(count)d are overdue.", rows["overdue"]) % {"count": rows["overdue"]},
        ]
    waiting = rows["today"] + rows["few"] + rows["overdue"]
    days = settings.RETURNED_REMIND_DAYS
    return Snapshot(
        notice=Notice(title=_("Requests under review"), value=waiting, told=told, is_well=not rows["overdue"]),
        title=_("Open requests by age"),
        lede=_("Now, whichever days are shown above."),
        groups=[
            (State.SUBMITTED.label, [
                Share(title=_("Sent today"), value=rows["today"]),
                Share(title=_("Up to %(days)s working days") % {"days": REVIEW_DAYS}, value=rows["few"]),
                Share(title=_("Overdue: more than %(days)s working days") % {"days": REVIEW_DAYS},
                      value=rows["overdue"], is_late=True),
            ]),
            (State.RETURNED.label, [
                Share(title=_("Up to %(days)s days ago") % {"days": days}, value=rows["returned"]),
                Share(title=_("More than %(days)s days ago") % {"days": days}, value=rows["forgotten"], is_late=True),
            ]),
        ],
    )  # fmt: skip


def count_open() -> dict:
    """Count by two statements, each of which an index alone answers: the rows themselves are wide."""
    now = timezone.now()
    today = timezone.localdate(now)
    begins, late = midnight(today), midnight(overdue_before(today))
    reminded = now - timedelta(days=settings.RETURNED_REMIND_DAYS)
    under_review = UpdateRequest.objects.filter(state=State.SUBMITTED).aggregate(
        oldest=Min("submitted_at"),
        today=Count("submitted_at", filter=Q(submitted_at__gte=begins)),
        few=Count("submitted_at", filter=Q(submitted_at__lt=begins, submitted_at__gte=late)),
        overdue=Count("submitted_at", filter=Q(submitted_at__lt=late)),
    )
    returned = UpdateRequest.objects.filter(state=State.RETURNED).aggregate(
        returned=Count("returned_at", filter=Q(returned_at__gt=reminded)),
        forgotten=Count("returned_at", filter=Q(returned_at__lte=reminded)),
    )
    return under_review | returned


register_panel(Panel(key="requests", place=3, charts=(REQUESTS,), read=read_open))
