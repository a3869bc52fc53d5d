"""Scales that need not begin at 0: differences to either side of it, and quantities by factors."""

import math
from dataclasses import dataclass

from rungs.report.show.charts import Tick

# About how many marks a scale has.
_MARKS = 5


@dataclass(frozen=True)
class Scale:
    """From ``low`` to ``high``, in the units of what is drawn or in their logarithms.

    Attributes:
        low: of the scale's beginning.
        high: of its end.
        logarithmic: whether equal steps are equal factors.
        ticks: its marks.
    """

    low: float
    high: float
    logarithmic: bool
    ticks: tuple[Tick, ...]

    def place(self, value: float) -> float:
        """Percent of the scale's length, two decimals."""
        return _place(value, self.low, self.high, logarithmic=self.logarithmic)


def _place(value: float, low: float, high: float, *, logarithmic: bool) -> float:
    if logarithmic:
        value, low, high = math.log10(value), math.log10(low), math.log10(high)
    return round(100 * (value - low) / (high - low), 2)


def linear(low: float, high: float) -> Scale:
    """A scale that holds both and ends on marks on either side."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / _MARKS))
    step = next(f * power for f in (1.0, 2.0, 5.0, 10.0) if f * power >= span / _MARKS * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    if first == last:
        last += 1
    marks = [step * number for number in range(first, last + 1)]
    return Scale(
        marks[0],
        marks[-1],
        False,
        tuple(
            Tick(_place(mark, marks[0], marks[-1], logarithmic=False), f"{mark:g}")
            for mark in marks
        ),
    )


def logarithmic(low: float, high: float) -> Scale:
    """A scale of factors that holds two positive values with room on either side."""
    low, high = low / 1.6, high * 1.6
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks = [10.0**power for power in powers]
    if math.log10(high / low) < 2:
        marks = [factor * mark for mark in marks for factor in (1, 2, 5)]
    return Scale(
        low,
        high,
        True,
        tuple(
            Tick(_place(mark, low, high, logarithmic=True), short(mark))
            for mark in marks
            if low <= mark <= high
        ),
    )


def short(value: float) -> str:
    """A count in few characters: ``26.3k``, ``2.17M``."""
    for factor, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g}{letter}"
    return f"{value:.3g}"
