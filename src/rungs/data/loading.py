"""Data sets: labelled images, the same for whatever form they were read from."""

from collections.abc import Callable
from pathlib import Path

import platformdirs

from rungs.data.images import DataSet, Exploration, ImageSet
from rungs.data.kinds import kind_of
from rungs.data.kinds.core import Access
from rungs.data.spec import DataSpec

__all__ = ["DataSet", "Exploration", "ImageSet", "load"]


def load(
    spec: DataSpec,
    *,
    data_dir: Path | None = None,
    cache_dir: Path | None = None,
    progress: Callable[[str], None] | None = None,
    allow_download: bool = True,
) -> DataSet:
    """The images that ``spec`` stands for, split into training, validation and test.

    ``data_dir`` is where the user has the files; ``cache_dir`` (the user's cache folder if None)
    keeps what was downloaded, decoded or drawn. ``progress`` receives lines for the user.
    Without ``allow_download`` only what is at hand is used, and no more of it is read than needed.
    ``DataError`` if the set is missing, damaged or not what ``spec`` says.
    """
    access = Access(
        data_dir=data_dir,
        cache_dir=platformdirs.user_cache_path("rungs") if cache_dir is None else cache_dir,
        say=progress or (lambda _: None),
        allow_download=allow_download,
    )
    found: DataSet = kind_of(spec).read(spec, access)
    return found
