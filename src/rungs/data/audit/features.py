"""Numbers that describe an image well enough to tell its class, from one pass and no training.

A single layer of random patches, after Coates, Ng and Lee (AISTATS 2011) and Coates and Ng (ICML
2011): patches of the images themselves, whitened, are laid on many places of an image; what answers
strongly is kept, with its sign, and averaged over the quarters of the image. A linear model on this
tells the classes of small photographs about as well as a small network does after some minutes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from rungs.data.audit.structure import SIDE, thumbnails
from rungs.data.mapped import Pixels

_PATCH = 6  # side in pixels
_STRIDE = 2  # pixels between two places
_FILTERS = 256
# Patches that the whitening is measured on, and the images that they are from.
_SAMPLED, _IMAGES = 20_000, 4096
# Added to a patch's variance in grey levels, and to the variances that are whitened.
_FLAT, _WHITENING = 10.0, 0.1
# An answer below this counts as none.
_SILENT = 0.5
_CHUNK = 64  # images worked on at a time


@dataclass(frozen=True)
class Filters:
    """What is laid on every place of an image.

    Attributes:
        weights: [filters, C, 6, 6], for patches whose spread is 1.
        offsets: taken off their answers, [filters].
    """

    weights: torch.Tensor
    offsets: torch.Tensor


def describe(
    pixels: Pixels, filters: Filters, on_chunk: Callable[[int], None] = lambda _: None
) -> torch.Tensor:
    """Features of every image, float16 [N, 8 * filters].

    Args:
        pixels: uint8 [N, C, H, W].
        filters: as `draw_filters` made them.
        on_chunk: called with the number of images that are done.
    """
    found = torch.empty(len(pixels), 8 * _FILTERS, dtype=torch.float16)
    for start in range(0, len(pixels), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        found[chunk] = _answers(thumbnails(pixels[chunk]), filters).half()
        on_chunk(min(start + _CHUNK, len(pixels)))
    return found


def draw_filters(pixels: Pixels, generator: torch.Generator) -> Filters:
    """Random patches of images, whitened.

    Args:
        pixels: uint8 [N, C, H, W].
        generator: the patches are drawn with it.
    """
    some = torch.randperm(len(pixels), generator=generator)[:_IMAGES]
    small = torch.cat([thumbnails(pixels[part]) for part in torch.split(some, _CHUNK)])
    chosen = torch.randint(len(small), (_SAMPLED,), generator=generator)
    corners = torch.randint(SIDE - _PATCH + 1, (2, _SAMPLED), generator=generator)
    patches = []
    for index, down, across in zip(chosen.tolist(), *corners.tolist(), strict=True):
        image = small[index]
        patches.append(image[:, down : down + _PATCH, across : across + _PATCH].flatten())
    even = torch.stack(patches)
    even = even - even.mean(dim=1, keepdim=True)
    even = even / (even.square().mean(dim=1, keepdim=True) + _FLAT).sqrt()
    mean = even.mean(dim=0)
    variances, axes = torch.linalg.eigh(torch.cov((even - mean).T))
    whitening = axes * (variances + _WHITENING).rsqrt() @ axes.T
    dictionary = F.normalize((even[:_FILTERS] - mean) @ whitening, dim=1) @ whitening
    offsets = dictionary @ mean
    dictionary = dictionary - dictionary.mean(dim=1, keepdim=True)
    return Filters(dictionary.view(_FILTERS, -1, _PATCH, _PATCH), offsets)


def _answers(images: torch.Tensor, filters: Filters) -> torch.Tensor:
    """float32 [N, 8 * filters] of images [N, C, S, S] in grey levels."""
    grey, power = images.mean(dim=1, keepdim=True), images.square().mean(dim=1, keepdim=True)
    mean, square = (F.avg_pool2d(one, _PATCH, _STRIDE) for one in (grey, power))
    spread = ((square - mean.square()).clamp(min=0) + _FLAT).sqrt()
    answers = F.conv2d(images, filters.weights, stride=_STRIDE)
    answers.div_(spread).sub_(filters.offsets[:, None, None])
    signed = (F.relu(answers - _SILENT), F.relu(-answers - _SILENT))
    return torch.cat([F.adaptive_avg_pool2d(one, 2).flatten(1) for one in signed], dim=1)
