"""With folds a seed has several models: what they say together of images that they did not see."""

from collections.abc import Sequence

import numpy as np

from rungs.report.figures.spread import NO_ANSWERS
from rungs.statistics.predictions import BoolArray
from rungs.store import Store
from rungs.store.results import Epoch, Result
from rungs.study.plan import PlannedRung

# The runs of one seed: key and result of each, one or one a fold.
Group = list[tuple[str, Result]]


def whole_seeds(item: PlannedRung, store: Store) -> list[Group]:
    """The runs of every seed that is finished whole, and of which none failed."""
    groups = []
    for specs in item.groups:
        if all(store.is_finished(spec.key) for spec in specs):
            group = [(spec.key, store.result(spec.key)) for spec in specs]
            if all(result.failed is None for _, result in group):
                groups.append(group)
    return groups


def mean_history(results: Sequence[Result]) -> tuple[Epoch, ...]:
    """The curve of one seed: a run's own, or the mean over its folds, each image counting alike."""
    if len(results) == 1:
        return results[0].history
    held_out = [result.spec.data.sizes["validation"] for result in results]
    trained = [result.spec.data.sizes["train"] for result in results]
    return tuple(
        Epoch(
            epoch=entries[0].epoch,
            train_loss=_mean([entry.train_loss for entry in entries], trained),
            train_accuracy=_mean([entry.train_accuracy for entry in entries], trained),
            val_loss=_mean([entry.val_loss for entry in entries], held_out),
            val_accuracy=_mean([entry.val_accuracy for entry in entries], held_out),
            learning_rate=entries[0].learning_rate,
            train_seconds=_mean([entry.train_seconds for entry in entries], trained),
            val_seconds=_mean([entry.val_seconds for entry in entries], held_out),
        )
        for entries in zip(*(result.history for result in results), strict=True)
    )


def _mean(values: Sequence[float], images: Sequence[int]) -> float:
    return sum(v * n for v, n in zip(values, images, strict=True)) / sum(images)


def held_out_answers(seeds: Sequence[Group], store: Store) -> BoolArray:
    """Whether each image outside the test part was answered rightly by a model that did not see it.

    Args:
        seeds: the runs of each whole seed, fold after fold.
        store: with their answers, and the labels of each fold.

    Returns:
        [seeds, images], the images fold after fold; no rows where labels are missing.
    """
    rows = []
    for group in seeds:
        parts = []
        for key, result in group:
            labels = store.labels(result.spec.data.fingerprint, "validation")
            if labels is None:
                return NO_ANSWERS
            predicted = store.predictions(key, "validation", labels).predicted
            parts.append(predicted == labels.labels)
        rows.append(np.concatenate(parts))
    return np.stack(rows) if rows else NO_ANSWERS
