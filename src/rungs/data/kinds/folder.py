"""Pictures of the user's own, which `rungs.data.pictures` finds and keeps decoded in a cache.

What is said of them lies in `rungs.data.pictures_spec`, since that package goes by it as well.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rungs.data.kinds.core import Access, Kind, Resolved
from rungs.data.pictures_spec import FolderSpec, PicturesSpec
from rungs.data.spec import PARTS
from rungs.foundation.errors import DataError

if TYPE_CHECKING:
    from rungs.data.images import DataSet
    from rungs.data.pictures.cache import Index


def resolve(form: FolderSpec, beside: Path, say: Callable[[str], None]) -> Resolved:
    """Looks at the place that a study file names, see `rungs.data.pictures.resolve`."""
    from rungs.data.pictures import resolve as look_at  # reads tables and pictures

    survey = look_at(form, beside, say=say)
    return Resolved(survey.spec, survey)


def read(spec: PicturesSpec, access: Access) -> "DataSet":
    """The pictures of ``spec``, as they were found by `resolve`, mapped into memory.

    Where it may, it compares all pixels with their checksum, and reads them again from where they
    were found if they are damaged.

    Raises:
        DataError: they are not in the cache, or are damaged.
    """
    import numpy as np
    import torch

    from rungs.data.images import DataSet, Exploration, ImageSet
    from rungs.data.mapped import MappedPixels, open_pixels
    from rungs.data.pictures import cache
    from rungs.data.pictures.splitting import Cuts, split

    pictures = cache.pictures_folder(access.cache_dir)
    index = cache.read_index(pictures, spec.content)
    if index is None:
        raise DataError(
            f"{spec.title}: its decoded pictures are not in {pictures}; "
            "`rungs data STUDY` reads them"
        )
    cache.touch(pictures, spec.content)
    whole = cache.has_pixels(pictures, spec.content, index)
    if whole and access.allow_download:
        whole = cache.pixels_are_whole(pictures, spec.content, index)
    if not whole:
        if not access.allow_download:
            raise DataError(
                f"{cache.pixels_file(pictures, spec.content)}: damaged; "
                "`rungs data STUDY` reads the pictures again"
            )
        index = _rebuilt(spec, index, pictures, access.say)
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
    spec: PicturesSpec, index: "Index", pictures: Path, say: Callable[[str], None]
) -> "Index":
    """Reads pictures again whose pixels are damaged in the cache."""
    from rungs.data.pictures import cache
    from rungs.data.pictures.building import build
    from rungs.data.pictures.resolving import find_source

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


KIND = Kind(form=FolderSpec, spec=PicturesSpec, read=read, resolve=resolve)
