"""How often a model is right when it is so and so sure."""

from matplotlib.figure import Figure

from rungs.report.figures.reliability import Diagram
from rungs.report.show.plots.style import COLOURS


def reliability(diagram: Diagram) -> Figure:
    """A rung's reliability before and after its temperature; marks by their number of images."""
    figure = Figure(figsize=(8, 3.9), layout="constrained")
    parts = (
        ("before", diagram.before, diagram.ece),
        (f"after temperature {diagram.temperature:.2f}", diagram.after, diagram.ece_after),
    )
    for axes, (words, bins, error) in zip(figure.subplots(1, 2), parts, strict=True):
        total = sum(one.images for one in bins)
        axes.plot([0, 100], [0, 100], ":", color="#777777", linewidth=1)
        axes.scatter(
            [100 * one.confidence for one in bins],
            [100 * one.accuracy for one in bins],
            s=[10 + 250 * one.images / total for one in bins],
            color=COLOURS[0],
            zorder=3,
        )
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 100)
        axes.set_xlabel("confidence (%)")
        axes.set_ylabel("right (%)")
        title = f"{diagram.rung.name}, {words}: calibration error {100 * error:.1f} points"
        axes.set_title(title, loc="left", fontsize=8)
    return figure
