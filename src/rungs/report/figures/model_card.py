"""What is known of one trained model: a seed of a rung or an ensemble."""

from dataclasses import dataclass
from typing import Literal

from rungs.report.figures.spread import Spread
from rungs.statistics.calibration import Calibration


@dataclass(frozen=True)
class ModelFigures:
    """How often one trained model is right. Accuracies are fractions.

    Attributes:
        part: of the data that all figures are of.
        images: number of its images.
        accuracy: of this very model; None where it is not known.
        interval: Wilson's, 95 %, of this model on new images; None where accuracy is.
        seeds: accuracies of all finished seeds of the same recipe.
        top5: as ``accuracy``, of the five most probable classes; None of ensembles.
        calibration: of its probabilities on test, before and after its temperature; None where
            that is not known.
    """

    part: Literal["test", "validation"]
    images: int
    accuracy: float | None
    interval: tuple[float, float] | None
    seeds: Spread
    top5: float | None
    calibration: Calibration | None
