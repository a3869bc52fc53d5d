"""With folds a seed has several models: how they were trained, all together."""

from collections.abc import Sequence

from rungs.store.results import Epoch, Result


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
