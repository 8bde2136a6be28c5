"""What the operations page shows of the mail room: how long mails take, and what waits now."""

from datetime import datetime, timedelta

from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, Window
from django.db.models.functions import RowNumber, TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mumaris.mail.backlog import MAIL_LATE, measure_backlog
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
# No mail is tried longer than a day and its last wait (mumaris/mail/delivery.py).
LONGEST_WAY = timedelta(days=2)


def time_names(lane: int) -> tuple[str, str]:
    return f"mail.{lane}.median", f"mail.{lane}.p95"


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
    # Places among the rows in order: databases divide whole numbers to whole ones.
    ranked = ranked.annotate(middle=(F("among") + 1) / 2, most=(F("among") * 19 + 19) / 20)
    chosen = ranked.filter(Q(place=F("middle")) | Q(place=F("most")))
    figures = {}
    for day, lane, took, place, middle, most in chosen.values_list("day", "lane", "took", "place", "middle", "most"):
        median, p95 = time_names(lane)
        figures |= {(day, median): took // MILLISECOND} if place == middle else {}
        figures |= {(day, p95): took // MILLISECOND} if place == most else {}
    return figures


TIMES = Chart(
    key="mail",
    title=gettext_lazy("How long mails take"),
    lede=gettext_lazy("From the time that half of the mails took to the time of 95 in 100. Dashed: our promise, 10 s."),
    source=Source(names=tuple(name for lane in Lane for name in time_names(lane)), count=count_times, empty=None),
    bands=tuple(Band(title=lane.label, names=time_names(lane)) for lane in Lane),
)


def read_waiting() -> Snapshot:
    """Say how many mails wait; a mailbox that asks us to come back later is no reason to look here."""
    lanes = measure_backlog().values()
    waiting, overdue = sum(lane.waiting for lane in lanes), max(lane.overdue for lane in lanes)
    told = [_("No mail waits.")]
    if waiting:
        oldest = timezone.now() - timedelta(seconds=max(lane.oldest for lane in lanes))
        told = [_("The oldest was written on %(time)s.") % {"time": format_moment(oldest)}]
    if overdue > MAIL_LATE:
        told.append(_("They should have left by now. Look at the mail server, the worker and the sweeper."))
    return Snapshot(notice=Notice(title=_("Mails that wait"), value=waiting, told=told, is_well=overdue <= MAIL_LATE))


register_panel(Panel(key="mail", place=2, charts=(TIMES,), read=read_waiting))
