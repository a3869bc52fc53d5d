"""Reliability diagrams: how often a model is right when it is so and so sure."""

from collections.abc import Sequence
from dataclasses import dataclass

from rungs.report.data import ReportData, RungReport
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


def diagrams(data: ReportData) -> tuple[Diagram, ...]:
    """One for each rung whose probabilities are known."""
    return tuple(_diagram(rung) for rung in data.rungs if rung.calibrations)


def _diagram(rung: RungReport) -> Diagram:
    found = rung.calibrations
    count = len(found)
    return Diagram(
        rung,
        _together([item.bins for item in found]),
        _together([item.bins_after for item in found]),
        sum(item.ece for item in found) / count,
        sum(item.ece_after for item in found) / count,
        sum(item.temperature for item in found) / count,
    )


def _together(seeds: Sequence[Sequence[Bin]]) -> tuple[Bin, ...]:
    """The bins of several seeds as one, without empty ones."""
    joined = []
    for bins in zip(*seeds, strict=True):
        images = sum(item.images for item in bins)
        if images:
            confidence = sum(item.images * item.confidence for item in bins) / images
            accuracy = sum(item.images * item.accuracy for item in bins) / images
            joined.append(Bin(bins[0].low, bins[0].high, images, confidence, accuracy))
    return tuple(joined)
