"""Both readings of every change of the trunk, on one axis."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rungs.report.figures.readings import Effect, Reading
from rungs.report.figures.whole import ReportData
from rungs.report.show.placing import effect_scale
from rungs.report.show.plots.style import mark

# Of a row: where its two marks stand.
_ABOVE, _BELOW = -0.17, 0.17


def readings(data: ReportData) -> Figure | None:
    """What each change gave as climbed, and what the final rung loses without it."""
    rows = data.readings
    if not rows:
        return None
    scale = effect_scale(rows)
    figure = Figure(figsize=(8, 1.6 + 0.55 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    said: set[str] = set()
    for number, row in enumerate(rows):
        _mark(axes, row.climbed, number + _ABOVE, "as climbed", said, kept=True)
        _mark(axes, row.left_out, number + _BELOW, "left out of the final", said, kept=False)
        if row.why:
            axes.annotate(row.why, (0, number + _BELOW), fontsize=7, va="center")
    axes.axvline(0, color="#777777", linewidth=1)
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(scale.low, scale.high)
    axes.set_xlabel("gain, percentage points of test accuracy; lines are intervals")
    if said:
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _name(row: Reading) -> str:
    return f"{row.rung}: {row.change}" if row.bundle > 1 else row.change


def _mark(
    axes: Axes, effect: Effect | None, at: float, words: str, said: set[str], *, kept: bool
) -> None:
    if effect is None:
        return
    if effect.low is not None and effect.high is not None:
        axes.hlines(at, 100 * effect.low, 100 * effect.high, color="black", linewidth=1)
    label = None if words in said else words
    said.add(words)
    axes.plot([100 * effect.delta], [at], label=label, **mark(kept=kept))
