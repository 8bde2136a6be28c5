"""What the operations page shows of the mail room: how long mails take, and what waits now."""

from datetime import datetime, timedelta

from django.db.models import Count, DurationField, ExpressionWrapper, F, Min, Q, Window
from django.db.models.functions import RowNumber, TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from mumaris.mail.models import Lane, Outbox
from mumaris.operations.panels import (
    Band,
    Chart,
    Figures,
    Notice,
    Panel,
    Snapshot,
    Source,
    register_panel,
)
from mumaris.text import format_moment

MILLISECOND = timedelta(milliseconds=1)
# A mail that nobody has tried for longer than this waits for us, and not for its mailbox.
PATIENCE = timedelta(minutes=1)
# No mail is tried longer than a day and its last wait (mumaris/mail/delivery.py).
LONGEST_WAY = timedelta(days=2)


def time_names(lane: int) -> tuple[str, str]:
    return f"mail.{lane}.median", f"mail.{lane}.p95"


# Places among rows in order, by whole numbers: for Python and for the database, where / and // both divide so.
def middle_of(among):
    return (among + 1) / 2 if isinstance(among, F) else (among + 1) // 2


def most_of(among):
    return (among * 19 + 19) / 20 if isinstance(among, F) else (among * 19 + 19) // 20


def count_times(since: datetime, until: datetime) -> Figures:
    """Return the time of the middle mail of each day and lane, and the time that 95 of 100 kept, in milliseconds."""
    sent = Outbox.objects.filter(
        # The index on when they were made finds them.
        state=Outbox.State.SENT, finished_at__gte=since, finished_at__lt=until,
        created_at__gte=since - LONGEST_WAY, created_at__lt=until,
    ).annotate(
        day=TruncDate("finished_at"),
        took=ExpressionWrapper(F("finished_at") - F("created_at"), output_field=DurationField()),
    )  # fmt: skip
    same = {"partition_by": [F("day"), F("lane")]}
    ranked = sent.annotate(place=Window(RowNumber(), **same, order_by="took"), among=Window(Count("pk"), **same))
    chosen = ranked.filter(Q(place=middle_of(F("among"))) | Q(place=most_of(F("among"))))
    figures = {}
    for day, lane, took, place, among in chosen.values_list("day", "lane", "took", "place", "among"):
        median, p95 = time_names(lane)
        figures |= {(day, median): took // MILLISECOND} if place == middle_of(among) else {}
        figures |= {(day, p95): took // MILLISECOND} if place == most_of(among) else {}
    return figures


TIMES = Chart(
    key="mail",
    title=gettext_lazy("How long mails take"),
    lede=gettext_lazy("From the time that half of the mails took to the time of 95 in 100. Dashed: our promise, 10 s."),
    source=Source(names=tuple(name for lane in Lane for name in time_names(lane)), count=count_times, empty=None),
    bands=tuple(Band(title=lane.label, names=time_names(lane)) for lane in Lane),
)


def read_waiting() -> Snapshot:
    """Count the mails that wait, apart: those that nobody has tried, and those that their mailbox put off."""
    rows = Outbox.objects.waiting().aggregate(
        all=Count("pk"), oldest=Min("created_at"), untried=Min("created_at", filter=Q(attempts=0)),
        put_off=Count("pk", filter=Q(attempts__gt=0)),
    )  # fmt: skip
    told = [
        ngettext(
            "%(count)d of them was put off by its mailbox and is tried again.",
            "%(count)d of them were put off by their mailbox and are tried again.",
            rows["put_off"],
        ) % {"count": rows["put_off"]}
    ] if rows["put_off"] else []  # fmt: skip
    if rows["oldest"]:
        told.insert(0, _("The oldest was written on %(time)s.") % {"time": format_moment(rows["oldest"])})
    else:
        told.insert(0, _("No mail waits."))
    is_well = not rows["untried"] or rows["untried"] > timezone.now() - PATIENCE
    return Snapshot(notice=Notice(title=_("Mails that wait"), value=rows["all"], told=told, is_well=is_well))


register_panel(Panel(key="mail", place=2, charts=(TIMES,), read=read_waiting))
