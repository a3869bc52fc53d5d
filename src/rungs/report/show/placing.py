"""Scales and places of the plots that the page and the drawn files share."""

from collections.abc import Sequence
from dataclasses import dataclass

from rungs.report.figures.readings import Reading
from rungs.report.figures.tradeoffs import Dot, Tradeoff
from rungs.report.show.scales import Scale, linear, logarithmic


@dataclass(frozen=True)
class TradeoffPlot:
    """Accuracy against one cost, placed.

    Attributes:
        found: what is drawn.
        across: scale of the cost.
        up: scale of the accuracy, percent.
    """

    found: Tradeoff
    across: Scale
    up: Scale

    def at(self, dot: Dot) -> tuple[float, float]:
        """A dot's place in percent, from the left and from the top."""
        return self.across.place(dot.cost), round(100 - self.up.place(100 * dot.accuracy), 2)


def tradeoff_plot(found: Tradeoff) -> TradeoffPlot:
    """The plot of one cost, which has dots; its scales need not begin at 0."""
    costs = [dot.cost for dot in found.dots]
    accuracies = [100 * dot.accuracy for dot in found.dots]
    return TradeoffPlot(
        found,
        logarithmic(min(costs), max(costs)),
        linear(min(accuracies), max(accuracies)),
    )


# Of a plot's width in percent: marks nearer to each other hide one another.
_NEAR = 2.2
# From the middle of their row, in pixels: between two marks that are moved apart, and at most.
_LIFT = 9.0
_MOST_LIFT = 9.0


def lifted(places: Sequence[float]) -> tuple[float, ...]:
    """How far each of a row's marks is moved up, in pixels, so that each can be seen.

    Args:
        places: of the marks, in percent of the plot's width; those that are near each other are
            moved apart, around the middle of the row.
    """
    order = sorted(range(len(places)), key=lambda number: places[number])
    clusters: list[list[int]] = []
    for number in order:
        if clusters and places[number] - places[clusters[-1][-1]] < _NEAR:
            clusters[-1].append(number)
        else:
            clusters.append([number])
    lifts = [0.0] * len(places)
    for cluster in clusters:
        gaps = len(cluster) - 1
        step = min(_LIFT, 2 * _MOST_LIFT / gaps) if gaps else 0.0
        for position, number in enumerate(cluster):
            lifts[number] = round(step * (position - gaps / 2), 2)
    return tuple(lifts)


def effect_scale(rows: Sequence[Reading]) -> Scale:
    """A scale in percentage points that holds all effects and their intervals, and 0."""
    effects = [one for row in rows for one in (row.climbed, row.left_out) if one is not None]
    ends = [100 * end for one in effects for end in (one.delta, one.low, one.high) if end]
    return linear(min([*ends, 0.0]), max([*ends, 1.0]))
