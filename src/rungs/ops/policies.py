"""Which operations on pictures are done to which image of a batch, and how strongly.

Images are grouped by operation, so that each operation is done once a batch. All chance is drawn on
the CPU whatever the device.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from rungs.ops.pictures import OPERATIONS
from rungs.ops.sending import sent


@dataclass(frozen=True)
class Span:
    """An operation's strengths from magnitude 0 to magnitude 1.

    Attributes:
        operation: by its name in `OPERATIONS`.
        start: strength at magnitude 0.
        end: strength at magnitude 1.
        signed: whether half of the images go as far to the other side of ``start``.
    """

    operation: str
    start: float = 0.0
    end: float = 0.0
    signed: bool = False


def _spans(
    *, shear: float, width: float, height: float, degrees: float, factor: float, bits: int
) -> tuple[Span, ...]:
    """The fourteen operations that RandAugment and TrivialAugment choose from.

    Args:
        shear: most pixels a row or column.
        width: most pixels to the side.
        height: most pixels up or down.
        degrees: most of a turn.
        factor: most that brightness, colour, contrast and sharpness differ from 1.
        bits: fewest that are kept of each value.
    """
    enhanced = ("brightness", "colour", "contrast", "sharpness")
    return (
        Span("identity"),
        Span("shear_x", end=shear, signed=True),
        Span("shear_y", end=shear, signed=True),
        Span("translate_x", end=width, signed=True),
        Span("translate_y", end=height, signed=True),
        Span("rotate", end=degrees, signed=True),
        *(Span(name, start=1, end=1 + factor, signed=True) for name in enhanced),
        Span("posterise", start=8, end=bits),
        # The threshold is 256 at first, which no value reaches.
        Span("solarise", start=256 / 255, end=0),
        Span("auto_contrast"),
        Span("equalise"),
    )


def _moderate(images: torch.Tensor) -> tuple[Span, ...]:
    """Strengths of AutoAugment (Cubuk et al., CVPR 2019, table 6) and RandAugment."""
    height, width = images.shape[2:]
    share = 150 / 331
    return _spans(
        shear=0.3, width=share * width, height=share * height, degrees=30, factor=0.9, bits=4
    )


# "Wide" strengths of TrivialAugment (Müller and Hutter, ICCV 2021, table 1).
_WIDE = _spans(shear=0.99, width=32, height=32, degrees=135, factor=0.99, bits=2)
_WIDE_STEPS = 30

# The policy that was found on CIFAR-10 (Cubuk et al., CVPR 2019, table 7): of each pair, which is
# drawn for an image, both operations in turn, with probability and magnitude in ninths.
_CIFAR = (
    (("invert", 0.1, 7), ("contrast", 0.2, 6)),
    (("rotate", 0.7, 2), ("translate_x", 0.3, 9)),
    (("sharpness", 0.8, 1), ("sharpness", 0.9, 3)),
    (("shear_y", 0.5, 8), ("translate_y", 0.7, 9)),
    (("auto_contrast", 0.5, 8), ("equalise", 0.9, 2)),
    (("shear_y", 0.2, 7), ("posterise", 0.3, 7)),
    (("colour", 0.4, 3), ("brightness", 0.6, 7)),
    (("sharpness", 0.3, 9), ("brightness", 0.7, 9)),
    (("equalise", 0.6, 5), ("equalise", 0.5, 1)),
    (("contrast", 0.6, 7), ("sharpness", 0.6, 5)),
    (("colour", 0.7, 7), ("translate_x", 0.5, 8)),
    (("equalise", 0.3, 7), ("auto_contrast", 0.4, 8)),
    (("translate_y", 0.4, 3), ("sharpness", 0.2, 6)),
    (("brightness", 0.9, 6), ("colour", 0.2, 8)),
    (("solarise", 0.5, 2), ("invert", 0.0, 3)),
    (("equalise", 0.2, 0), ("auto_contrast", 0.6, 0)),
    (("equalise", 0.2, 8), ("equalise", 0.6, 4)),
    (("colour", 0.9, 9), ("equalise", 0.6, 6)),
    (("auto_contrast", 0.8, 4), ("solarise", 0.2, 8)),
    (("brightness", 0.1, 3), ("colour", 0.7, 0)),
    (("solarise", 0.4, 5), ("auto_contrast", 0.9, 3)),
    (("translate_y", 0.9, 9), ("translate_y", 0.7, 9)),
    (("auto_contrast", 0.9, 2), ("solarise", 0.8, 3)),
    (("equalise", 0.8, 8), ("invert", 0.1, 3)),
    (("translate_y", 0.7, 9), ("auto_contrast", 0.9, 1)),
)
_CIFAR_STEPS = 9


def changed(
    images: torch.Tensor,
    spans: Sequence[Span],
    choice: torch.Tensor,
    magnitude: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Does one operation to each image.

    Args:
        images: float [N, C, H, W] from 0 to 1.
        spans: operations to choose from.
        choice: of each image, a position in ``spans``, int64 [N] on the CPU.
        magnitude: of each image, 0 to 1, float [N] on the CPU.
        generator: of the signs.
    """
    sign = 1 - 2 * torch.randint(2, choice.shape, generator=generator)
    result = images.clone()
    for position, span in enumerate(spans):
        which = (choice == position).nonzero().flatten()
        if span.operation == "identity" or not len(which):
            continue
        way = (span.end - span.start) * magnitude[which]
        strength = span.start + (way * sign[which] if span.signed else way)
        there = sent(which, images.device)
        operation = OPERATIONS[span.operation]
        result[there] = operation(images[there], sent(strength.to(images.dtype), images.device))
    return result


def rand_augment(
    images: torch.Tensor, operations: int, magnitude: float, generator: torch.Generator
) -> torch.Tensor:
    """So many random operations on each image, one after the other, all of one magnitude."""
    spans, n = _moderate(images), len(images)
    for _ in range(operations):
        choice = torch.randint(len(spans), (n,), generator=generator)
        images = changed(images, spans, choice, torch.full((n,), magnitude), generator)
    return images


def trivial_augment(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One random operation of random magnitude on each image."""
    n = len(images)
    choice = torch.randint(len(_WIDE), (n,), generator=generator)
    magnitude = torch.randint(_WIDE_STEPS + 1, (n,), generator=generator) / _WIDE_STEPS
    return changed(images, _WIDE, choice, magnitude, generator)


def auto_augment(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The pair of operations that is drawn for each image, each with its own probability."""
    spans, n = (*_moderate(images), Span("invert")), len(images)
    position = {span.operation: number for number, span in enumerate(spans)}
    pair = torch.randint(len(_CIFAR), (n,), generator=generator)
    for step in range(2):
        names, probabilities, ninths = zip(*(both[step] for both in _CIFAR), strict=True)
        done = torch.rand(n, generator=generator) < torch.tensor(probabilities)[pair]
        named = torch.tensor([position[name] for name in names])[pair]
        choice = torch.where(done, named, position["identity"])
        magnitude = torch.tensor(ninths)[pair] / _CIFAR_STEPS
        images = changed(images, spans, choice, magnitude, generator)
    return images
