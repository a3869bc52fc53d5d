"""What the pickles of CIFAR's python version have in common: a dict of pixels and labels."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rungs.data.cifar.pickles import ByteArray
from rungs.foundation.errors import DataError


def pixels_of(value: object, path: Path) -> NDArray[np.uint8]:
    """The images uint8 [N, 3, 32, 32] of what `read_pickle` gave; ``DataError`` if it has none."""
    if not isinstance(value, dict):
        raise DataError(f"{path}: expected a pickled dict, found {type(value).__name__}")
    data = value.get(b"data")
    if not isinstance(data, ByteArray) or data.shape[1:] != (3 * 32 * 32,):
        raise DataError(f"{path}: expected data as an array of uint8 [N, 3072]")
    return np.frombuffer(data.data, dtype=np.uint8).reshape(-1, 3, 32, 32)


def labels_of(value: object, key: str, count: int, path: Path) -> NDArray[np.int64]:
    """Labels int64 [count] of a pickled dict; ``DataError`` if these are none."""
    labels = value.get(key.encode()) if isinstance(value, dict) else None
    if not isinstance(labels, list) or len(labels) != count:
        raise DataError(f"{path}: {key}: expected a list of {count:,} labels, one per image")
    if not all(type(label) is int for label in labels):
        raise DataError(f"{path}: {key}: a label is not an integer")
    return np.array(labels, dtype=np.int64)


def names_of(value: object, key: str) -> tuple[bytes, ...] | None:
    """The names of classes in a pickled dict; None if there is no list of them."""
    names = value.get(key.encode()) if isinstance(value, dict) else None
    if not isinstance(names, list):
        return None
    return tuple(bytes(name) if isinstance(name, (bytes, memoryview)) else b"" for name in names)


def md5_of(data: bytes | bytearray) -> str:
    """32 hex digits."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
