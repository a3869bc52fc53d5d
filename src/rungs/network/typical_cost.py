"""What a modification costs in parameters and arithmetic, told by its example."""

import torch

from rungs.network.building import cost
from rungs.recipe import Recipe
from rungs.recipe.components import ImageShape
from rungs.recipe.modifications import Modification, apply, example_recipe

# Images and classes that the networks are for, as in CIFAR-100, and epochs of the training.
IMAGE_SHAPE: ImageShape = (3, 32, 32)
CLASSES = 100
EPOCHS = 15

_CHOSEN = {"network", "pretrained"}


def is_chosen(entry: Modification) -> bool:
    """Whether what a modification costs depends on the network or weights that a study chooses."""
    return bool(_CHOSEN & {entry.name, *entry.needs})


def typical_cost(entry: Modification) -> str:
    """What changes where a modification's example is applied.

    Told are parameters, FLOPs of an image's way through the network, and how often a training does
    these; not what changing images and updating weights take beside it.
    """
    if is_chosen(entry):
        return "that of the network or the weights that are chosen"
    recipe = example_recipe(entry)
    changed = apply(recipe, entry.name, entry.example)
    before, after = (cost(one.network, IMAGE_SHAPE, CLASSES) for one in (recipe, changed))
    said = []
    if before.parameters != after.parameters:
        said.append(f"parameters {before.parameters:,} → {after.parameters:,}")
    if before.flops and after.flops and before.flops != after.flops:
        said.append(f"MFLOPs an image {before.flops / 1e6:.1f} → {after.flops / 1e6:.1f}")
    if changed.teaching.teacher:
        said.append("a training also passes each batch forward through the teacher")
    share = _share(changed) / _share(recipe)
    if share != 1:
        said.append(f"a training does {share:.2g} times the FLOPs")
    return ", ".join(said) or "no parameters, no FLOPs"


def _share(recipe: Recipe) -> float:
    """FLOPs of a training, as a multiple of one pass an update over images of full size."""
    side = IMAGE_SHAPE[1]
    sizes = (recipe.resolution.size(epoch, EPOCHS, side) for epoch in range(1, EPOCHS + 1))
    return _passes(recipe) * sum((size / side) ** 2 for size in sizes) / EPOCHS


def _passes(recipe: Recipe) -> int:
    """How often an update passes its batch through the network."""
    model = torch.nn.Linear(1, 1)
    passes = 0

    def loss() -> torch.Tensor:
        nonlocal passes
        passes += 1
        total: torch.Tensor = model(torch.ones(1, 1)).sum()
        return total

    recipe.gradient.take(model, loss)
    return passes
