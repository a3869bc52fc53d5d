"""Batch transforms: pixels to network input, and random changes of whole batches at once."""

import torch
import torch.nn.functional as F

from rungs.recipe import Affine, Recipe


def scale(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 [N, C, H, W] in 0 ... 255 -> float32 in 0 ... 1, in the same memory layout."""
    return pixels.to(torch.float32).div_(255)


def sample_affine(spec: Affine, n: int, generator: torch.Generator) -> torch.Tensor:
    """Random parameters of ``n`` images: [N, 3] of flip sign (+1 or -1), angle (radians), zoom.

    Drawn on the CPU whatever the device, so that every device sees the same images.
    """
    draws = torch.rand(n, 3, generator=generator, dtype=torch.float64)
    sign = torch.where(draws[:, 0] < spec.flip, -1.0, 1.0)
    angle = (2 * draws[:, 1] - 1) * spec.rotation
    zoom = 1 + (2 * draws[:, 2] - 1) * spec.zoom
    return torch.stack([sign, angle, zoom], dim=1)


def affine(images: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
    """Flip, then rotate, then zoom each image about its centre, in one bilinear resampling.

    Args:
        images: float [N, C, H, W].
        parameters: [N, 3] as `sample_affine` draws them.

    Returns:
        float [N, C, H, W]; what lies outside of an image is its reflection (d c b a | a b c d).
    """
    height, width = images.shape[-2:]
    sign, angle, zoom = parameters.unbind(dim=1)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    # From an output place to the input place that it shows: F R z, the inverse of "flip, rotate,
    # zoom" as pictures see it. Places run from -1 to 1 on both axes, hence the ratios of sides.
    rows = [
        torch.stack([sign * cos, -sign * sin * (height / width), torch.zeros_like(cos)], dim=1),
        torch.stack([sin * (width / height), cos, torch.zeros_like(cos)], dim=1),
    ]
    theta = torch.stack(rows, dim=1).to(images)  # [N, 2, 3]
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def training_batch(
    pixels: torch.Tensor, recipe: Recipe, generator: torch.Generator
) -> torch.Tensor:
    """One batch as the network sees it in training: scaled, then changed at random.

    Args:
        pixels: uint8 [N, C, H, W].
        recipe: its scaling and transforms are applied.
        generator: CPU generator that all random parameters are drawn from.
    """
    images = scale(pixels)
    for spec in recipe.transforms:
        images = affine(images, sample_affine(spec, len(images), generator).to(images.device))
    return images
