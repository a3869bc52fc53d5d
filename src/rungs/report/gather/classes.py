"""Accuracy by class. What has to be drawn for it is drawn once and kept beside the runs."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from rungs.evidence.metrics import ClassAccuracy, ExtremeShares, class_accuracies, extreme_shares
from rungs.foundation.files import remembered
from rungs.report.figures.rungs import GroupConfusion, RankedClass
from rungs.statistics.predictions import BoolArray, Labels
from rungs.store import Store

# Raised when `extreme_shares` draws in another way.
_VERSION = 1


def accuracies_by_class(
    store: Store, correct: BoolArray, labels: Labels
) -> tuple[ClassAccuracy, ...]:
    """Every class that has images, in order of the index.

    Args:
        store: which keeps the shares of bootstrap samples.
        correct: whether each answer is right, [seeds, images], at least one seed.
        labels: of these images.
    """
    digest = hashlib.sha256(f"{_VERSION} {correct.shape}".encode())
    digest.update(correct.tobytes())
    digest.update(labels.labels.tobytes())
    shares = remembered(
        store.measures / "classes" / f"{digest.hexdigest()[:16]}.json",
        partial(_shares, classes=len(set(labels.labels.tolist()))),
        lambda: extreme_shares(correct, labels.labels),
        asdict,
    )
    return class_accuracies(correct, labels.labels, labels.class_names, shares)


def _shares(plain: Mapping[str, Any], *, classes: int) -> ExtremeShares:
    """From plain JSON types.

    Raises:
        ValueError: these are no shares of so many classes.
    """
    shares = ExtremeShares(*(tuple(map(float, plain[name])) for name in ("best", "worst")))
    for each in (shares.best, shares.worst):
        if len(each) != classes or not all(0 <= share <= 1 for share in each):
            raise ValueError("no shares of these classes")
    return shares


def ranking(classes: Sequence[ClassAccuracy]) -> tuple[RankedClass, ...]:
    """The classes, the best first; those of one accuracy share a rank, and stand by index."""
    ordered = sorted(classes, key=lambda item: (-item.accuracy, item.index))
    ranks: dict[float, int] = {}
    for rank, item in enumerate(ordered, start=1):
        ranks.setdefault(item.accuracy, rank)
    return tuple(RankedClass(ranks[item.accuracy], item) for item in ordered)


def confusion_of(shares: Sequence[Sequence[float]]) -> GroupConfusion:
    """What shares of groups taken for groups say: how often the group is right, and what is not.

    Args:
        shares: of each true group's images taken for each group, one row a group at least.
    """
    wrong = sorted(
        (-share, true, taken)
        for true, row in enumerate(shares)
        for taken, share in enumerate(row)
        if true != taken and share > 0
    )
    right = [row[true] for true, row in enumerate(shares)]
    return GroupConfusion(
        tuple(map(tuple, shares)),
        sum(right) / len(right),
        tuple((true, taken, -share) for share, true, taken in wrong),
    )
