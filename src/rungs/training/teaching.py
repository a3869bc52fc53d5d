"""The teacher of a training: a network that answers beside the one that learns."""

from pathlib import Path

import torch
from torch import nn

from rungs.foundation.errors import TrainingError
from rungs.network.building import build
from rungs.recipe import Recipe
from rungs.recipe.components import ImageShape, NoTeaching
from rungs.training import checkpoint
from rungs.training.chance import own_chance
from rungs.training.record import ExecutionRecord, place


def load_teacher(
    recipe: Recipe, image_shape: ImageShape, classes: int, record: ExecutionRecord, weights: Path
) -> nn.Module:
    """A teacher as its run was kept, on the record's device and in its layout.

    Args:
        recipe: of the teacher.
        image_shape: channels, height, width of the images.
        classes: number of outputs.
        record: how the run that learns computes.
        weights: file of those that answer for the teacher's run.

    Raises:
        StoreError: the weights cannot be read, or are another network's.
    """
    model = fresh_teacher(recipe, image_shape, classes, record)
    checkpoint.load_weights(model, weights)
    return model


def fresh_teacher(
    recipe: Recipe, image_shape: ImageShape, classes: int, record: ExecutionRecord
) -> nn.Module:
    """The same with weights that know nothing, whenever they are asked for the same.

    For where it is asked how much work it is, or whether the work is right.
    """
    with own_chance(record):
        torch.manual_seed(0)
        model = place(build(recipe.network, image_shape, classes, recipe.scaling), record)
    return model.eval().requires_grad_(False)


def check_teacher(recipe: Recipe, teacher: nn.Module | None) -> None:
    """That a recipe has the teacher that it asks for.

    Raises:
        TrainingError: it has none.
    """
    if teacher is None and not isinstance(recipe.teaching, NoTeaching):
        raise TrainingError(
            f"teaching '{recipe.teaching.kind}' needs a teacher, the finished run of another rung; "
            "without a study there is none"
        )
