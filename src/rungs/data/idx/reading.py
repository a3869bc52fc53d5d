"""Reading idx files (LeCun, Cortes and Burges): a head of sizes, then bytes.

    0 0 8 D    the magic number: unsigned bytes in D dimensions
    D times 4 bytes    sizes, the most significant byte first
    bytes    in C order

Files are told by the md5 of what is in them, packed or not, so that a result says which images it
was measured on.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rungs.data import published
from rungs.data.idx.official import SETS, SHAPE, IdxFile, IdxSet
from rungs.data.kinds.core import Access
from rungs.data.published import Stored
from rungs.foundation.errors import DataError
from rungs.foundation.reading import opened, read_whole

_MAGIC = b"\0\0\x08"
_PACKED = ".gz"


def find_files(wanted: IdxSet, place: Path) -> tuple[Path, ...] | None:
    """The set's four files in a place, or in one of its usual folders there; None if one lacks.

    ``OSError`` if it may not be looked into.
    """
    for folder in (*(place / name for name in wanted.folders), place):
        found = [_there(folder, file.name) for file in wanted.files]
        if all(found):
            return tuple(path for path in found if path is not None)
    return None


def _there(folder: Path, name: str) -> Path | None:
    dotted = name.replace("-idx", ".idx")  # as some programs unpack it
    every = (folder / f"{one}{suffix}" for one in (name, dotted) for suffix in ("", _PACKED))
    return next((path for path in every if path.exists()), None)


def read_parts(wanted: IdxSet, access: Access, *, official: bool = True) -> tuple[Stored, Stored]:
    """The training and the test part, from where they are first found, or downloaded.

    Args:
        wanted: the set.
        access: see `rungs.data.published.sought`.
        official: whether files must have the set's md5; else any in this form will do.

    Raises:
        DataError: files are missing, damaged, or others than those of the set.
    """
    forms = f"{', '.join(file.name for file in wanted.files)}, each packed ({_PACKED}) or not"
    find: Callable[[Path], tuple[Path, ...] | None] = partial(find_files, wanted)
    paths = published.sought(access, find, wanted.title, forms)
    if paths is None:
        paths = _downloaded(wanted, access, forms)
    access.say(f"reading {wanted.title} from {paths[0].parent}")
    contents = [_content(path, file) for path, file in zip(paths, wanted.files, strict=True)]
    train = _part(contents[:2], paths[:2], wanted)
    test = _part(contents[2:], paths[2:], wanted)
    if official:
        _check(wanted, contents, paths)
    return train, test


def _downloaded(wanted: IdxSet, access: Access, forms: str) -> tuple[Path, ...]:
    """The packed files, fetched to the cache as far as they are not there."""
    folder = access.cache_dir / wanted.folders[0]
    problem = "it may not be downloaded here"
    if access.allow_download:
        try:
            return tuple(
                _there(folder, file.name) or _fetched(wanted, file, folder, access)
                for file in wanted.files
            )
        except DataError as error:
            problem = f"the download failed ({error})"
    urls = [f"{wanted.urls[0]}/{file.name}{_PACKED}" for file in wanted.files]
    raise DataError(published.advice(problem, wanted.title, urls, folder, forms))


def _fetched(wanted: IdxSet, file: IdxFile, folder: Path, access: Access) -> Path:
    name = f"{file.name}{_PACKED}"
    urls = tuple(f"{url}/{name}" for url in wanted.urls)
    download = published.Download(name, urls, file.packed_md5, file.limit_bytes)
    return published.fetch(download, folder, wanted.title, access.say)


def _content(path: Path, file: IdxFile) -> bytes | bytearray:
    """What is in a file, unpacked; no more of it than is allowed."""
    if path.suffix != _PACKED:
        return read_whole(path, file.limit_bytes)
    with opened(path, file.limit_bytes) as packed:
        try:
            with gzip.GzipFile(fileobj=packed, mode="rb") as unpacked:
                # One more than is allowed; up to the end, where gzip's own checksum is.
                content = unpacked.read(file.limit_bytes + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path}: truncated or damaged: {error}") from error
    if len(content) > file.limit_bytes:
        raise DataError(
            f"{path}: unpacks to more than {file.limit_bytes:,} bytes; "
            "this is not a file of the data set"
        )
    return content


def _part(contents: Sequence[bytes | bytearray], paths: Sequence[Path], wanted: IdxSet) -> Stored:
    images = read_idx(contents[0], 3, paths[0])
    if images.shape[1:] != SHAPE[1:]:
        height, width = images.shape[1:]
        raise DataError(f"{paths[0]}: images of {height}x{width} pixels, expected 28x28")
    labels = read_idx(contents[1], 1, paths[1]).astype(np.int64)
    if len(labels) != len(images):
        raise DataError(
            f"{paths[1]}: {len(labels):,} labels, expected one for each of {len(images):,} images"
        )
    published.check_labels(labels, len(wanted.class_names), paths[1])
    return Stored(images[:, None], labels)


def read_idx(content: bytes | bytearray, dimensions: int, path: Path) -> NDArray[np.uint8]:
    """The array of unsigned bytes in a file's content.

    Args:
        content: of the file, unpacked.
        dimensions: that it must have.
        path: for messages.

    Raises:
        DataError: it is not in idx form, or its size is not what its head says.
    """
    head = 4 + 4 * dimensions
    if len(content) < head or content[:4] != _MAGIC + bytes([dimensions]):
        raise DataError(
            f"{path}: expected an idx file of unsigned bytes in {dimensions} dimensions, found "
            f"{bytes(content[:4]).hex(' ') or 'nothing'} at its begin"
        )
    sizes = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, head, 4))
    expected = 1
    for size in sizes:
        expected *= size
    if len(content) - head != expected:
        raise DataError(
            f"{path}: {len(content) - head:,} bytes after its head, which speaks of "
            f"{' x '.join(f'{size:,}' for size in sizes)}: truncated or damaged"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=head).reshape(sizes)


def _check(wanted: IdxSet, contents: Sequence[bytes | bytearray], paths: Sequence[Path]) -> None:
    """That the files are those of the set; names the set that they are of, if one is known."""
    found = [hashlib.md5(data, usedforsecurity=False).hexdigest() for data in contents]
    wrong = [
        path.name
        for md5, path, file in zip(found, paths, wanted.files, strict=True)
        if md5 != file.md5
    ]
    if not wrong:
        return
    other = next((one for one in SETS if [file.md5 for file in one.files] == found), None)
    hint = f'; it is {other.title}: kind = "{other.kind}"' if other is not None else ""
    raise DataError(
        f"{paths[0].parent}: this is not the official {wanted.title}: not the official files: "
        f"{', '.join(wrong)}{hint}"
    )
