"""Accuracy against what it costs."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from rungs.report.figures.whole import ReportData
from rungs.report.show.dot_names import HEIGHT, labels_of
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
        _draw(axes, plot)
        axes.set_ylabel(f"{data.part} accuracy (%)")
    return figure


def _draw(axes: Axes, plot: TradeoffPlot) -> None:
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
    axes.set_xlabel(plot.found.cost)
