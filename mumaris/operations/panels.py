"""What the operations page shows. Each app registers its part in ``AppConfig.ready()``: this room imports neither."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

Figures = dict[tuple[date, str], int]


@dataclass(frozen=True, kw_only=True)
class Source:
    """The daily figures that one query counts.

    ``count`` gets two midnights and returns {(day, name): value}; a name that it leaves out is ``empty`` that day.
    """

    names: tuple[str, ...]
    count: Callable[[datetime, datetime], Figures]
    empty: int | None = 0


@dataclass(frozen=True, kw_only=True)
class Band:
    """One strip of a chart: a bar a day for one name, or a bar from the first name's time to the second's."""

    title: str
    names: tuple[str, ...]

    @property
    def is_time(self) -> bool:
        return len(self.names) == 2


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Strips over the same days."""

    key: str
    title: str
    lede: str
    source: Source
    bands: tuple[Band, ...]


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One figure of this moment: ``is_well`` decides between «All is well» and «Look here», ``told`` says why."""

    title: str
    value: int
    told: list[str]
    is_well: bool


@dataclass(frozen=True, kw_only=True)
class Share:
    """One bar of what there is now; ``is_late`` marks the one that somebody should look at."""

    title: str
    value: int
    is_late: bool = False


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What one look at the database says of this moment: a notice, and bars by group where there are any."""

    notice: Notice
    title: str = ""
    lede: str = ""
    groups: list[tuple[str, list[Share]]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What one room of the portal has to show. ``place`` orders them."""

    key: str
    place: int
    read: Callable[[], Snapshot]
    charts: tuple[Chart, ...] = ()


_panels: dict[str, Panel] = {}


def register_panel(panel: Panel) -> None:
    _panels[panel.key] = panel


def list_panels() -> list[Panel]:
    return sorted(_panels.values(), key=lambda panel: panel.place)


def list_sources() -> list[Source]:
    """Return each source once, however many charts draw from it."""
    return list({chart.source.names: chart.source for panel in list_panels() for chart in panel.charts}.values())
