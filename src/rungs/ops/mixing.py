"""Blends of images and their labels."""

import math

import torch
import torch.nn.functional as F

from rungs.ops.sending import sent


def _beta(alpha: float, generator: torch.Generator) -> float:
    """One draw from Beta(alpha, alpha), from uniform draws alone.

    Up to an alpha of 1 by Jöhnk's method, of which one try in two succeeds at worst. Above, where
    soon none in thousands would, by Ulrich's (both in Devroye, Non-Uniform Random Variate
    Generation, 1986, IX.3).
    """
    while True:
        first, second = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
        if alpha > 1:
            spread = math.sqrt(1 - first ** (2 / (2 * alpha - 1)))
            return (1 + spread * math.cos(2 * math.pi * second)) / 2
        # In logarithms: small alphas bring powers far below what a number can hold.
        x = math.log(max(first, 1e-300)) / alpha
        y = math.log(max(second, 1e-300)) / alpha
        largest = max(x, y)
        total = largest + math.log(math.exp(x - largest) + math.exp(y - largest))
        if total <= 0:
            return math.exp(x - total)


def _targets(
    labels: torch.Tensor, partners: torch.Tensor, share: torch.Tensor | float, classes: int
) -> torch.Tensor:
    """[N, classes]: ``share`` for an image's own label, the rest for its partner's."""
    own = F.one_hot(labels, classes).float()
    return share * own + (1 - share) * own[partners]


def mixup(
    images: torch.Tensor,
    labels: torch.Tensor,
    classes: int,
    alpha: float,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Blends each image with one other (Zhang et al., ICLR 2018).

    Args:
        images: float [N, C, H, W].
        labels: int64 [N].
        classes: number of classes K.
        alpha: of the Beta distribution.
        generator: on the CPU.

    Returns:
        Images of the same shape, targets [N, K].
    """
    share = _beta(alpha, generator)
    partners = sent(torch.randperm(len(images), generator=generator), images.device)
    mixed = share * images + (1 - share) * images[partners]
    return mixed, _targets(labels, partners, share, classes)


def cutmix(
    images: torch.Tensor,
    labels: torch.Tensor,
    classes: int,
    alpha: float,
    probability: float,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Puts a rectangle of one image into another (Yun et al., ICCV 2019).

    Args:
        images: float [N, C, H, W].
        labels: int64 [N].
        classes: number of classes K.
        alpha: of the Beta distribution.
        probability: that the batch is mixed.
        generator: on the CPU.

    Returns:
        Images of the same shape; targets [N, K], or the labels where nothing was mixed.
    """
    mixes, down, across = torch.rand(3, generator=generator).tolist()
    if mixes >= probability:
        return images, labels
    height, width = images.shape[2:]
    side = math.sqrt(1 - _beta(alpha, generator))
    top, bottom = _span(down, side, height)
    left, right = _span(across, side, width)
    partners = sent(torch.randperm(len(images), generator=generator), images.device)
    mixed = images.clone()
    mixed[:, :, top:bottom, left:right] = images[partners, :, top:bottom, left:right]
    kept = 1 - (bottom - top) * (right - left) / (height * width)
    return mixed, _targets(labels, partners, kept, classes)


def _span(centre: float, side: float, length: int) -> tuple[int, int]:
    """First and end of ``side`` * ``length`` pixels about a place, cut at the edges."""
    middle, half = int(centre * length), int(side * length) // 2
    return max(0, middle - half), min(length, middle + half)
