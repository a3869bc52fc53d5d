"""Accuracy by class. What has to be drawn for it is drawn once and kept beside the runs."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from rungs.evidence.metrics import ClassAccuracy, ExtremeShares, class_accuracies, extreme_shares
from rungs.foundation.files import remembered
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
