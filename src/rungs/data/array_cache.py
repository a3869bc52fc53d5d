"""Arrays kept between runs in one file each, whole or not at all."""

import contextlib
import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from rungs.foundation.files import write_atomically

Arrays = Mapping[str, NDArray[np.generic]]

_CHECKSUM = "sha256"


def store(path: Path, arrays: Arrays) -> None:
    """Write ``arrays`` as an uncompressed .npz with a checksum, in one step.

    A cache that cannot be written (full disk, read-only folder) is only slower: no error.
    """
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: write_checked(arrays, file))


def write_checked(arrays: Arrays, file: IO[bytes]) -> None:
    """The same into an open file."""
    checksum = np.frombuffer(_checksum(arrays), dtype=np.uint8)
    write({**arrays, _CHECKSUM: checksum}, file)


def write(arrays: Arrays, file: IO[bytes]) -> None:
    """Writes ``arrays`` as an uncompressed .npz; ``ValueError`` for such of Python objects."""
    # Not np.savez, which would pickle them.
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def load(path: Path) -> dict[str, NDArray[np.generic]] | None:
    """What `store` wrote, or None if there is nothing or it is damaged."""
    try:
        # Opened here, because np.load leaves a damaged file open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays: dict[str, NDArray[np.generic]] = {name: file[name] for name in file.files}
    except (OSError, EOFError, ValueError, KeyError, AttributeError, MemoryError, zlib.error):
        return None
    except (zipfile.BadZipFile, NotImplementedError):
        return None
    checksum = arrays.pop(_CHECKSUM, None)
    if checksum is None or checksum.tobytes() != _checksum(arrays):
        return None
    return arrays


def _checksum(arrays: Arrays) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.digest()
