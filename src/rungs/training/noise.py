"""Whole updates on noise: how fast a GPU trains, and whether its graphs compute as they should."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from rungs.data.images import Exploration, ImageSet
from rungs.foundation.errors import CaptureError
from rungs.ops.weights import train_mode
from rungs.recipe import Recipe
from rungs.recipe.components import ImageShape
from rungs.recipe.learning_rates import learning_rate
from rungs.training.chance import own_chance
from rungs.training.epoch import Training, drawn_batches
from rungs.training.record import ExecutionRecord, use
from rungs.training.teaching import fresh_teacher

# A training that passes through all that varies over one: sizes of images, the learning rate.
_EPOCHS = 4
_STEPS = 5  # of an epoch: more than a graph has rehearsals
# Losses may differ by this share of them. Rounding, which training carries on, is expected to stay
# far below it in so few updates.
TOLERANCE = 0.05


def updates(
    recipe: Recipe,
    image_shape: ImageShape,
    classes: int,
    record: ExecutionRecord,
    teacher: Recipe | None = None,
) -> Iterator[torch.Tensor]:
    """Trains on noise, augmentation included, as long as it is asked: the loss of each update.

    A GPU may still be at an update when its loss is given, which holds until the next one.

    Args:
        recipe: what is trained.
        image_shape: channels, height, width.
        classes: number of outputs.
        record: how to compute.
        teacher: recipe of what teaches it, if anything does; with fresh weights.

    Raises:
        TrainingError: batches are too small for batch normalisation.
        CaptureError: the record asks for CUDA graphs that cannot be.
    """
    use(record)
    data = _noise(_STEPS * recipe.batch_size, image_shape, classes).to(record.device)
    lecturer = None if teacher is None else fresh_teacher(teacher, image_shape, classes, record)
    training = Training.begin(recipe, data, 0, _EPOCHS, record, lecturer)
    train_mode(training.model, frozen=recipe.trained == "head")
    epochs = itertools.cycle(range(1, _EPOCHS + 1))
    batches = itertools.chain.from_iterable(drawn_batches(training, epoch) for epoch in epochs)
    total = _EPOCHS * _STEPS
    for done, batch in enumerate(batches):
        rate = learning_rate(recipe, done % total, total)
        loss, _ = training.step(batch.images, batch.targets, rate=rate, number=done + 1)
        training.averaging.update((done % total + 1) / total, epoch_ends=(done + 1) % _STEPS == 0)
        yield loss


def rounds(
    recipe: Recipe,
    image_shape: ImageShape,
    classes: int,
    record: ExecutionRecord,
    teacher: Recipe | None = None,
) -> Callable[[], None]:
    """A function that does the next of `updates`, warm: every graph is captured."""
    losses = updates(recipe, image_shape, classes, record, teacher)
    for _ in range(_EPOCHS * _STEPS):
        next(losses)

    def step() -> None:
        next(losses)

    return step


def first_losses(
    recipe: Recipe,
    image_shape: ImageShape,
    classes: int,
    record: ExecutionRecord,
    teacher: Recipe | None = None,
) -> torch.Tensor:
    """The loss of each update of a short training on noise, float32 on the CPU."""
    losses = itertools.islice(
        updates(recipe, image_shape, classes, record, teacher), _EPOCHS * _STEPS
    )
    with own_chance(record):
        return torch.stack([loss.clone() for loss in losses]).float().cpu()


def largest_difference(losses: torch.Tensor, reference: torch.Tensor) -> float:
    """The largest difference of two series of losses, as a share of the reference.

    Up to where the reference is no longer finite.
    """
    finite = torch.isfinite(reference)
    differences = (losses - reference).abs() / reference.abs().clamp(min=1e-6)
    return float(differences[finite].max()) if finite.any() else 0.0


def check_agreement(
    recipe: Recipe,
    image_shape: ImageShape,
    classes: int,
    record: ExecutionRecord,
    teacher: Recipe | None = None,
) -> None:
    """That a step computes with graphs what it computes without.

    What a user's module decides in Python, anew in each pass, would be frozen in a graph.

    Raises:
        CaptureError: it does not, or cannot be captured.
    """
    without = replace(record, graphs="no")
    reference = first_losses(recipe, image_shape, classes, without, teacher)
    difference = largest_difference(
        first_losses(recipe, image_shape, classes, record, teacher), reference
    )
    if not difference <= TOLERANCE:  # so that those that are not finite do not pass
        raise CaptureError(
            f"its losses differ by {100 * difference:.0f} % from those without graphs"
        )


def _noise(images: int, image_shape: ImageShape, classes: int) -> Exploration:
    chance = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (images, *image_shape), generator=chance, dtype=torch.uint8)
    labels = torch.randint(classes, (images,), generator=chance)
    train = ImageSet(pixels, labels)
    names = tuple(str(number) for number in range(classes))
    return Exploration(train, train.subset(torch.arange(2)), names)
