"""Files of numpy's arrays: ``.npz`` with the answers of runs, ``.npy`` with labels."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rungs.foundation.errors import DataError
from rungs.foundation.reading import opened

NPZ_SUFFIX = ".npz"
NPY_SUFFIX = ".npy"
_MOST_BYTES = 20_000_000_000
# Of one array: the probabilities of 100,000 images and 10,000 classes in float32.
_MOST_UNPACKED = 4_000_000_000
# What numpy and its archives say of a file that is not what it should be.
_UNREADABLE = (
    ValueError,
    KeyError,
    EOFError,
    AttributeError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{path}: damaged, or no file of plain arrays as `numpy.savez` writes them: {line}"
        ) from error


def arrays_in(path: Path) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Name and content of each array of an ``.npz`` file, one at a time.

    Raises:
        DataError: missing, damaged, with objects, or an array is larger than answers can be.
    """
    with opened(path, _MOST_BYTES, "write several files") as file, _told(path):
        # Asked before anything is unpacked: a few kilobytes can hold terabytes of zeros.
        with zipfile.ZipFile(file) as packed:
            members = packed.infolist()
        for member in members:
            if member.file_size > _MOST_UNPACKED:
                raise DataError(
                    f"{path}: {member.filename} would unpack to {member.file_size:,} bytes, "
                    f"expected at most {_MOST_UNPACKED:,}; give predicted classes, not "
                    "probabilities"
                )
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            for name in arrays.files:
                yield name, arrays[name]


def array_in(path: Path) -> npt.NDArray[Any]:
    """The array of an ``.npy`` file; errors as `arrays_in`."""
    with (
        opened(path, _MOST_UNPACKED, "these are more labels than anybody has") as file,
        _told(path),
    ):
        array = np.load(file, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it holds several arrays, as an .npz file does")
        return array
