"""One epoch of training, and its evaluation on validation."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from rungs.data.images import Exploration
from rungs.data.mapped import MappedPixels
from rungs.data.scaling import training_batch
from rungs.foundation.errors import TrainingError
from rungs.network.building import build, start
from rungs.network.outputs import evaluation_batches
from rungs.ops.layer_rates import layer_wise
from rungs.ops.layers import set_standard
from rungs.ops.losses import WithLoss
from rungs.ops.sending import sent
from rungs.ops.weights import train_mode
from rungs.recipe import Recipe
from rungs.recipe.components import Averaging, Batch, Convolutional, Updates
from rungs.recipe.learning_rates import learning_rate
from rungs.store.results import Epoch
from rungs.training.chance import derive, own_chance
from rungs.training.evaluation import Evaluated, evaluate
from rungs.training.graphs import CudaCapturer, GraphedStep
from rungs.training.record import ExecutionRecord, check_batches, place, wait
from rungs.training.step import EagerStep, Step
from rungs.training.teaching import check_teacher


def fresh_model(recipe: Recipe, data: Exploration, seed: int, record: ExecutionRecord) -> nn.Module:
    """The network of a run before its first update, the same on every device.

    It seeds torch's global generators.
    """
    torch.manual_seed(derive(seed, "weights"))
    channels, height, width = data.train.pixels.shape[1:]
    shape = (channels, height, width)
    model = build(recipe.network, shape, len(data.class_names), recipe.scaling)
    if recipe.scaling == "standard":
        set_standard(model.get_submodule("scaling"), evaluation_batches(data.train.pixels))
    if isinstance(recipe.network, Convolutional):
        recipe.network.stem.prepare(model.get_submodule("stem"), data.train.pixels)
    start(recipe, model, shape, len(data.class_names))
    return place(model, record)


def batches(n: int, batch_size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Indices of one epoch's batches in random order; the last may be smaller.

    A rest of a single image is left out: batch normalisation has no variance there.
    """
    for batch in torch.split(torch.randperm(n, generator=generator), batch_size):
        if len(batch) > 1 or min(n, batch_size) == 1:
            yield batch


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Updates in one epoch over ``n`` images."""
    full, rest = divmod(n, batch_size)
    return full + (rest > 1 or full == 0)


@dataclass(frozen=True)
class Training:
    """A run in the middle of its training.

    Attributes:
        recipe: what is trained.
        data: training and validation images, on the record's device.
        seed: of order, dropout and augmentation.
        epochs: length of the whole run.
        record: how to compute.
        model: the network.
        loss: what is minimised, if it is a module: one may have weights, trained with the
            network's, and counts that it keeps; else None.
        updates: the optimiser at work on all that is trained.
        step: does an update of it.
        averaging: the weight average beside it.
        evaluated: the model that is evaluated and kept.
    """

    recipe: Recipe
    data: Exploration
    seed: int
    epochs: int
    record: ExecutionRecord
    model: nn.Module
    loss: nn.Module | None
    updates: Updates
    step: Step
    averaging: Averaging
    evaluated: Evaluated

    @staticmethod
    def begin(
        recipe: Recipe,
        data: Exploration,
        seed: int,
        epochs: int,
        record: ExecutionRecord,
        teacher: nn.Module | None = None,
    ) -> "Training":
        """Before the first update.

        Args:
            recipe: what is trained.
            data: training and validation images, on the record's device.
            seed: of the run.
            epochs: length of the whole run.
            record: how to compute.
            teacher: that the recipe's `teaching` asks for, see `rungs.training.teaching`.

        Raises:
            TrainingError: there is no teacher though one is asked for, batches are too small for
                batch normalisation, or there is none whose statistics could be renewed.
            CaptureError: the record asks for CUDA graphs that cannot be.
        """
        with own_chance(record):
            return Training._begun(recipe, data, seed, epochs, record, teacher)

    @staticmethod
    def _begun(
        recipe: Recipe,
        data: Exploration,
        seed: int,
        epochs: int,
        record: ExecutionRecord,
        teacher: nn.Module | None,
    ) -> "Training":
        check_teacher(recipe, teacher)
        model = fresh_model(recipe, data, seed, record)
        check_batches(model, min(recipe.batch_size, len(data.train)))
        counts = torch.bincount(data.train.labels, minlength=len(data.class_names))
        criterion = recipe.loss.build(counts)
        loss = criterion.to(record.device) if isinstance(criterion, nn.Module) else None
        trained = model
        if loss is not None and any(item.requires_grad for item in loss.parameters()):
            trained = WithLoss(model, loss)
        updates = _updates(recipe, trained)
        eager = EagerStep(recipe, record, model, criterion, trained, updates, teacher)
        averaging = recipe.average.build(model)
        return Training(
            recipe,
            data,
            seed,
            epochs,
            record,
            model,
            loss,
            updates,
            step=GraphedStep(eager, CudaCapturer) if record.graphs == "yes" else eager,
            averaging=averaging,
            evaluated=Evaluated(recipe, data.train, seed, record, model, averaging),
        )


def _updates(recipe: Recipe, trained: nn.Module) -> Updates:
    """The recipe's optimiser at work, at one rate or at a rate for each layer."""
    build = recipe.optimiser.build
    return (
        build(trained)
        if recipe.layer_decay == 1
        else layer_wise(trained, recipe.layer_decay, build)
    )


@dataclass(frozen=True, eq=False)
class Drawn:
    """One batch as the network sees it.

    Attributes:
        images: float [N, C, H, W].
        targets: class indices [N], or probabilities [N, K].
        labels: class indices [N] of the images before any mixing.
    """

    images: torch.Tensor
    targets: torch.Tensor
    labels: torch.Tensor


def drawn_batches(training: Training, number: int) -> Iterator[Drawn]:
    """The batches of an epoch, from 1: a function of the run's seed and the epoch's number.

    Before the first it seeds torch's global generators, from which dropout draws.
    """
    recipe, record, seed = training.recipe, training.record, training.seed
    order = torch.Generator().manual_seed(derive(seed, "order", number))
    augmentation = torch.Generator().manual_seed(derive(seed, "augmentation", number))
    torch.manual_seed(derive(seed, "dropout", number))
    train = training.data.train
    height, width = (
        recipe.resolution.size(number, training.epochs, length) for length in train.pixels.shape[2:]
    )
    for drawn in batches(len(train), recipe.batch_size, order):
        chosen = sent(drawn, record.device)
        labels = train.labels[chosen]
        images, targets = training_batch(
            # Those in a file are found by the host, which need not ask the device for indices.
            train.pixels[drawn if isinstance(train.pixels, MappedPixels) else chosen],
            labels,
            recipe,
            Batch(chosen, number, augmentation, derive(seed, "augmentation")),
            size=(height, width),
            classes=len(training.data.class_names),
        )
        yield Drawn(images, targets, labels)


def train_epoch(training: Training, number: int, on_step: Callable[[float], None]) -> Epoch:
    """Trains one epoch and evaluates it on validation.

    Args:
        training: its model, optimiser and average are changed.
        number: of the epoch, from 1.
        on_step: called after each update with the epochs that are done, a fraction.

    Raises:
        TrainingError: a loss is no longer finite.
    """
    with own_chance(training.record):
        return _train_epoch(training, number, on_step)


def _train_epoch(training: Training, number: int, on_step: Callable[[float], None]) -> Epoch:
    recipe, record, train = training.recipe, training.record, training.data.train
    started = time.perf_counter()
    steps = steps_per_epoch(len(train), recipe.batch_size)
    total = training.epochs * steps
    # Kept on the device until the epoch's end: reading a loss in every step would stall a GPU.
    losses = torch.zeros(steps, device=record.device)
    correct = torch.zeros((), device=record.device, dtype=torch.int64)
    counts: list[int] = []
    train_mode(training.model, frozen=recipe.trained == "head")
    rate = 0.0
    for step, batch in enumerate(drawn_batches(training, number)):
        done = (number - 1) * steps + step
        rate = learning_rate(recipe, done, total)
        loss, logits = training.step(batch.images, batch.targets, rate=rate, number=done + 1)
        training.averaging.update((done + 1) / total, epoch_ends=step == steps - 1)
        losses[step] = loss
        counts.append(len(batch.labels))
        correct += (logits.argmax(dim=1) == batch.labels).sum()
        on_step((done + 1) / steps)
    _check(losses, number)
    if training.evaluated.renew():
        wait(record)
    trained = time.perf_counter()
    val_loss, val_accuracy = evaluate(
        training.evaluated.model, training.data.validation, record, recipe.precision
    )
    if not math.isfinite(val_loss):
        raise TrainingError(f"the validation loss is not finite after epoch {number}")
    sizes = torch.tensor(counts, dtype=torch.float32)
    seen = float(sizes.sum())
    return Epoch(
        epoch=number,
        train_loss=float((losses.cpu().double() * sizes).sum()) / seen,
        train_accuracy=float(correct) / seen,
        val_loss=val_loss,
        val_accuracy=val_accuracy,
        learning_rate=rate,
        train_seconds=trained - started,
        val_seconds=time.perf_counter() - trained,
    )


def _check(losses: torch.Tensor, number: int) -> None:
    """Raises a `TrainingError` at the first loss [steps] that is not finite."""
    finite = torch.isfinite(losses)
    if not bool(finite.all()):
        first = int((~finite).nonzero()[0]) + 1
        raise TrainingError(f"the loss is no longer finite at epoch {number}, step {first}")
