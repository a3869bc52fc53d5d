"""The training loop. Neither test images nor test labels can be reached from here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rungs.data.images import Exploration
from rungs.recipe import Recipe
from rungs.recipe.learning_rates import snapshot_epochs
from rungs.store.results import Epoch
from rungs.training import checkpoint
from rungs.training.epoch import Training, train_epoch
from rungs.training.record import ExecutionRecord, use


@dataclass(frozen=True)
class Fitted:
    """A finished training.

    Attributes:
        history: one entry per epoch.
        best_epoch: epoch of the lowest validation loss, from 1; the earliest wins a tie.
        weights: name -> file: ``best``, and ``snapshot-1`` ... of the epochs asked for.
    """

    history: tuple[Epoch, ...]
    best_epoch: int
    weights: dict[str, Path]


def fit(
    recipe: Recipe,
    data: Exploration,
    *,
    seed: int,
    epochs: int,
    kept_epochs: tuple[int, ...] = (),
    record: ExecutionRecord,
    folder: Path,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    on_step: Callable[[float], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Fitted | None:
    """Trains a recipe, or goes on with a training whose checkpoint lies in ``folder``.

    Every epoch is a function of the state before it, the seed and its number alone, so a training
    that is interrupted and started again ends with the same weights, on a CPU bit for bit.

    Args:
        recipe: what to train.
        data: training and validation images, on the record's device.
        seed: of weights, order, dropout and augmentation.
        epochs: length of the whole training.
        kept_epochs: epochs (from 1) after which a snapshot is kept, rising; empty for those that
            the schedule asks for.
        record: how to compute.
        folder: where checkpoint and weights are written.
        on_epoch: called with each finished epoch after its checkpoint is on disk.
        on_step: called after each update with the epochs that are done, a fraction.
        should_stop: asked after each epoch.

    Returns:
        The finished training, or ``None`` if it was asked to stop before its end.

    Raises:
        TrainingError: the loss is no longer finite.
    """
    use(record)
    training = Training.begin(recipe, data, seed, epochs, record)
    history: list[Epoch] = []
    best_epoch = 0
    progress = checkpoint.load(folder)
    if progress is not None:
        training.model.load_state_dict(progress.model)
        training.updates.load_state_dict(progress.optimiser)
        training.averaging.load_state_dict(progress.average)
        history, best_epoch = list(progress.history), progress.best_epoch
    snapshots = kept_epochs or snapshot_epochs(recipe, epochs)

    while len(history) < epochs:
        number = len(history) + 1
        entry = train_epoch(training, number, on_step)
        history.append(entry)
        # Strictly lower: the earliest of equal epochs is kept.
        if best_epoch == 0 or entry.val_loss < history[best_epoch - 1].val_loss:
            best_epoch = number
            checkpoint.save_weights(
                training.evaluated.model, checkpoint.best_weights(folder, number)
            )
        if number in snapshots:
            index = snapshots.index(number) + 1
            checkpoint.save_weights(training.evaluated.model, _snapshot_weights(folder, index))
        checkpoint.save(
            folder,
            checkpoint.Progress(
                history=tuple(history),
                best_epoch=best_epoch,
                model=training.model.state_dict(),
                optimiser=training.updates.state_dict(),
                average=training.averaging.state_dict(),
            ),
        )
        on_epoch(entry)
        if number < epochs and should_stop():
            return None

    return Fitted(tuple(history), best_epoch, weight_files(folder, best_epoch, len(snapshots)))


def weight_files(folder: Path, best_epoch: int, snapshots: int) -> dict[str, Path]:
    """Name -> file of the weights that a finished training left in its folder."""
    weights = {"best": checkpoint.best_weights(folder, best_epoch)}
    for index in range(1, snapshots + 1):
        weights[f"snapshot-{index}"] = _snapshot_weights(folder, index)
    return weights


def _snapshot_weights(folder: Path, index: int) -> Path:
    return folder / f"snapshot-{index}.safetensors"
