"""What is known of one trained model, from the report that it is part of."""

from collections.abc import Sequence
from typing import TypeVar

from rungs.evidence.metrics import wilson
from rungs.report.figures.ensembles import EnsembleReport
from rungs.report.figures.model_card import ModelFigures
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.spread import Spread
from rungs.report.figures.whole import ReportData

T = TypeVar("T")


def model_figures(data: ReportData, name: str, seed: int) -> ModelFigures:
    """The figures of one seed of a rung or an ensemble.

    Args:
        data: a report at the model's epochs.
        name: of the rung or ensemble, which the report has.
        seed: of the study; one that the report lacks has no figures of its own.
    """
    item = data.find(name)
    assert item is not None
    place = item.seeds.index(seed) if seed in item.seeds else None
    test = data.part == "test"
    if isinstance(item, EnsembleReport):
        growing = item.growing_test if test else item.growing_val
        spread = growing[-1] if growing else Spread()
        top5 = calibration = None
    else:
        spread = data.accuracy(item)
        top5 = _at(item.top5.values, place, item.seeds) if test else None
        calibration = _at(item.calibrations, place, item.seeds) if test else None
    images = data.study.splits[0].sizes[data.part]
    accuracy = _at(spread.values, place, item.seeds)
    if isinstance(item, RungReport) and item.held_out:
        # Of the first fold's model alone, which is the one that is put to use.
        right = item.tested[:: data.study.folds] if test else item.correct[:, :images]
        accuracy = _at(right.mean(axis=1).tolist(), place, item.seeds)
        top5 = None
    interval = None if accuracy is None else wilson(accuracy * images, images)
    return ModelFigures(data.part, images, accuracy, interval, spread, top5, calibration)


def _at(values: Sequence[T], place: int | None, seeds: Sequence[int]) -> T | None:
    """The value of one seed; None where there is none of it."""
    return values[place] if place is not None and len(values) == len(seeds) else None
