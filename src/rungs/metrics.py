"""Measures of predictions and of training curves. Pure functions on numpy arrays."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from rungs.predictions import FloatArray, IntArray
from rungs.results import Epoch

# A run "overfits from" its best epoch when the validation loss ends this much above its minimum.
# Below that, the curve is flat within the noise of a validation set of some thousand images: the
# standard error of a mean loss of about 2 nats over 5,000 images is 0.02 to 0.03.
OVERFIT_RISE = 0.05
# Curves whose roughness differs by less than this factor look alike to the eye.
CALM_RATIO = 1.5


def accuracy(predicted: IntArray, labels: IntArray) -> float:
    """Share of images whose predicted class is the true one; both [N]."""
    return float(np.mean(predicted == labels))


def top_accuracy(top: IntArray, labels: IntArray) -> float:
    """Share of images whose true class is among the k most probable, [N, k]; labels [N]."""
    return float((top == labels[:, None]).any(axis=1).mean())


def per_class(predicted: IntArray, labels: IntArray, classes: int) -> tuple[IntArray, IntArray]:
    """Correct predictions and images of each class, both [classes]."""
    images = np.bincount(labels, minlength=classes)
    correct = np.bincount(labels[predicted == labels], minlength=classes)
    return correct, images


def wilson(correct: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson, JASA 1927).

    Args:
        correct: successes, 0 ... n.
        n: trials, at least 1.
        level: two-sided confidence.
    """
    # Not scipy's quantile: importing it takes half a second of every report.
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share = correct / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # Rounding must not leave the share itself outside, at 0 and n above all.
    return min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))


@dataclass(frozen=True)
class ClassAccuracy:
    """One class's accuracy with its 95 % Wilson interval.

    The interval is that of a class picked beforehand: for the best or worst of many it is too
    narrow, since being extreme is what it was picked for. Outputs mark it "before selection".
    """

    index: int
    name: str
    accuracy: float
    low: float
    high: float


def class_accuracies(
    correct: FloatArray | IntArray, images: IntArray, names: Sequence[str]
) -> tuple[ClassAccuracy, ...]:
    """Every class that has images, in order of the index.

    Args:
        correct: right predictions per class [classes]; a mean over seeds may be fractional.
        images: images per class [classes].
        names: class names.
    """
    return tuple(
        ClassAccuracy(index, names[index], float(correct[index] / n), *wilson(correct[index], n))
        for index, n in enumerate(images.tolist())
        if n
    )


def group_confusion(
    predicted: IntArray, labels: IntArray, groups: Sequence[int], count: int
) -> FloatArray:
    """Share of a group's images that are taken for each group; a right group counts as right.

    Args:
        predicted: classes [N].
        labels: true classes [N].
        groups: class index -> group index.
        count: number of groups.

    Returns:
        [true group, predicted group], every row adds up to 1; one of a group without images to 0.
    """
    of = np.asarray(groups)
    pairs = of[labels] * count + of[predicted]
    counts = np.bincount(pairs, minlength=count * count).reshape(count, count)
    shares: FloatArray = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


# --- curves --------------------------------------------------------------------------------------


def best_epoch(history: Sequence[Epoch]) -> int:
    """The epoch of the lowest validation loss, from 1; the earliest wins a tie."""
    return min(history, key=lambda entry: entry.val_loss).epoch


def gap(history: Sequence[Epoch]) -> float:
    """Training minus validation accuracy after the last epoch, as a fraction.

    The training accuracy is the mean over the epoch's batches, with augmentation and dropout.
    """
    return history[-1].train_accuracy - history[-1].val_accuracy


def roughness(history: Sequence[Epoch]) -> float:
    """Mean absolute second difference of the validation loss, in nats; 0 for a straight line."""
    losses = np.array([entry.val_loss for entry in history])
    if len(losses) < 3:
        return 0.0
    return float(np.abs(np.diff(losses, 2)).mean())


def late_gain(history: Sequence[Epoch]) -> float:
    """By how many nats the last tenth of the epochs lowered the best validation loss."""
    tenth = max(1, math.ceil(len(history) / 10))
    before = [entry.val_loss for entry in history[:-tenth]]
    last = [entry.val_loss for entry in history[-tenth:]]
    return min(before) - min(last) if before else 0.0


def overfits_from(history: Sequence[Epoch]) -> int | None:
    """The epoch from which the validation loss rose while training went on; None if it did not."""
    best = best_epoch(history)
    rise = history[-1].val_loss - history[best - 1].val_loss
    return best if best < len(history) and rise > OVERFIT_RISE else None


def notes(
    histories: Sequence[Sequence[Epoch]], previous: Sequence[Sequence[Epoch]] = ()
) -> tuple[str, ...]:
    """What the curves of one rung's seeds say, in a few words each.

    Args:
        histories: one per seed.
        previous: those of the rung before; "calmer" and "rougher" are said only at equal length.
    """
    if not histories:
        return ()
    said = []
    turns = [overfits_from(history) for history in histories]
    if all(turn is not None for turn in turns):
        first, last = min(filter(None, turns)), max(filter(None, turns))
        epochs = f"epoch {first}" if first == last else f"epochs {first} to {last}"
        said.append(f"overfits from {epochs}")
    elif all(late_gain(history) > 0 for history in histories):
        said.append("still improving")
    if previous and len(previous[0]) == len(histories[0]):
        ours = float(np.mean([roughness(history) for history in histories]))
        theirs = float(np.mean([roughness(history) for history in previous]))
        if theirs > CALM_RATIO * ours:
            said.append("calmer")
        elif ours > CALM_RATIO * theirs:
            said.append("rougher")
    return tuple(said)
