"""Reliability diagrams: how often a model is right when it is so and so sure."""

from collections.abc import Sequence

from rungs.report.figures.reliability import Diagram
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import ReportData
from rungs.statistics.calibration import Bin


def diagrams(data: ReportData) -> tuple[Diagram, ...]:
    """One for each rung whose probabilities are known."""
    found = (_diagram(rung) for rung in data.rungs)
    return tuple(diagram for diagram in found if diagram is not None)


def _diagram(rung: RungReport) -> Diagram | None:
    means = rung.calibration
    if means is None:
        return None
    return Diagram(
        rung,
        _together([item.bins for item in rung.calibrations]),
        _together([item.bins_after for item in rung.calibrations]),
        means.ece,
        means.ece_after,
        means.temperature,
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
