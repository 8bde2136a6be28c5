"""Charts as plain SVG: this module does the sums, templates/admin/operations/ writes the shapes.

A drawing holds shapes alone and is stretched over its place; words stand beside it as text of the page. It runs from
left to right, and the style sheet turns it round where lines run the other way.
"""

import math
from dataclasses import dataclass
from datetime import date

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from mumaris.operations import wording
from mumaris.operations.panels import Band, Chart, Figures, Snapshot

# Of a strip's drawing; today stands a little apart from the days that are over.
WIDTH, HEIGHT, APART = 300, 72, 4
# Room for the mark over a bar that reaches the top.
HEADROOM = 8
PROMISE = 10 * wording.SECOND
# Times are drawn from a tenth of a second on: each ten times as long is as far up again.
SHORTEST, TOPS = 100, (wording.MINUTE, 10 * wording.MINUTE, wording.HOUR, 24 * wording.HOUR)
WIDEST_BAR = 22


@dataclass
class Strip:
    """One band: its words, and paths of bars: of the days that are over, of slow ones, of today."""

    key: str
    title: str
    told: str
    description: str
    top: str
    bottom: str
    promise: float | None
    bars: str
    late: str
    today: str


@dataclass
class Column:
    """What a pointer reads over one day."""

    x: float
    width: float
    text: str


@dataclass
class Drawing:
    chart: Chart
    strips: list[tuple[Strip, list[Column]]]
    # The first day, the middle one and today.
    days: list[str]
    rows: list[tuple[str, list[str]]]
    is_empty: bool
    width: int = WIDTH
    height: int = HEIGHT


def draw(chart: Chart, days: list[date], figures: Figures) -> Drawing:
    """Draw the strips of a chart; the last day is today, which is not over."""
    names = [name_day(days, place) for place in range(len(days))]
    cells = [[wording.say_value(band, day, figures) for band in chart.bands] for day in days]
    strips = []
    for number, band in enumerate(chart.bands):
        columns = [draw_column(place, f"{name}: {cells[place][number]}", days) for place, name in enumerate(names)]
        strips.append((draw_strip(f"{chart.key}-{number}", band, days, figures), columns))
    return Drawing(
        chart=chart,
        strips=strips,
        days=[wording.say_day(days[0]), wording.say_day(days[len(days) // 2]), _("Today")],
        rows=list(reversed(list(zip(names, cells, strict=True)))),
        is_empty=not any(figures[day, name] for day in days for band in chart.bands for name in band.names),
    )


def name_day(days: list[date], place: int) -> str:
    return _("Today so far") if place == len(days) - 1 else wording.say_day(days[place])


def draw_column(place: int, text: str, days: list[date]) -> Column:
    start, slot = slot_of(place, len(days))
    return Column(x=round(start, 1), width=round(slot, 1), text=text)


def slot_of(place: int, count: int) -> tuple[float, float]:
    """Return where a day begins and how wide it is."""
    slot = (WIDTH - APART) / count
    return slot * place + (APART if place == count - 1 else 0), slot


def draw_strip(key: str, band: Band, days: list[date], figures: Figures) -> Strip:
    values = [figures[day, band.names[-1]] for day in days]
    top = find_top(band, values)
    paths = {"bars": "", "late": "", "today": ""}
    for place, value in enumerate(values):
        if not value:
            continue
        is_today, is_late = place == len(days) - 1, band.is_time and value > PROMISE
        first = figures[days[place], band.names[0]] if band.is_time else 0
        paths["today" if is_today else "late" if is_late else "bars"] += draw_bar(
            slot_of(place, len(days)), y_of(band, value, top), y_of(band, first, top)
        )
        if is_late:
            paths["late"] += draw_mark(slot_of(place, len(days)), y_of(band, value, top))
    return Strip(
        key=key,
        title=capfirst(band.title),
        told=wording.say_yesterday(band, days, figures),
        description=wording.describe_band(band, days, figures),
        top=wording.say_time(top) if band.is_time else wording.say_count(top),
        bottom=wording.say_time(SHORTEST) if band.is_time else "0",
        promise=y_of(band, PROMISE, top) if band.is_time else None,
        **paths,
    )


def draw_bar(slot: tuple[float, float], top: float, base: float) -> str:
    """Return a bar in the middle of its day; the least of all is still seen."""
    start, room = slot
    width = round(min(room * 0.75, WIDEST_BAR), 1)
    height = round(max(base - top, 2), 1)
    return f"M{round(start + (room - width) / 2, 1)} {round(min(top, HEIGHT - height), 1)}h{width}v{height}h-{width}z"


def draw_mark(slot: tuple[float, float], top: float) -> str:
    """Return a triangle over a bar, so that nobody must tell colours apart."""
    start, room = slot
    return f"M{round(start + room / 2 - 3, 1)} {round(top - 7, 1)}h6l-3 5z"


def y_of(band: Band, value: float, top: int) -> float:
    return round(HEIGHT - (HEIGHT - HEADROOM) * share_of(band, value, top), 1)


def share_of(band: Band, value: float, top: int) -> float:
    """Return how far up a value is, from 0 to 1: times by their logarithm, so that a bad hour hides no good day."""
    if not band.is_time:
        return value / top
    return min(max(math.log(value / SHORTEST), 0) / math.log(top / SHORTEST), 1) if value else 0


def find_top(band: Band, values: list[int | None]) -> int:
    """Return the value at the top of a strip: a round one above all of them."""
    most = max((value for value in values if value), default=1)
    if band.is_time:
        return next((top for top in TOPS if most <= top), TOPS[-1])
    power = 10 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 3, 4, 5, 6, 8, 10) if most <= step * power)


def draw_shares(snapshot: Snapshot) -> list[tuple[str, list[tuple]]]:
    """Return each group with its bars: (share, its length of 100)."""
    top = max([share.value for _title, shares in snapshot.groups for share in shares] + [1])
    return [
        (title, [(share, round(100 * share.value / top, 1)) for share in shares]) for title, shares in snapshot.groups
    ]
