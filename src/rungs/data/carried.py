"""A data set as bytes, for a machine that does not have it."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from rungs.data import array_cache
from rungs.data.images import DataSet, Exploration, ImageSet
from rungs.data.mapped import Pixels
from rungs.data.spec import PARTS, DataSpec
from rungs.foundation.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Pixels of more than this are not sent: who has so many has them where they are needed.
MOST_BYTES = 4_000_000_000
_NAMES = ("class_names", "group_names", "name", "fingerprint")


def pack(data: DataSet) -> bytes:
    """A data set as bytes, with a checksum.

    Raises:
        DataError: it is too large to be sent.
    """
    import numpy as np

    sets = (data.exploration.train, data.exploration.validation, data.test)
    size = sum(images.pixels.shape.numel() for images in sets)
    if size > MOST_BYTES:
        raise DataError(
            f"{data.name}: {size / 1e9:.1f} GB of pixels are too many to be sent to nodes, at most "
            f"{MOST_BYTES / 1e9:g} GB are; put the data where RUNGS_DATA of each node says"
        )
    arrays: dict[str, NDArray[np.generic]] = {"groups": np.array(data.groups, dtype=np.int64)}
    for part, images in zip(PARTS, sets, strict=True):
        arrays[f"{part}_pixels"] = images.pixels.numpy()
        arrays[f"{part}_labels"] = images.labels.numpy()
    texts = (data.class_names, data.group_names, (data.name,), (data.fingerprint,))
    for name, text in zip(_NAMES, texts, strict=True):
        arrays[name] = np.array(text, dtype=np.str_)
    buffer = io.BytesIO()
    array_cache.write_checked(arrays, buffer)
    return buffer.getvalue()


def unpack(path: Path, spec: DataSpec) -> DataSet:
    """The data set of a file of what `pack` gives.

    Raises:
        DataError: it is damaged, or not what ``spec`` says.
    """
    import torch

    arrays = array_cache.load(path)
    try:
        if arrays is None:
            raise ValueError("it is not what was sent")
        texts = {name: tuple(str(text) for text in arrays[name]) for name in _NAMES}
        if texts["fingerprint"] != (spec.fingerprint,):
            raise ValueError(f"its fingerprint is {texts['fingerprint']}")
        parts = []
        for part in PARTS:
            pixels: Pixels = torch.from_numpy(arrays[f"{part}_pixels"])
            found = (len(pixels), *pixels.shape[1:])
            if found != (spec.sizes[part], *spec.image_shape):
                raise ValueError(f"its {part} images are {list(found)}")
            parts.append(ImageSet(pixels, torch.from_numpy(arrays[f"{part}_labels"])))
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"{spec.name}: the data that was sent, {path}, cannot be used: {error}; expected that "
            f"of fingerprint {spec.fingerprint}"
        ) from error
    train, validation, test = parts
    return DataSet(
        name=texts["name"][0],
        exploration=Exploration(train, validation, texts["class_names"]),
        test=test,
        class_names=texts["class_names"],
        group_names=texts["group_names"],
        groups=tuple(int(group) for group in arrays["groups"]),
        fingerprint=spec.fingerprint,
    )
