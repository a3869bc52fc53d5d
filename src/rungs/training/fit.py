"""The training loop. Neither test images nor test labels can be reached from here."""

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from rungs.data.images import Exploration, ImageSet
from rungs.data.transforms import training_batch
from rungs.errors import TrainingError
from rungs.network import build
from rungs.prediction import predict
from rungs.recipe import Recipe
from rungs.results import Epoch
from rungs.schedules import learning_rate, snapshot_epochs
from rungs.training import checkpoint
from rungs.training.optimiser import KerasAdam
from rungs.training.record import ExecutionRecord, place, use


@dataclass(frozen=True)
class Fitted:
    """A finished training.

    Attributes:
        history: one entry per epoch.
        best_epoch: epoch of the lowest validation loss, from 1; the earliest wins a tie.
        weights: name -> file: ``best``, and ``snapshot-1`` ... at the end of each cycle.
    """

    history: tuple[Epoch, ...]
    best_epoch: int
    weights: dict[str, Path]


def derive(seed: int, *purpose: object) -> int:
    """A seed for one purpose of a run, independent of those for others: 63 bits."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def fresh_model(recipe: Recipe, data: Exploration, seed: int, record: ExecutionRecord) -> nn.Module:
    """The network of a run before its first update, the same on every device."""
    torch.manual_seed(derive(seed, "weights"))
    channels, height, width = data.train.pixels.shape[1:]
    return place(build(recipe.network, (channels, height, width), len(data.class_names)), record)


def batches(n: int, batch_size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Indices of one epoch's batches in random order; the last may be smaller.

    A last batch of a single image is left out: batch normalisation has no variance there.
    """
    for batch in torch.split(torch.randperm(n, generator=generator), batch_size):
        if len(batch) > 1 or n == 1:
            yield batch


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Updates in one epoch over ``n`` images."""
    full, rest = divmod(n, batch_size)
    return full + (rest > 1 or n == 1)


def fit(
    recipe: Recipe,
    data: Exploration,
    *,
    seed: int,
    epochs: int,
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
    model = fresh_model(recipe, data, seed, record)
    optimiser = KerasAdam(recipe.optimiser, model)
    history: list[Epoch] = []
    best_epoch = 0
    progress = checkpoint.load(folder)
    if progress is not None:
        model.load_state_dict(progress.model)
        optimiser.load_state_dict(dict(progress.optimiser))
        history, best_epoch = list(progress.history), progress.best_epoch
    snapshots = snapshot_epochs(recipe, epochs)

    while len(history) < epochs:
        number = len(history) + 1
        entry = _epoch(recipe, data, model, optimiser, seed, number, epochs, record, on_step)
        history.append(entry)
        # Strictly lower: the earliest of equal epochs is kept.
        if best_epoch == 0 or entry.val_loss < history[best_epoch - 1].val_loss:
            best_epoch = number
            checkpoint.save_weights(model, checkpoint.best_weights(folder, number))
        if number in snapshots:
            index = snapshots.index(number) + 1
            checkpoint.save_weights(model, _snapshot_weights(folder, index))
        checkpoint.save(
            folder,
            checkpoint.Progress(
                tuple(history), best_epoch, model.state_dict(), optimiser.state_dict()
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


def _epoch(
    recipe: Recipe,
    data: Exploration,
    model: nn.Module,
    optimiser: KerasAdam,
    seed: int,
    number: int,
    epochs: int,
    record: ExecutionRecord,
    on_step: Callable[[float], None],
) -> Epoch:
    """Trains one epoch and evaluates it on validation."""
    started = time.perf_counter()
    order = torch.Generator().manual_seed(derive(seed, "order", number))
    augmentation = torch.Generator().manual_seed(derive(seed, "augmentation", number))
    torch.manual_seed(derive(seed, "dropout", number))
    n = len(data.train)
    steps = steps_per_epoch(n, recipe.batch_size)
    # Kept on the device until the epoch's end: reading a loss in every step would stall a GPU.
    losses = torch.zeros(steps, device=record.device)
    correct = torch.zeros((), device=record.device, dtype=torch.int64)
    sizes = torch.zeros(steps, device=record.device)
    model.train()
    rate = 0.0
    for step, indices in enumerate(batches(n, recipe.batch_size, order)):
        chosen = indices.to(record.device)
        labels = data.train.labels[chosen]
        images = training_batch(data.train.pixels[chosen], recipe, augmentation)
        logits = model(images.contiguous(memory_format=record.memory_format))
        loss = F.cross_entropy(logits, labels, label_smoothing=recipe.loss.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        done = (number - 1) * steps + step
        rate = learning_rate(recipe, done, epochs * steps)
        optimiser.step(rate, done + 1)
        with torch.no_grad():
            losses[step] = loss.detach()
            sizes[step] = len(labels)
            correct += (logits.argmax(dim=1) == labels).sum()
        on_step((done + 1) / steps)
    finite = torch.isfinite(losses)
    if not bool(finite.all()):
        first = int((~finite).nonzero()[0]) + 1
        raise TrainingError(f"the loss is no longer finite at epoch {number}, step {first}")
    trained = time.perf_counter()
    val_loss, val_accuracy = evaluate(model, data.validation, record)
    if not math.isfinite(val_loss):
        raise TrainingError(f"the validation loss is not finite after epoch {number}")
    seen = float(sizes.sum())
    return Epoch(
        epoch=number,
        train_loss=float((losses.double() * sizes).sum()) / seen,
        train_accuracy=float(correct) / seen,
        val_loss=val_loss,
        val_accuracy=val_accuracy,
        learning_rate=rate,
        train_seconds=trained - started,
        val_seconds=time.perf_counter() - trained,
    )


def evaluate(model: nn.Module, images: ImageSet, record: ExecutionRecord) -> tuple[float, float]:
    """Mean cross-entropy (nats, without smoothing) and accuracy (fraction) in evaluation mode."""
    logits = predict(model, images.pixels, memory_format=record.memory_format)
    loss = F.cross_entropy(logits.double(), images.labels)
    return float(loss), float((logits.argmax(dim=1) == images.labels).double().mean())
