"""From stored pixels to what a network sees."""

import torch
import torch.nn.functional as F

from rungs.foundation.errors import RecipeError
from rungs.recipe import Recipe
from rungs.recipe.components import Batch


def scale(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 [N, C, H, W] in 0 ... 255 -> float32 in 0 ... 1, in the same memory layout."""
    return pixels.to(torch.float32).div_(255)


def training_batch(
    pixels: torch.Tensor,
    labels: torch.Tensor,
    recipe: Recipe,
    batch: Batch,
    *,
    size: tuple[int, int],
    classes: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One batch as the network sees it in training: scaled, resized, changed and mixed at random.

    Args:
        pixels: uint8 [N, C, H, W].
        labels: int64 [N].
        recipe: its transforms, resolution and mixing are applied.
        batch: which images these are, and the generator that all chance is drawn from.
        size: height and width that the network is given, in pixels.
        classes: number of classes K.

    Returns:
        Images float32 [N, C, *size], and targets: class indices [N], or probabilities [N, K].

    Raises:
        RecipeError: a transform, of the user's own, gives images of another shape.
    """
    images = scale(pixels)
    for transform in recipe.transforms:
        images = transform.apply(images, batch)
        if images.shape != pixels.shape:
            raise RecipeError(
                f"transform '{transform.kind}' turns {[*pixels.shape]} into {[*images.shape]}, "
                "expected the same shape: the size of images is the resolution's"
            )
    if size != tuple(images.shape[2:]):
        images = F.interpolate(
            images, size=size, mode="bilinear", align_corners=False, antialias=True
        )
    return recipe.mixing.apply(images, labels, classes, batch.generator)
