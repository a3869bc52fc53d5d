"""Places on the page's plots. All axes start at 0, so that lengths can be compared.

Horizontal places are percentages of a plot's width: the plots fit every screen with letters and
marks of one size. Lines, which take no percentages, are drawn in a square of `SIDE` units that is
stretched over the plot.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

SIDE = 1000
# No line has more points than these: on plots of this size more would not be seen.
MOST_POINTS = 200


@dataclass(frozen=True)
class Tick:
    """A mark of an axis: its place in percent of the axis, and its words."""

    at: float
    label: str


@dataclass(frozen=True)
class Axis:
    """From 0 to ``top``, in the units of what is drawn."""

    top: float
    ticks: tuple[Tick, ...]

    def place(self, value: float) -> float:
        """Percent of the axis's length, two decimals."""
        return round(100 * value / self.top, 2)


def axis(highest: float, *, marks: int = 5, most: float | None = None) -> Axis:
    """An axis that holds ``highest`` and ends on a mark.

    Args:
        highest: the largest value, at least 0.
        marks: about how many steps.
        most: where the axis ends at the latest, as 100 for percentages.
    """
    step = _step(highest if highest > 0 else 1.0, marks)
    count = max(1, math.ceil(highest / step - 1e-9))
    if most is not None:
        count = min(count, max(1, round(most / step)))
    top = step * count
    return Axis(top, tuple(Tick(100 * i / count, f"{step * i:g}") for i in range(count + 1)))


def epoch_axis(epochs: int) -> Axis:
    """From 0, before training, to the last epoch; whole numbers, the last one always marked."""
    step = max(1, round(_step(float(epochs), 5)))
    marks = [mark for mark in range(0, epochs, step) if epochs - mark > step / 2]
    return Axis(
        float(epochs), tuple(Tick(100 * mark / epochs, str(mark)) for mark in (*marks, epochs))
    )


def _step(highest: float, marks: int) -> float:
    """The round number 1, 2, 2.5 or 5 times a power of ten that makes about so many steps."""
    rough = highest / marks
    power = 10.0 ** math.floor(math.log10(rough))
    return next(
        factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= rough * 0.999
    )


def points(
    values: Sequence[float],
    across: Axis,
    up: Axis,
    at: Sequence[float] | None = None,
    *,
    most: int = MOST_POINTS,
) -> str:
    """A polyline's points.

    Args:
        values: those after epoch 1, 2, ...
        across: in epochs, or in the unit of ``at``.
        up: in the unit of ``values``.
        at: where each of them stands; None for the numbers of their epochs.
        most: points that are drawn, about, of more values.
    """
    at = range(1, len(values) + 1) if at is None else at
    stride = max(1, math.ceil(len(values) / most))
    drawn = [*range(0, len(values) - 1, stride), len(values) - 1]
    if len(values) == 1:
        drawn *= 2  # a line needs two ends; these make a dot
    return " ".join(
        f"{SIDE * at[index] / across.top:.0f},{SIDE * (1 - values[index] / up.top):.0f}"
        for index in drawn
    )
