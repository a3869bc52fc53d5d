"""Reading files of unknown origin, with every failure a DataError that names the path."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from rungs.foundation.errors import DataError

_HINT = "this is not a file of the data set"


@contextlib.contextmanager
def opened(path: Path, limit_bytes: int, hint: str = _HINT) -> Iterator[BinaryIO]:
    """Open the regular file ``path`` of at most ``limit_bytes`` for reading.

    ``hint`` is what to think of a larger one.

    ``DataError`` if it is missing, unreadable, too large or no regular file (a named pipe would
    block for ever), also for an ``OSError`` while it is read.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "a special file"
            raise DataError(f"{path}: expected a file, found {what}")
        if status.st_size > limit_bytes:
            raise DataError(
                f"{path}: {status.st_size:,} bytes, expected at most {limit_bytes:,}; {hint}"
            )
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def read_whole(path: Path, limit_bytes: int, hint: str = _HINT) -> bytearray:
    """The bytes of ``path``, in memory that arrays can share and write to; errors as `opened`."""
    with opened(path, limit_bytes, hint) as file:
        data = bytearray(os.fstat(file.fileno()).st_size)
        count = file.readinto(data)  # type: ignore[attr-defined]
        del data[count:]
        return data
