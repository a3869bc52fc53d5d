"""Measures of predictions and of training curves. Pure functions on numpy arrays."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from rungs.statistics.predictions import BoolArray, FloatArray, IntArray
from rungs.store.results import Epoch

# A run "overfits from" its best epoch when the validation loss ends this much above its minimum.
# Below that, the curve is flat within the noise of a validation set of some thousand images: the
# standard error of a mean loss of about 2 nats over 5,000 images is 0.02 to 0.03.
OVERFIT_RISE = 0.05
# Curves whose roughness differs by less than this factor look alike to the eye.
CALM_RATIO = 1.5
# The standard error of a share of so many samples is 1.6 points at most.
RESAMPLES = 1000


def accuracy(predicted: IntArray, labels: IntArray) -> float:
    """Share of images whose predicted class is the true one; both [N]."""
    return float(np.mean(predicted == labels))


def top_accuracy(top: IntArray, labels: IntArray) -> float:
    """Share of images whose true class is among the k most probable, [N, k]; labels [N]."""
    return float((top == labels[:, None]).any(axis=1).mean())


def balanced_accuracy(correct: BoolArray, labels: IntArray) -> float:
    """Mean of the accuracies of the classes that have images; both [N], at least one image.

    Each class counts alike, however many images it has (Brodersen et al., ICPR 2010).
    """
    images = np.bincount(labels)
    present = images > 0
    right = np.bincount(labels, weights=correct)
    return float((right[present] / images[present]).mean())


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

    Attributes:
        index: of the class.
        name: its name.
        accuracy: mean over seeds, a fraction.
        low: lower end of the interval.
        high: its upper end.
        best_share: share of bootstrap samples of the images in which no class is better; classes
            that are level in a sample share it.
        worst_share: the same for the lowest accuracy.
    """

    index: int
    name: str
    accuracy: float
    low: float
    high: float
    best_share: float = 0.0
    worst_share: float = 0.0


@dataclass(frozen=True)
class ExtremeShares:
    """How often each class is the best and the worst of bootstrap samples: see `ClassAccuracy`.

    Both have an entry for each class that has images, in order of the index.
    """

    best: tuple[float, ...]
    worst: tuple[float, ...]


def class_accuracies(
    correct: BoolArray,
    labels: IntArray,
    names: Sequence[str],
    shares: ExtremeShares | None = None,
) -> tuple[ClassAccuracy, ...]:
    """Every class that has images, in order of the index.

    Args:
        correct: whether each answer is right, [seeds, images], at least one seed.
        labels: true classes [images].
        names: class names.
        shares: what `extreme_shares` says of the same answers; drawn if left out.
    """
    drawn = shares or extreme_shares(correct, labels)
    present, levels = _levels(correct, labels)
    images = levels.sum(axis=1)
    right = (levels @ np.arange(levels.shape[1])).tolist()
    seeds = len(correct)
    # One division of whole numbers: equal shares of classes of unlike sizes are exactly equal.
    return tuple(
        ClassAccuracy(index, names[index], hits / (seeds * n), *wilson(hits / seeds, n), *extreme)
        for index, hits, n, *extreme in zip(
            present.tolist(), right, images.tolist(), drawn.best, drawn.worst, strict=True
        )
    )


def _levels(correct: BoolArray, labels: IntArray) -> tuple[IntArray, IntArray]:
    """The classes that have images, and how many of each are right in 0, 1 ... all seeds."""
    levels = np.zeros((labels.max(initial=-1) + 1, len(correct) + 1), dtype=np.int64)
    np.add.at(levels, (labels, correct.sum(axis=0)), 1)
    present = np.flatnonzero(levels.sum(axis=1))
    return present, levels[present]


def extreme_shares(correct: BoolArray, labels: IntArray) -> ExtremeShares:
    """How often each class is the best and the worst when its images are drawn anew.

    Images are drawn within their class, as many as it has (Efron, 1979); seeds stay as they are.
    Images that are right in equally many seeds are alike, so that counts of them are drawn.

    Args:
        correct: whether each answer is right, [seeds, images], at least one seed.
        labels: true classes [images].
    """
    _, levels = _levels(correct, labels)
    images = levels.sum(axis=1)
    drawn = np.random.default_rng(0).multinomial(
        images, levels / images[:, None], size=(RESAMPLES, len(levels))
    )
    # Whole numbers where classes are of one size: equal accuracies are then exactly equal.
    accuracies = drawn @ np.arange(levels.shape[1]) / images

    def share(extreme: FloatArray) -> tuple[float, ...]:
        level = accuracies == extreme[:, None]
        return tuple((level / level.sum(axis=1, keepdims=True)).mean(axis=0).tolist())

    return ExtremeShares(share(accuracies.max(axis=1)), share(accuracies.min(axis=1)))


@dataclass(frozen=True)
class Confused:
    """A class that is taken for another.

    Attributes:
        true: the class's name.
        taken: the name of the class that it is taken for.
        share: of the class's images, mean over seeds.
    """

    true: str
    taken: str
    share: float


def confused_pairs(
    predicted: Sequence[IntArray], labels: IntArray, names: Sequence[str], most: int = 10
) -> tuple[Confused, ...]:
    """The pairs of classes that are confused most often, by falling share; ties by index.

    Args:
        predicted: classes of each seed's model, each [N], at least one.
        labels: true classes [N].
        names: class names.
        most: how many pairs at most.
    """
    classes = len(names)
    taken = np.concatenate(predicted)
    true = np.tile(labels, len(predicted))
    wrong = taken != true
    # Only pairs that are there: a table of all would take gigabytes for thousands of classes.
    pairs, counts = np.unique(true[wrong] * classes + taken[wrong], return_counts=True)
    images = np.bincount(true, minlength=classes)
    shares = counts / images[pairs // classes]
    order = np.argsort(-shares, kind="stable")[:most]
    return tuple(
        Confused(names[pair // classes], names[pair % classes], share)
        for pair, share in zip(pairs[order].tolist(), shares[order].tolist(), strict=True)
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


def is_told(history: Sequence[Epoch]) -> bool:
    """Whether the losses and accuracies of every epoch are known.

    Only of a run that was trained elsewhere and recorded they may not be.
    """
    return bool(history) and not any(
        math.isnan(value)
        for one in history
        for value in (one.train_loss, one.train_accuracy, one.val_loss, one.val_accuracy)
    )


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
    if not histories or not all(map(is_told, histories)):
        return ()
    said = []
    turns = [overfits_from(history) for history in histories]
    if all(turn is not None for turn in turns):
        first, last = min(filter(None, turns)), max(filter(None, turns))
        epochs = f"epoch {first}" if first == last else f"epochs {first} to {last}"
        said.append(f"overfits from {epochs}")
    elif all(late_gain(history) > 0 for history in histories):
        said.append("still improving")
    if previous and all(map(is_told, previous)) and len(previous[0]) == len(histories[0]):
        ours = float(np.mean([roughness(history) for history in histories]))
        theirs = float(np.mean([roughness(history) for history in previous]))
        if theirs > CALM_RATIO * ours:
            said.append("calmer")
        elif ours > CALM_RATIO * theirs:
            said.append("rougher")
    return tuple(said)
