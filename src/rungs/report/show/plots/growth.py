"""How ensembles grow, from the first member on and from the last on."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rungs.report.figures.ensembles import Growing
from rungs.report.figures.whole import ReportData
from rungs.report.show.plots.style import COLOURS, mark

# Plots side by side; more stand below each other.
_MOST_ABREAST = 4


def growth(data: ReportData) -> Figure | None:
    """A plot for each ensemble that has figures."""
    found = [one for one in data.growing if one.last]
    if not found:
        return None
    columns = min(len(found), _MOST_ABREAST)
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(max(5.0, 4.2 * columns), 3.6 * rows), layout="constrained")
    for place, one in enumerate(found, start=1):
        _draw(figure.add_subplot(rows, columns, place), one)
    return figure


def _draw(axes: Axes, one: Growing) -> None:
    numbers = range(1, one.item.members + 1)

    def percents(values: tuple[float, ...]) -> list[float]:
        return [100 * value for value in values]

    if one.alone:
        axes.plot(numbers, percents(one.alone), label="member n alone", **mark(kept=False))
    if one.first:
        style: dict[str, Any] = {"color": COLOURS[2], "markerfacecolor": "white", "markersize": 7}
        axes.plot(numbers, percents(one.first), "^--", label="first n together", **style)
    axes.plot(numbers, percents(one.last), "o-", label="last n together", color=COLOURS[0])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("n")
    axes.set_ylabel(f"{one.part} accuracy (%)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(
        f"{one.item.name}, {one.item.members} of {one.item.rung}", loc="left", fontsize=8
    )
    axes.legend(fontsize=8)
