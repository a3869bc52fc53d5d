"""What a component promises, at each seam."""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from pydantic import TypeAdapter

from rungs.foundation.errors import RecipeError
from rungs.network.building import build, check_size, cost
from rungs.recipe import Recipe, replace
from rungs.recipe.components import (
    Activation,
    Average,
    Batch,
    Block,
    Component,
    Convolutional,
    Gradient,
    Head,
    ImageShape,
    InitialWeights,
    Loss,
    Mixing,
    Network,
    Normalisation,
    Optimiser,
    Parts,
    Pooling,
    Resolution,
    Schedule,
    Statistics,
    Stem,
    Teaching,
    Transform,
    kinds,
)
from rungs.recipe.modifications import apply
from rungs.testing.documentation import check_sentence
from rungs.testing.recipes import CLASSES, SIZE, Problems, check_recipe, small_images

_SEAMS: dict[type[Component], str] = {
    Network: "network",
    InitialWeights: "start",
    Activation: "activation",
    Block: "block",
    Head: "head",
    Normalisation: "normalisation",
    Pooling: "pooling",
    Stem: "stem",
    Average: "average",
    Gradient: "gradient",
    Loss: "loss",
    Mixing: "mixing",
    Optimiser: "optimiser",
    Resolution: "resolution",
    Schedule: "schedule",
    Statistics: "statistics",
    Teaching: "teaching",
}

# Of images that a network is tried on, the smallest first.
_SIDES = (SIZE, 32, 64, 128, 224, 384)


def check_component(member: type[Component]) -> Problems:
    """What it says of itself, that it is plain data, what its seam asks for, and that it trains."""
    doc = inspect.cleandoc(member.__doc__ or "").split("\n")[0]
    # A dataclass without a docstring is given its signature.
    problems = [*check_sentence("" if doc.startswith(f"{member.__name__}(") else doc)]
    seam = next(base for base in member.__mro__ if member in kinds(base).values())
    try:
        made: Any = member()
    except Exception as error:
        return (*problems, f"it cannot be made of its defaults: {_one_line(error)}")
    door: TypeAdapter[Any] = TypeAdapter(seam)
    try:
        if door.validate_python(door.dump_python(made, mode="json")) != made:
            problems.append("it is another after it was written and read again")
    except Exception as error:
        return (*problems, f"it cannot be written and read again: {_one_line(error)}")
    special = _SPECIAL.get(seam)
    try:
        side = _side(made) if isinstance(made, Network) else SIZE
        problems += special(made) if special else ()
        recipe = _recipe_with(seam, made)
    except Exception as error:
        return (*problems, f"{type(error).__name__}: {_one_line(error)}")
    return (*problems, *check_recipe(recipe, side))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _recipe_with(seam: type[Component], made: Any) -> Recipe:
    """A small recipe that has the component in its place."""
    recipe = replace(Recipe(), network=Convolutional(widths=(8, 16)))
    if seam is Transform:
        return replace(recipe, transforms=(made,))
    if seam is Resolution:
        pooled = apply(recipe, "global_average_pooling", {})
        return replace(pooled, resolution=made)
    field = _SEAMS[seam]
    if hasattr(recipe, field):
        return replace(recipe, **{field: made})
    return replace(recipe, network=replace(recipe.network, **{field: made}))


def _same_shape(module: torch.nn.Module, shape: tuple[int, ...]) -> Iterator[str]:
    found = tuple(module(torch.rand(shape)).shape)
    if found != shape:
        yield f"it turns {list(shape)} into {list(found)}, expected the same shape"


def _check_activation(made: Activation) -> Iterator[str]:
    yield from _same_shape(made.build(), (2, 3, 4, 4))
    if made.rises:
        values = made.build().eval()(torch.linspace(-8, 8, 1024).reshape(1, 1, 32, 32))
        if (values.flatten().diff() < 0).any():
            yield "it says that it rises, but gives a smaller value for a larger one"


def _check_normalisation(made: Normalisation) -> Iterator[str]:
    yield from _same_shape(made.build(16), (4, 16, 5, 5))
    yield from _same_shape(made.build_dense(16), (4, 16))


def _check_pooling(made: Pooling) -> Iterator[str]:
    found = tuple(made.build(4)(torch.rand(2, 4, 7, 8)).shape)
    if found != (2, 4, 3, 4):
        yield f"it turns a map of 7x8 into {found[2]}x{found[3]}, expected 3x4"


def _check_block(made: Block) -> Iterator[str]:
    network = Convolutional()
    parts = Parts(network.normalisation, network.activation, network.pooling, "same")
    found = tuple(made.build(4, 8, parts)(torch.rand(2, 4, 9, 12)).shape)
    expected = (2, 8, made.size(9, "same"), made.size(12, "same"))
    if found != expected:
        yield f"it turns [2, 4, 9, 12] into {list(found)}, but its size says {list(expected)}"


def _check_stem(made: Stem) -> Iterator[str]:
    module = made.build(3, Convolutional().activation)
    made.prepare(module, small_images().train.pixels)
    found = tuple(module(torch.rand(2, 3, 9, 12)).shape)
    expected = (2, made.channels(3), made.size(9), made.size(12))
    if found != expected:
        yield f"it turns [2, 3, 9, 12] into {list(found)}, but it says {list(expected)}"


def _check_head(made: Head) -> Iterator[str]:
    module = made.build((8, 3, 4), 5, Convolutional().normalisation)
    found = tuple(module(torch.rand(6, 8, 3, 4)).shape)
    if found != (6, 5):
        yield f"for 6 images and 5 classes it gives {list(found)}, expected [6, 5]"
    if made.any_size:
        found = tuple(module(torch.rand(6, 8, 5, 5)).shape)
        if found != (6, 5):
            yield f"it says any_size, but gives {list(found)} for a larger map"


def _side(made: Network) -> int:
    """The smallest images that a network takes, of the usual sizes; `SIZE` if it takes none."""
    for side in _SIDES:
        with contextlib.suppress(RecipeError):
            cost(made, (3, side, side), 5)
            return side
    return SIZE


def _check_network(made: Network) -> Iterator[str]:
    side = _side(made)
    for channels in (3, 1):
        shape = (channels, side, side)
        measured = cost(made, shape, 5)
        if not measured.trainable_parameters:
            yield "it has no parameters to train"
    first, second = (_drawn(made, shape) for _ in range(2))
    if any(not torch.equal(first[name], second[name]) for name in first):
        yield "its chance does not all come from torch's global generator: it cannot be repeated"
    if made.any_size:
        check_size(made, shape, 5, (2 * side, 2 * side))


def _drawn(made: Network, shape: ImageShape) -> dict[str, torch.Tensor]:
    """Its weights at a fixed state of chance."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(made, shape, 5).state_dict()


def _check_transform(made: Transform) -> Iterator[str]:
    images = torch.rand(8, 3, SIZE, SIZE)
    kept = images.clone()

    def changed() -> torch.Tensor:
        return made.apply(images, Batch(torch.arange(8), 1, torch.Generator().manual_seed(0)))

    first = changed()
    if first.shape != images.shape:
        yield f"it turns {list(images.shape)} into {list(first.shape)}, expected the same shape"
    if not torch.equal(images, kept):
        yield "it overwrites the images that it is given"
    elif not torch.equal(first, changed()):
        yield "its chance does not all come from the batch's generator: it cannot be repeated"


def _check_mixing(made: Mixing) -> Iterator[str]:
    images, labels = torch.rand(8, 3, 4, 4), torch.arange(8) % CLASSES

    def mixed() -> tuple[torch.Tensor, torch.Tensor]:
        return made.apply(images, labels, CLASSES, torch.Generator().manual_seed(0))

    found, targets = mixed()
    if found.shape != images.shape:
        yield f"it turns {list(images.shape)} into {list(found.shape)}, expected the same shape"
    if targets.shape not in ((8,), (8, CLASSES)):
        yield f"its targets are {list(targets.shape)}, expected [8] or [8, {CLASSES}]"
    if targets.ndim == 2 and not torch.allclose(targets.sum(1), torch.ones(8)):
        yield "its targets do not add up to 1"
    if not torch.equal(found, mixed()[0]):
        yield "its chance does not all come from the generator: it cannot be repeated"


def _check_gradient(made: Gradient) -> Iterator[str]:
    model = torch.nn.Linear(3, 2)
    images = torch.rand(5, 3)
    before = [item.detach().clone() for item in model.parameters()]
    made.take(model, lambda: model(images).square().mean())
    for name, parameter in model.named_parameters():
        if parameter.grad is None:
            yield f"it leaves no gradient at the {name} of a linear layer"
    if not all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)):
        yield "it leaves other weights than it found"


def _check_loss(made: Loss) -> Iterator[str]:
    logits = torch.randn(6, CLASSES, requires_grad=True)
    labels = torch.arange(6) % CLASSES
    one_hot = torch.nn.functional.one_hot(labels, CLASSES).float()
    criterion = made.build(torch.bincount(labels, minlength=CLASSES))
    for targets in (labels, one_hot):
        value = criterion(logits, targets)
        if value.ndim:
            yield f"for targets {list(targets.shape)} it gives {list(value.shape)}, not one number"
        elif not torch.isfinite(value):
            yield f"for targets {list(targets.shape)} it gives {float(value.detach())}"


def _check_teaching(made: Teaching) -> Iterator[str]:
    logits = torch.randn(6, CLASSES, requires_grad=True)
    answers = torch.randn(6, CLASSES)
    value = made.loss(logits.square().mean(), logits, answers)
    if value.ndim:
        yield f"it gives {list(value.shape)}, not one number"
    elif not torch.isfinite(value):
        yield f"it gives {float(value.detach())}"


def _check_schedule(made: Schedule) -> Iterator[str]:
    for step in range(60):
        rate = made.rate(1.0, step, 60)
        if not 0 <= rate < float("inf"):
            yield f"at update {step + 1} of 60 its rate is {rate}"
            return
    if not made.depends_on_length and any(
        made.rate(1.0, step, 60) != made.rate(1.0, step, 600) for step in range(60)
    ):
        yield "it says that it does not depend on the length of a run, but it does"


def _check_resolution(made: Resolution) -> Iterator[str]:
    sizes = [made.size(epoch, 10, 32) for epoch in range(1, 11)]
    if not all(1 <= size <= 32 for size in sizes):
        yield f"for images of 32 pixels its sizes are {sizes}"
    if min(sizes) < made.smallest(32):
        yield f"its smallest size is {min(sizes)}, but it says {made.smallest(32)}"


_SPECIAL: dict[type[Component], Callable[[Any], Iterator[str]]] = {
    Activation: _check_activation,
    Block: _check_block,
    Gradient: _check_gradient,
    Head: _check_head,
    Loss: _check_loss,
    Mixing: _check_mixing,
    Network: _check_network,
    Normalisation: _check_normalisation,
    Pooling: _check_pooling,
    Resolution: _check_resolution,
    Schedule: _check_schedule,
    Stem: _check_stem,
    Teaching: _check_teaching,
    Transform: _check_transform,
}
