"""How fast a recipe trains on this machine, by short measurements."""

import time
from collections.abc import Callable, Sequence
from statistics import median

import torch
import torch.nn.functional as F

from rungs.data.spec import DataSpec
from rungs.foundation.errors import RecipeError, RungsError
from rungs.network.building import blame, build
from rungs.network.outputs import arithmetic
from rungs.ops.weights import freeze, train_mode
from rungs.recipe import Recipe, replace
from rungs.recipe.components import ImageShape, is_ours
from rungs.training.record import ExecutionRecord, check_batches, place, use, wait
from rungs.training.teaching import fresh_teacher

# Steps of each candidate, at least, and seconds of all together from which on these are enough.
_STEPS = 3
_SECONDS = 0.3
# How much quicker than the usual record another must be: what is less is within the noise of a
# short measurement, and would make equal machines compute differently.
_CLEARLY = 1.05
# Side of the matrices, and products of them.
CEILING_SIDE = 2048
_PRODUCTS = 3


def usable(
    recipe: Recipe,
    image_shape: ImageShape,
    classes: int,
    records: Sequence[ExecutionRecord],
    teacher: Recipe | None = None,
) -> tuple[ExecutionRecord, ...]:
    """The records with which a network trains: one that is not ours may ask for its own layout.

    Args:
        recipe: of the network.
        image_shape: channels, height, width.
        classes: number of outputs.
        records: to choose among.
        teacher: recipe of what teaches it, if anything does, by the same record.

    Raises:
        RecipeError: there is none.
    """
    if is_ours(recipe.network) and (teacher is None or is_ours(teacher.network)):
        return tuple(records)
    small = replace(recipe, batch_size=2)
    found: list[ExecutionRecord] = []
    problem: Exception | None = None
    for record in records:
        try:
            training_step(small, image_shape, classes, record, teacher)()
        except RungsError:
            raise
        except Exception as error:  # of code that is not ours
            problem = problem or error
        else:
            found.append(record)
    if problem is not None and not found:
        raise RecipeError(
            f"network '{recipe.network.kind}' cannot be trained: {blame(recipe.network, problem)}"
        ) from problem
    return tuple(found)


def with_real_batches(recipe: Recipe, data: DataSpec) -> Recipe:
    """A recipe for noise: its batches are no larger than the training set makes them."""
    most = max(2, data.sizes["train"])
    return recipe if recipe.batch_size <= most else replace(recipe, batch_size=most)


def measure(
    recipe: Recipe,
    data: DataSpec,
    records: Sequence[ExecutionRecord],
    teacher: Recipe | None = None,
) -> list[float]:
    """Images per second of which gradients are taken, over noise, one rate per record.

    The records, which share device and threads, take turns, so that what the machine does meanwhile
    falls on all alike; the rate is from the median step, and the first of each is not counted.
    Augmentation and updates, which cost little, are left out; a teacher's answers are not.
    """
    recipe = with_real_batches(recipe, data)
    steps = [
        training_step(recipe, data.image_shape, data.classes, record, teacher) for record in records
    ]
    for step in steps:
        step()
    seconds: list[list[float]] = [[] for _ in steps]
    began = time.perf_counter()
    while len(seconds[0]) < _STEPS or time.perf_counter() - began < _SECONDS:
        for step, times in zip(steps, seconds, strict=True):
            at = time.perf_counter()
            step()
            times.append(time.perf_counter() - at)
    return [recipe.batch_size / median(times) for times in seconds]


def quickest(records: Sequence[ExecutionRecord], rates: Sequence[float]) -> ExecutionRecord:
    """The record of the highest rate if it is clearly above the first's, else the first."""
    best = max(range(len(records)), key=lambda place: rates[place])
    return records[best if rates[best] >= _CLEARLY * rates[0] else 0]


def training_step(
    recipe: Recipe,
    image_shape: ImageShape,
    classes: int,
    record: ExecutionRecord,
    teacher: Recipe | None = None,
) -> Callable[[], None]:
    """A function that takes the gradients of a batch of noise, and waits for its end.

    Raises:
        TrainingError: batches are too small for batch normalisation.
    """
    use(record)
    with torch.random.fork_rng(devices=[]):
        model = build(recipe.network, image_shape, classes)
        images = torch.rand(recipe.batch_size, *image_shape)
        labels = torch.randint(classes, (recipe.batch_size,))
    check_batches(model, recipe.batch_size)
    if recipe.trained == "head":
        freeze(model, classes)
    model = place(model, record)
    train_mode(model, frozen=recipe.trained == "head")
    lecturer = None if teacher is None else fresh_teacher(teacher, image_shape, classes, record)
    images = images.to(device=record.device, memory_format=record.memory_format)
    labels = labels.to(record.device)

    def loss() -> torch.Tensor:
        with arithmetic(recipe.precision, record.device):
            logits = model(images)
        return F.cross_entropy(logits.float(), labels)

    def step() -> None:
        model.zero_grad()
        if lecturer is not None:
            with torch.no_grad(), arithmetic(recipe.precision, record.device):
                lecturer(images)
        recipe.gradient.take(model, loss)  # in one pass forward and back, or more
        wait(record)

    return step


def ceiling(record: ExecutionRecord, precision: str) -> float:
    """GFLOP/s of a 2048 x 2048 matrix product, 2 FLOPs per multiply-add: the best of three.

    Args:
        record: device and threads.
        precision: torch's name of the type, such as ``float32``.
    """
    use(record)
    with torch.random.fork_rng(devices=[]):
        matrix = torch.rand(CEILING_SIDE, CEILING_SIDE)
    matrix = matrix.to(device=record.device, dtype=getattr(torch, precision))
    best = float("inf")
    for _ in range(_PRODUCTS):
        at = time.perf_counter()
        float((matrix @ matrix)[0, 0])  # waits for a GPU
        best = min(best, time.perf_counter() - at)
    return 2 * CEILING_SIDE**3 / best / 1e9
