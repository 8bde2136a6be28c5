"""Figures in words of the active language, for axes, tables and whoever listens to a chart instead of seeing it."""

from datetime import date

from django.utils.formats import date_format, number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from mumaris.operations.panels import Band, Figures

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
NOTHING = "—"
NO_BREAK = "\u00a0"


def say_count(count: int) -> str:
    return number_format(count, force_grouping=True)


def say_time(milliseconds: int) -> str:
    """Return a time in the largest unit that it fills, with a decimal where it tells something."""
    if milliseconds >= HOUR:
        told = _("%(number)s h") % {"number": shorten(milliseconds / HOUR)}
    elif milliseconds >= MINUTE:
        told = _("%(number)s min") % {"number": shorten(milliseconds / MINUTE)}
    else:
        told = _("%(number)s s") % {"number": shorten(milliseconds / SECOND)}
    return told.replace(" ", NO_BREAK)


def shorten(number: float) -> str:
    return f"{number:.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def say_day(day: date) -> str:
    # No line is broken within: the columns of a table are narrow on a phone.
    return date_format(day, "j M").replace(" ", NO_BREAK)


def say_value(band: Band, day: date, figures: Figures) -> str:
    """Return what one day came to, as a cell of the table says it."""
    if not band.is_time:
        return say_count(figures[day, band.names[0]])
    first, last = (figures[day, name] for name in band.names)
    return NOTHING if last is None else f"{say_time(first)} – {say_time(last)}"


def say_yesterday(band: Band, days: list[date], figures: Figures) -> str:
    """Return what stands beside the name of a strip: the last day that is over, and for counts a usual one."""
    value = figures[days[-2], band.names[-1]]
    if band.is_time:
        return _("Yesterday: none") if value is None else _("Yesterday: 95 of 100 within %(time)s") % {
            "time": say_time(value)
        }  # fmt: skip
    told = {"number": say_count(value), "usual": say_count(usual_of(band, days, figures))}
    return _("Yesterday %(number)s, usually %(usual)s") % told


def usual_of(band: Band, days: list[date], figures: Figures) -> int:
    """Return the middle one of the days that are over."""
    values = sorted(figures[day, band.names[0]] for day in days[:-1])
    return values[len(values) // 2]


def describe_band(band: Band, days: list[date], figures: Figures) -> str:
    """Return the sentence that stands for a strip where nobody sees it."""
    name = band.names[-1]
    over = [(figures[day, name], day) for day in days[:-1] if figures[day, name]]
    if not over:
        return _("%(title)s: none on these days.") % {"title": capfirst(band.title)}
    most, day = max(over)
    told = {
        "title": capfirst(band.title),
        "most": say_time(most) if band.is_time else say_count(most),
        "day": say_day(day),
    }
    if band.is_time:
        return _("%(title)s: the slowest day was %(day)s, with 95 of 100 within %(most)s.") % told
    told["sum"] = say_count(sum(value for value, _day in over))
    return _("%(title)s: %(sum)s in all, most on %(day)s with %(most)s.") % told
