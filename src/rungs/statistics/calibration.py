"""How far a model's probabilities can be believed. Pure functions on numpy arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rungs.statistics.predictions import (
    FloatArray,
    IntArray,
    SealedLabels,
    ValidationLabels,
    softmax,
)

# Guo et al., 2017 (arXiv:1706.04599).
BINS = 15
# A probability of zero for the true class would cost an infinite loss; float32 rounds to it.
_LEAST = 1e-12


def negative_log_likelihood(true_probability: FloatArray) -> float:
    """Mean of -log(probability of the true class), in nats; probabilities [N]."""
    return float(-np.log(np.maximum(true_probability, _LEAST)).mean())


def brier(probabilities: FloatArray, labels: IntArray) -> float:
    """Brier's score (1950), 0 ... 2: mean over images of the squared distance from the truth.

    Args:
        probabilities: [N, classes].
        labels: [N].
    """
    true = probabilities[np.arange(len(labels)), labels]
    return float((1 - 2 * true + (probabilities**2).sum(axis=1)).mean())


@dataclass(frozen=True)
class Bin:
    """Images whose predicted class has a probability in one interval.

    Attributes:
        low: end of the interval, left out but for 0.
        high: its other end.
        images: number.
        confidence: mean probability of the predicted class; 0 without images.
        accuracy: share that is right; 0 without images.
    """

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


def reliability(probabilities: FloatArray, labels: IntArray) -> tuple[Bin, ...]:
    """A reliability diagram of `BINS` equally wide bins.

    Args:
        probabilities: [N, classes].
        labels: [N].
    """
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(labels)), predicted]
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    images = np.bincount(place, minlength=BINS)
    some = np.maximum(images, 1)
    means = np.bincount(place, weights=confidence, minlength=BINS) / some
    shares = np.bincount(place, weights=predicted == labels, minlength=BINS) / some
    return tuple(
        Bin(number / BINS, (number + 1) / BINS, int(images[number]), float(mean), float(share))
        for number, (mean, share) in enumerate(zip(means, shares, strict=True))
    )


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Mean distance of confidence and accuracy over bins, weighted with their images."""
    total = sum(item.images for item in bins)
    return sum(item.images * abs(item.confidence - item.accuracy) for item in bins) / total


def temperature(logits: FloatArray, validation: ValidationLabels) -> float:
    """The T > 0 for which softmax(logits / T) makes the labels most likely (Guo et al., 2017).

    As if one more image were there that may be of any class (after Platt, 1999, section 2.2):
    else nothing would hold T above zero where all images, or nearly all of few, are answered right.

    Newton's method on the inverse temperature, in which the loss is convex.

    Args:
        logits: of validation images, [N, classes].
        validation: their labels: a temperature is chosen, so test labels do not fit in here.
    """
    wide = logits.astype(np.float64)
    true = wide[np.arange(len(wide)), validation.labels].sum()
    wanted = (true + wide.mean()) / (len(wide) + 1)
    inverse = 1.0
    for _ in range(50):
        probabilities = softmax(inverse * wide)
        means = (probabilities * wide).sum(axis=1)
        slope = float(means.mean() - wanted)
        curve = float(((probabilities * wide**2).sum(axis=1) - means**2).mean())
        if curve <= 0:  # every class is as likely as every other, at any temperature
            break
        # At most half or double: it stays positive, and far from the minimum steps are too long.
        moved = min(max(inverse - slope / curve, inverse / 2), 2 * inverse)
        if abs(moved - inverse) <= 1e-6 * inverse or not 1e-3 < moved < 1e3:
            break
        inverse = moved
    return 1 / inverse


@dataclass(frozen=True)
class Calibration:
    """One model's probabilities on test, before and after a temperature fitted on validation.

    Attributes:
        nll: mean negative log-likelihood before, nats.
        brier: Brier's score before.
        ece: expected calibration error before.
        bins: the reliability diagram before.
        temperature: above 1 where the model was too sure.
        nll_after: mean negative log-likelihood after, nats.
        ece_after: expected calibration error after.
        bins_after: the reliability diagram after.
    """

    nll: float
    brier: float
    ece: float
    bins: tuple[Bin, ...]
    temperature: float
    nll_after: float
    ece_after: float
    bins_after: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @staticmethod
    def from_dict(plain: Mapping[str, Any]) -> "Calibration":
        """The inverse of `to_dict`."""
        bins = {name: tuple(Bin(**item) for item in plain[name]) for name in ("bins", "bins_after")}
        return Calibration(**{**plain, **bins})


def calibrate(
    validation: FloatArray,
    validation_labels: ValidationLabels,
    test: FloatArray,
    test_labels: SealedLabels,
) -> Calibration:
    """Fits a temperature on validation logits [N, classes] and looks at test before and after."""
    fitted = temperature(validation, validation_labels)
    before, after = softmax(test), softmax(test / fitted)
    labels = test_labels.labels
    true = np.arange(len(labels)), labels
    bins, bins_after = reliability(before, labels), reliability(after, labels)
    return Calibration(
        nll=negative_log_likelihood(before[true]),
        brier=brier(before, labels),
        ece=expected_calibration_error(bins),
        bins=bins,
        temperature=fitted,
        nll_after=negative_log_likelihood(after[true]),
        ece_after=expected_calibration_error(bins_after),
        bins_after=bins_after,
    )
