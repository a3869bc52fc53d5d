"""How far a model's probabilities can be believed. Pure functions on numpy arrays."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rungs.statistics.predictions import (
    FloatArray,
    IntArray,
    SealedLabels,
    ValidationLabels,
    log_softmax,
    softmax,
)

# Guo et al., 2017 (arXiv:1706.04599).
BINS = 15
# A probability of zero for the true class would cost an infinite loss; float32 rounds to it.
_LEAST = 1e-12
# Bounds of a temperature's inverse, times the mean distance of logits from the largest of their
# image: beyond them, all classes are alike, or all answers certain.
_FLATTEST, _SUREST = 1e-3, 1e3
_STEPS = 200


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

    Newton's method on the inverse temperature, in which the loss is convex, and bisection where its
    step leads out of what is known to hold the minimum, or softmax is 0 and 1 to the last bit.

    Args:
        logits: of validation images, [N, classes].
        validation: their labels: a temperature is chosen, so test labels do not fit in here.
    """
    # Nothing depends on a row's sum; without it, large logits lose no digits.
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    scale = float(-wide.mean())
    if scale == 0:  # every class is as likely as every other, at any temperature
        return 1.0
    true = wide[np.arange(len(wide)), validation.labels].sum()
    wanted = (true + wide.mean()) / (len(wide) + 1)
    low, high = _FLATTEST / scale, _SUREST / scale
    inverse = min(max(1.0, low), high)
    for _ in range(_STEPS):
        probabilities = softmax(inverse * wide)
        means = (probabilities * wide).sum(axis=1)
        slope = float(means.mean() - wanted)
        curve = float((probabilities * (wide - means[:, None]) ** 2).sum(axis=1).mean())
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        # At most half or double: far from the minimum steps are too long.
        wished = inverse - slope / curve if curve > 0 else 0.0
        moved = min(max(wished, inverse / 2), 2 * inverse)
        if not low < moved < high:
            moved = math.sqrt(low * high)
        if abs(moved - inverse) <= 1e-6 * inverse:
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
        nll=float(-log_softmax(test)[true].mean()),
        brier=brier(before, labels),
        ece=expected_calibration_error(bins),
        bins=bins,
        temperature=fitted,
        nll_after=float(-log_softmax(test / fitted)[true].mean()),
        ece_after=expected_calibration_error(bins_after),
        bins_after=bins_after,
    )
