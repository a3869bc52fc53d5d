"""Pictures of the user's own, from the cache in which `rungs.data.pictures` keeps them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from rungs.data.images import DataSet, Exploration, ImageSet
from rungs.data.mapped import MappedPixels, open_pixels
from rungs.data.pictures import cache
from rungs.data.pictures.resolving import find_source
from rungs.data.pictures.splitting import Cuts, split
from rungs.data.spec import PARTS, PicturesSpec
from rungs.foundation.errors import DataError


def load_folder(
    spec: PicturesSpec,
    *,
    cache_dir: Path | None,
    say: Callable[[str], None],
    check: bool,
) -> DataSet:
    """The pictures of ``spec``, mapped into memory.

    Args:
        spec: as `rungs.data.pictures.resolve` found it.
        cache_dir: where it keeps what it read; the user's cache if None.
        say: receives lines for the user.
        check: whether all pixels are compared with their checksum, and read again from where
            they were found if they are damaged.

    Raises:
        DataError: they are not in the cache, or are damaged.
    """
    pictures = cache.pictures_folder(cache_dir)
    index = cache.read_index(pictures, spec.content)
    if index is None:
        raise DataError(
            f"{spec.title}: its decoded pictures are not in {pictures}; "
            "`rungs data STUDY` reads them"
        )
    whole = cache.has_pixels(pictures, spec.content, index)
    if whole and check:
        whole = cache.pixels_are_whole(pictures, spec.content, index)
    if not whole:
        if not check:
            raise DataError(
                f"{cache.pixels_file(pictures, spec.content)}: damaged; "
                "`rungs data STUDY` reads the pictures again"
            )
        index = _rebuilt(spec, index, pictures, say)
    members = split(index.members, Cuts(spec.cut_validation, spec.cut_test, spec.seed))
    stored = open_pixels(cache.pixels_file(pictures, spec.content), index.shape)
    rows = np.array(index.rows, dtype=np.int64)
    labels = np.array([member.label for member in index.members], dtype=np.int64)

    def part(positions: Sequence[int]) -> ImageSet:
        chosen = np.array(positions, dtype=np.int64)
        pixels = MappedPixels(stored, torch.from_numpy(rows[chosen]))
        return ImageSet(pixels, torch.from_numpy(labels[chosen]))

    train, validation, test = (part(members[name]) for name in PARTS)
    return DataSet(
        name=spec.name,
        exploration=Exploration(train, validation, index.class_names),
        test=test,
        class_names=index.class_names,
        group_names=(),
        groups=(),
        fingerprint=spec.fingerprint,
    )


def _rebuilt(
    spec: PicturesSpec, index: cache.Index, pictures: Path, say: Callable[[str], None]
) -> cache.Index:
    """Reads pictures again whose pixels are damaged in the cache."""
    from rungs.data.pictures.building import build

    place = Path(index.place)
    say(f"{spec.title}: what was kept of these pictures is damaged; they are read again")
    cache.remove(pictures, spec.content)
    with cache.writing(pictures):
        look = build(find_source(place, index.spec), index.spec, place, pictures, say)
    again = cache.read_index(pictures, spec.content)
    if again is None:
        raise DataError(
            f"{place}: the pictures are others than those of the study's runs: content "
            f"{look.content}, expected {spec.content}"
        )
    return again
