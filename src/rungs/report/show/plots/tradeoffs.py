"""Accuracy against what it costs."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from rungs.report.data import ReportData
from rungs.report.show.labels import HEIGHT, labels_of
from rungs.report.show.plots.style import COLOURS, mark
from rungs.report.show.scales import short
from rungs.report.show.tables.tradeoffs import Tradeoff
from rungs.report.show.tables.tradeoffs import tradeoffs as found


def tradeoffs(data: ReportData) -> Figure | None:
    """A plot for each cost; the line joins the rungs that no other beats."""
    plots = found(data)
    if not plots:
        return None
    figure = Figure(figsize=(4.2 * len(plots), 3.8), layout="constrained")
    for axes, plot in zip(figure.subplots(1, len(plots), squeeze=False)[0], plots, strict=True):
        _draw(axes, plot)
        axes.set_ylabel(f"{data.part} accuracy (%)")
    return figure


def _draw(axes: Axes, plot: Tradeoff) -> None:
    best = plot.frontier
    axes.plot([dot.cost for dot in best], [100 * dot.accuracy for dot in best], color=COLOURS[0])
    labels = labels_of(plot)
    for dot in plot.dots:
        axes.plot([dot.cost], [100 * dot.accuracy], **mark(kept=dot.kept))
        label = labels.get(dot.rung)
        if label is not None:
            across, _ = plot.at(dot)
            axes.annotate(
                dot.rung,
                (across / 100, 1 - label.y / HEIGHT),
                xycoords="axes fraction",
                xytext=(-8 if label.left else 8, 0),
                textcoords="offset points",
                ha="right" if label.left else "left",
                va="center",
                fontsize=7,
            )
    axes.set_xscale("log")
    axes.set_xlim(plot.across.low, plot.across.high)
    axes.set_ylim(plot.up.low, plot.up.high)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.xaxis.set_minor_formatter("")
    axes.set_xlabel(plot.cost)
