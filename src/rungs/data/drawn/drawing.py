"""Pictures that the program draws itself: a set without a download, for tries and tests.

A class is a shape with a texture (and, beyond 64 classes, a style): see
`rungs.data.drawn.painting`. They are no photographs: an accuracy on them says little about one on
photographs. The same spec gives the same pixels on every machine.
"""

import numpy as np
import torch

from rungs.data.drawn.painting import (
    SHAPES,
    STYLES,
    TEXTURES,
    Labels,
    Pixels,
    Stream,
    features,
    paint,
)
from rungs.data.images import ImageSet

# Pixels of one image plane drawn at a time; it bounds the memory and belongs to the definition.
CHUNK_PIXELS = 1 << 19


def draw(
    classes: int, train: int, validation: int, test: int, size: int, seed: int
) -> tuple[ImageSet, ImageSet, ImageSet]:
    """Training, validation and test pictures: uint8 RGB of ``size`` x ``size`` pixels.

    The classes have the same number of images in each part, to one. The parts are drawn from
    streams of their own: the test pictures do not depend on how many there are to train on.
    """
    counts = (train, validation, test)
    sets = []
    for part, count in enumerate(counts):
        pixels, labels = draw_part(classes, count, size, seed, part)
        sets.append(ImageSet(torch.from_numpy(pixels), torch.from_numpy(labels)))
    return sets[0], sets[1], sets[2]


def draw_part(classes: int, count: int, size: int, seed: int, part: int) -> tuple[Pixels, Labels]:
    """Pixels [count, 3, size, size] and labels [count] of the part ``PARTS[part]``."""
    stream = Stream(seed, part)
    labels = np.arange(count) % classes
    labels = labels[np.argsort(stream.uniform(count), kind="stable")].astype(np.int64)
    pixels = np.empty((count, 3, size, size), dtype=np.uint8)
    step = max(1, CHUNK_PIXELS // size**2)
    for start in range(0, count, step):
        chunk = slice(start, min(start + step, count))
        pixels[chunk] = paint(labels[chunk], size, stream)
    return pixels, labels


def shape_groups(classes: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The shapes that so many classes show, by name, and the index of each class's among them."""
    shapes = [features(index)[0] for index in range(classes)]
    used = sorted(set(shapes))
    return tuple(SHAPES[shape] for shape in used), tuple(used.index(shape) for shape in shapes)


def class_name(index: int) -> str:
    """What the class shows, such as ``square, lying stripes``."""
    shape, texture, styles = features(index)
    named = [name for bit, name in enumerate(STYLES) if styles >> bit & 1]
    return ", ".join([SHAPES[shape], TEXTURES[texture], *named])
