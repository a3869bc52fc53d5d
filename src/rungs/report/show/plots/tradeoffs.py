"""Accuracy against what it costs."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import offset_copy

from rungs.report.figures.whole import ReportData
from rungs.report.show.dot_names import HEIGHT, Label, labels_of
from rungs.report.show.placing import TradeoffPlot, tradeoff_plot
from rungs.report.show.plots.style import COLOURS, mark
from rungs.report.show.scales import short


def tradeoffs(data: ReportData) -> Figure | None:
    """A plot for each cost; the line joins the rungs that no other beats."""
    plots = [tradeoff_plot(item) for item in data.tradeoffs]
    if not plots:
        return None
    figure = Figure(figsize=(4.2 * len(plots), 3.8), layout="constrained")
    for axes, plot in zip(figure.subplots(1, len(plots), squeeze=False)[0], plots, strict=True):
        _draw(figure, axes, plot)
        axes.set_ylabel(f"{data.part} accuracy (%)")
    return figure


def _draw(figure: Figure, axes: Axes, plot: TradeoffPlot) -> None:
    best = plot.found.frontier
    axes.plot([dot.cost for dot in best], [100 * dot.accuracy for dot in best], color=COLOURS[0])
    labels = labels_of(plot)
    for dot in plot.found.dots:
        axes.plot([dot.cost], [100 * dot.accuracy], **mark(kept=dot.kept))
        label = labels.get(dot.rung)
        if label is not None:
            across, _ = plot.at(dot)
            axes.annotate(
                dot.rung,
                (dot.cost, 100 * dot.accuracy),
                xytext=(across / 100, 1 - label.y / HEIGHT),
                textcoords=offset_copy(
                    axes.transAxes, figure, -8 if label.left else 8, 0, "points"
                ),
                arrowprops=_leader(label) if label.moved else None,
                ha="right" if label.left else "left",
                va="center",
                fontsize=7,
            )
    axes.set_xscale("log")
    axes.set_xlim(plot.across.low, plot.across.high)
    axes.set_ylim(plot.up.low, plot.up.high)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.xaxis.set_minor_formatter("")
    axes.set_xlabel(plot.found.cost)


def _leader(label: Label) -> dict[str, Any]:
    """A thin line from a name, at its end that is next to the dots, to the very dot."""
    return {
        "arrowstyle": "-",
        "linewidth": 0.6,
        "color": "#777777",
        "shrinkA": 0,
        "shrinkB": 0,
        "relpos": (1.0 if label.left else 0.0, 0.5),
    }
