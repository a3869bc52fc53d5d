"""The training loop. Neither test images nor test labels can be reached from here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from rungs.data.images import Exploration
from rungs.foundation.errors import TrainingError
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
        best_epoch: the epoch that answers, from 1: of the lowest validation loss, whose earliest
            wins a tie, or the last.
        weights: name -> file: ``best``, and ``snapshot-1`` ... of the epochs asked for.
    """

    history: tuple[Epoch, ...]
    best_epoch: int
    weights: dict[str, Path]


class Fitting:
    """One training, which goes on by an epoch whenever whoever holds it says so.

    Every epoch is a function of the state before it, the seed and its number alone, and ends with
    all of it on disk. What torch keeps once for a whole process, its generators and threads, is the
    training's own only within a call: so trainings may take turns, and each ends with the weights
    that it ends with alone; also where it was given up and begun again. On a CPU bit for bit.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Exploration,
        *,
        seed: int,
        epochs: int,
        kept_epochs: tuple[int, ...] = (),
        record: ExecutionRecord,
        folder: Path,
        last: bool = False,
        teacher: nn.Module | None = None,
    ) -> None:
        """Begins a training, or goes on with one whose checkpoint lies in ``folder``.

        Args:
            recipe: what to train.
            data: training and validation images, on the record's device.
            seed: of weights, order, dropout and augmentation.
            epochs: length of the whole training.
            kept_epochs: epochs (from 1) after which a snapshot is kept, rising; empty for those
                that the schedule asks for.
            record: how to compute.
            folder: where checkpoint and weights are written, of no other training.
            last: whether the last epoch answers, whatever validation says of it.
            teacher: that the recipe asks for, on the record's device, see
                `rungs.training.teaching`; it must not change.

        Raises:
            TrainingError: the recipe cannot be trained on these images.
            CaptureError: the record asks for CUDA graphs that cannot be.
        """
        use(record)
        self._training = Training.begin(recipe, data, seed, epochs, record, teacher)
        self._folder = folder
        self._last = last
        self._history: list[Epoch] = []
        self._best_epoch = 0
        progress = checkpoint.load(folder)
        if progress is not None:
            self._training.model.load_state_dict(progress.model)
            self._training.updates.load_state_dict(progress.optimiser)
            self._training.averaging.load_state_dict(progress.average)
            if self._training.loss is not None and progress.loss:
                self._training.loss.load_state_dict(progress.loss)
            self._history, self._best_epoch = list(progress.history), progress.best_epoch
        self._snapshots = kept_epochs or snapshot_epochs(recipe, epochs)

    @property
    def history(self) -> tuple[Epoch, ...]:
        """One entry per epoch that is done, those before an interruption included."""
        return tuple(self._history)

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done."""
        return len(self._history) >= self._training.epochs

    def epoch(self, on_step: Callable[[float], None] = lambda _: None) -> Epoch:
        """Trains the next epoch, evaluates it, and writes weights and checkpoint.

        Args:
            on_step: called after each update with the epochs that are done, a fraction. It must
                leave torch's state alone; another training's turn comes between epochs.

        Raises:
            TrainingError: the loss is no longer finite; or all epochs are done.
            CaptureError: an update cannot be captured as a CUDA graph.

        After an error it cannot go on; another one can, from the files of the last epoch.
        """
        if self.is_over:
            raise TrainingError(f"all {self._training.epochs} epochs of this training are done")
        use(self._training.record)  # another training may have had its turn
        number = len(self._history) + 1
        entry = train_epoch(self._training, number, on_step)
        self._history.append(entry)
        # Strictly lower: the earliest of equal epochs is kept.
        best = self._history[self._best_epoch - 1] if self._best_epoch else None
        if self._last or best is None or entry.val_loss < best.val_loss:
            self._best_epoch = number
            self._keep(checkpoint.best_weights(self._folder, number))
        if number in self._snapshots:
            self._keep(_snapshot_weights(self._folder, self._snapshots.index(number) + 1))
        checkpoint.save(
            self._folder,
            checkpoint.Progress(
                history=self.history,
                best_epoch=self._best_epoch,
                model=self._training.model.state_dict(),
                optimiser=self._training.updates.state_dict(),
                average=self._training.averaging.state_dict(),
                loss={} if self._training.loss is None else self._training.loss.state_dict(),
            ),
        )
        return entry

    def result(self) -> Fitted:
        """What came of it.

        Raises:
            TrainingError: there are epochs left.
        """
        if not self.is_over:
            raise TrainingError(
                f"{len(self._history)} of {self._training.epochs} epochs of this training are "
                "done: it has no result yet"
            )
        weights = weight_files(self._folder, self._best_epoch, len(self._snapshots))
        return Fitted(self.history, self._best_epoch, weights)

    def _keep(self, path: Path) -> None:
        checkpoint.save_weights(self._training.evaluated.model, path)


def fit(
    recipe: Recipe,
    data: Exploration,
    *,
    seed: int,
    epochs: int,
    kept_epochs: tuple[int, ...] = (),
    record: ExecutionRecord,
    folder: Path,
    last: bool = False,
    teacher: nn.Module | None = None,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    on_step: Callable[[float], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Fitted | None:
    """Does a `Fitting` from where it stands to its end, or until it is asked to stop.

    Args:
        recipe: as `Fitting` has it, and so are all arguments to ``teacher``.
        data: images.
        seed: of the run.
        epochs: length of the whole training.
        kept_epochs: of snapshots.
        record: how to compute.
        folder: of its files.
        last: whether the last epoch answers.
        teacher: that the recipe asks for.
        on_epoch: called with each finished epoch after its checkpoint is on disk.
        on_step: called after each update with the epochs that are done, a fraction.
        should_stop: asked after each epoch.

    Returns:
        The finished training, or ``None`` if it was asked to stop before its end.

    Raises:
        TrainingError: the loss is no longer finite.
    """
    fitting = Fitting(
        recipe,
        data,
        seed=seed,
        epochs=epochs,
        kept_epochs=kept_epochs,
        record=record,
        folder=folder,
        last=last,
        teacher=teacher,
    )
    while not fitting.is_over:
        on_epoch(fitting.epoch(on_step))
        if not fitting.is_over and should_stop():
            return None
    return fitting.result()


def weight_files(folder: Path, best_epoch: int, snapshots: int) -> dict[str, Path]:
    """Name -> file of the weights that a finished training left in its folder."""
    weights = {"best": checkpoint.best_weights(folder, best_epoch)}
    for index in range(1, snapshots + 1):
        weights[f"snapshot-{index}"] = _snapshot_weights(folder, index)
    return weights


def _snapshot_weights(folder: Path, index: int) -> Path:
    return folder / f"snapshot-{index}.safetensors"
