"""The accuracy of every class."""

from matplotlib.figure import Figure

from rungs.report.figures.rungs import RungReport
from rungs.report.show.plots.style import COLOURS


def classes(rung: RungReport) -> Figure | None:
    """Every class's accuracy, sorted, with 95 % Wilson intervals."""
    if not rung.ranking:
        return None
    # From the bottom up; those of one rank stay in the order of their index.
    lowest_first = sorted(rung.ranking, key=lambda one: one.rank, reverse=True)
    ordered = [one.item for one in lowest_first]
    wide = len(ordered) > 30
    figure = Figure(
        figsize=(7, 1.2 + (0.13 if wide else 0.25) * len(ordered)), layout="constrained"
    )
    axes = figure.add_subplot()
    rows = range(len(ordered))
    middle = [100 * item.accuracy for item in ordered]
    below = [100 * (item.accuracy - item.low) for item in ordered]
    above = [100 * (item.high - item.accuracy) for item in ordered]
    axes.errorbar(
        middle,
        rows,
        xerr=[below, above],
        fmt="o",
        markersize=3,
        color=COLOURS[0],
        ecolor="#bbbbbb",
        elinewidth=1,
    )
    axes.set_yticks(rows, [item.name for item in ordered], fontsize=6 if wide else 8)
    axes.set_ylim(-1, len(ordered))
    axes.set_xlim(0, 100)
    axes.set_xlabel("test accuracy (%), 95 % Wilson interval before selection")
    axes.set_title(f"Accuracy per class of {rung.name}", loc="left")
    return figure
