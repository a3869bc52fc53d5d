"""Pictures that the program draws itself: a set without a download, for tries and tests.

A class is a shape with a texture (and, beyond 64 classes, a style): see `rungs.data.painting`.
They are no photographs: an accuracy on them says little about one on photographs. The same spec
gives the same pixels on every machine.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rungs.data import array_cache as cache
from rungs.data.cifar_names import COARSE_NAMES, FINE_NAMES
from rungs.data.images import DataSet, Exploration, ImageSet
from rungs.data.painting import SHAPES, STYLES, TEXTURES, Labels, Pixels, Stream, features, paint
from rungs.data.pickles import ByteArray, write_pickle
from rungs.data.spec import SyntheticSpec

PARTS = ("train", "validation", "test")

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


def load_synthetic(
    spec: SyntheticSpec, *, cache_dir: Path, progress: Callable[[str], None] | None = None
) -> DataSet:
    """The set of ``spec``, drawn once and then kept in ``cache_dir``."""
    path = cache_dir / f"synthetic-{spec.fingerprint}.npz"
    sets = _load_kept(path, spec)
    if sets is None:
        if progress is not None:
            progress(f"drawing {sum(spec.sizes.values()):,} synthetic images")
        sets = draw(spec.classes, spec.train, spec.validation, spec.test, spec.size, spec.seed)
        arrays: dict[str, NDArray[np.generic]] = {}
        for name, images in zip(PARTS, sets, strict=True):
            arrays[f"{name}_pixels"] = images.pixels.numpy()
            arrays[f"{name}_labels"] = images.labels.numpy()
        cache.store(path, arrays)
    train, validation, test = sets
    names = tuple(class_name(index) for index in range(spec.classes))
    shapes = [features(index)[0] for index in range(spec.classes)]
    used = sorted(set(shapes))
    return DataSet(
        name=spec.name,
        exploration=Exploration(train, validation, names),
        test=test,
        class_names=names,
        group_names=tuple(SHAPES[shape] for shape in used),
        groups=tuple(used.index(shape) for shape in shapes),
        fingerprint=spec.fingerprint,
    )


def class_name(index: int) -> str:
    """What the class shows, such as ``square, lying stripes``."""
    shape, texture, styles = features(index)
    named = [name for bit, name in enumerate(STYLES) if styles >> bit & 1]
    return ", ".join([SHAPES[shape], TEXTURES[texture], *named])


def write_cifar100_form(folder: Path, train: int = 200, test: int = 100, seed: int = 0) -> None:
    """Write pictures into ``folder`` as the files ``train``, ``test`` and ``meta`` of CIFAR-100.

    They have its layout and its class names (100 fine, 20 coarse) but show shapes: they are for
    testing readers. Each part needs at least 100 images to show all classes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    meta: dict[str, object] = {
        "fine_label_names": list(FINE_NAMES),
        "coarse_label_names": list(COARSE_NAMES),
    }
    (folder / "meta").write_bytes(write_pickle(meta))
    for name, part, count in (("train", 0, train), ("test", 2, test)):
        pixels, labels = draw_part(len(FINE_NAMES), count, 32, seed, part)
        fine = labels.tolist()
        content: dict[str, object] = {
            "filenames": [f"{FINE_NAMES[label]}_{i:06d}.png" for i, label in enumerate(fine)],
            "batch_label": "training batch 1 of 1" if name == "train" else "testing batch 1 of 1",
            "fine_labels": fine,
            "coarse_labels": [label // 5 for label in fine],
            "data": ByteArray((count, pixels[0].size), memoryview(pixels.tobytes())),
        }
        (folder / name).write_bytes(write_pickle(content))


def _load_kept(path: Path, spec: SyntheticSpec) -> tuple[ImageSet, ImageSet, ImageSet] | None:
    arrays = cache.load(path)
    if arrays is None:
        return None
    try:
        sets = [
            ImageSet(
                torch.from_numpy(arrays[f"{name}_pixels"]),
                torch.from_numpy(arrays[f"{name}_labels"]),
            )
            for name in PARTS
        ]
    except (KeyError, ValueError, TypeError):
        return None
    expected = [(spec.sizes[name], *spec.image_shape) for name in PARTS]
    if [tuple(images.pixels.shape) for images in sets] != expected:
        return None
    return sets[0], sets[1], sets[2]
