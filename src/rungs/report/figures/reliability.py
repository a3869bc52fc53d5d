"""Reliability diagrams: how often a model is right when it is so and so sure."""

from dataclasses import dataclass

from rungs.report.figures.rungs import RungReport
from rungs.statistics.calibration import Bin


@dataclass(frozen=True)
class Diagram:
    """One rung's reliability before and after its temperature, over all seeds' answers.

    Attributes:
        rung: the rung.
        before: bins with images.
        after: the same after the temperature that was fitted on validation.
        ece: expected calibration error before, mean over seeds, a fraction.
        ece_after: the same after.
        temperature: mean over seeds.
    """

    rung: RungReport
    before: tuple[Bin, ...]
    after: tuple[Bin, ...]
    ece: float
    ece_after: float
    temperature: float
