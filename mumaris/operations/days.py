"""Days in Riyadh and their figures. A task keeps them, so that a page costs the same however much happened."""

from datetime import date, datetime, time, timedelta

from django.utils import timezone

from mumaris.operations.models import DailyFigure
from mumaris.operations.panels import Figures, Source, list_sources

KEPT_DAYS = 90
# What was begun before midnight is written by then: no transaction of the site is that long.
SETTLED_AFTER = timedelta(minutes=10)
# Today as it was then is good enough for a page.
FRESH = timedelta(minutes=15)
DAY = timedelta(days=1)


def midnight(day: date) -> datetime:
    """Return the moment at which a day begins in Riyadh."""
    return timezone.make_aware(datetime.combine(day, time.min))


def last_days(count: int, now: datetime) -> list[date]:
    """Return the last ``count`` days that are over, and today."""
    today = timezone.localdate(now)
    return [today - DAY * back for back in range(count, -1, -1)]


def read_figures(days: list[date], now: datetime) -> Figures:
    """Return the figures of these days: the kept ones, and where no task has kept any, what is counted now."""
    rows = DailyFigure.objects.filter(day__gte=days[0], day__lte=days[-1])
    found = {}
    for day, name, value, counted_at in rows.values_list("day", "name", "value", "counted_at"):
        if counted_at >= min(settled_at(day), now - FRESH):
            found[day, name] = value
    for source in list_sources():
        missing = [day for day in days if (day, source.names[0]) not in found]
        if missing:
            found |= count_days(source, missing)
    return found


def settled_at(day: date) -> datetime:
    """Return when everything that belongs to a day has been written."""
    return midnight(day + DAY) + SETTLED_AFTER


def count_days(source: Source, days: list[date]) -> Figures:
    """Count these days by one query over the time that they span."""
    counted = source.count(midnight(days[0]), midnight(days[-1] + DAY))
    return {(day, name): counted.get((day, name), source.empty) for day in days for name in source.names}


def keep_days() -> int:
    """Keep what today has come to and each day that has not been counted since it was over; return how many days.

    Safe to run twice at once: both write the same.
    """
    now = timezone.now()
    return sum(keep_days_of(source, last_days(KEPT_DAYS, now), now) for source in list_sources())


def keep_days_of(source: Source, days: list[date], now: datetime) -> int:
    rows = DailyFigure.objects.filter(name=source.names[0], day__gte=days[0])
    final = {day for day, counted_at in rows.values_list("day", "counted_at") if counted_at >= settled_at(day)}
    open_days = [day for day in days if day not in final]
    for day in open_days:
        # Day by day: the first run counts three months.
        keep_figures(count_days(source, [day]), now)
    return len(open_days)


def keep_figures(figures: Figures, now: datetime) -> None:
    DailyFigure.objects.bulk_create(
        [DailyFigure(day=day, name=name, value=value, counted_at=now) for (day, name), value in figures.items()],
        update_conflicts=True,
        unique_fields=["day", "name"],
        update_fields=["value", "counted_at"],
    )
