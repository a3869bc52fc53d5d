"""An ensemble as a plot: accuracy by number of members."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rungs.report.figures.ensembles import EnsembleReport, Growing
from rungs.report.figures.whole import ReportData
from rungs.report.show.charts import SIDE, Axis, axis
from rungs.report.show.grounds import Trace, gain_trace
from rungs.report.show.section import Section, percent
from rungs.report.show.tables.ensembles import ensemble_section


@dataclass(frozen=True)
class GrowthPlot:
    """An ensemble's plot and table; heights in percent from the top, by number of members.

    Attributes:
        trace: what its gain stands on.
        across: places of 1, 2 ... M members, percent of the width.
        alone: heights of each member alone.
        last: heights of the last n together.
        first: heights of the first n together; empty where that is not known.
        last_line: the points of ``last`` as a line.
        first_line: the points of ``first`` as a line.
    """

    item: EnsembleReport
    found: Growing
    trace: Trace | None
    section: Section
    up: Axis
    across: tuple[float, ...]
    alone: tuple[float, ...]
    last: tuple[float, ...]
    first: tuple[float, ...]
    last_line: str
    first_line: str


def _with_first(section: Section, found: Growing) -> Section:
    """The table of an ensemble with the first n together, where they are known."""
    if not found.first or not section.rows:
        return section
    name = f"first n together, {'test' if found.part == 'test' else 'val'} %"
    firsts = map(percent, found.first)
    rows = ((*row[:2], first, *row[2:]) for row, first in zip(section.rows, firsts, strict=True))
    return replace(
        section,
        columns=(*section.columns[:2], name, *section.columns[2:]),
        right=section.right | {name},
        rows=tuple(rows),
    )


def growth_plot(found: Growing, data: ReportData) -> GrowthPlot:
    """The plot of one ensemble."""
    item = found.item
    known = [100 * value for value in (*found.alone, *found.last, *found.first)]
    up = axis(max(known, default=1.0), marks=4, most=100)
    across = tuple(round(100 * (n - 0.5) / item.members, 2) for n in range(1, item.members + 1))

    def heights(values: Sequence[float]) -> tuple[float, ...]:
        return tuple(round(100 - up.place(100 * value), 2) for value in values)

    def line(values: Sequence[float]) -> str:
        pairs = zip(across, heights(values), strict=False)
        return " ".join(f"{SIDE * x / 100:.0f},{SIDE * y / 100:.0f}" for x, y in pairs)

    return GrowthPlot(
        item,
        found,
        gain_trace(data, item),
        _with_first(ensemble_section(item), found),
        up,
        across,
        heights(found.alone),
        heights(found.last),
        heights(found.first),
        line(found.last),
        line(found.first),
    )
