"""CIFAR-100 (Krizhevsky, 2009) from whatever form it is at hand in.

Forms: the folder ``cifar-100-python``, the archive ``cifar-100-python.tar.gz``, or the parquet
files of the hub version. Whichever it was, the pixels and labels must have the official digest
(`rungs.data.cifar.official.CONTENT`), so that a result says which images it was measured on.
"""

import hashlib
import http.client
import os
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from rungs.data import array_cache as cache
from rungs.data.cifar.official import COARSE_NAMES, CONTENT, FINE_NAMES
from rungs.data.cifar.parquet import read_parquet
from rungs.data.cifar.pickles import ByteArray, read_pickle
from rungs.data.cifar.tarball import read_members
from rungs.data.images import ImageSet
from rungs.data.kinds.core import Access
from rungs.foundation.errors import DataError
from rungs.foundation.files import write_atomically
from rungs.foundation.reading import read_whole

URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
ARCHIVE = "cifar-100-python.tar.gz"
ARCHIVE_MD5 = "eb9058c3a382ffc7106e4002c42a8d85"
FOLDER = "cifar-100-python"
ENVIRONMENT = "RUNGS_DATA"

# The official files are 155,249,918, 31,049,707 and 1,473 bytes, the archive 169,001,437.
LIMITS_BYTES = {"train": 200_000_000, "test": 200_000_000, "meta": 100_000}
ARCHIVE_LIMIT_BYTES = 400_000_000
FILE_MD5 = {
    "train": "16019d7e3df5f24257cddd939b257f8d",
    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    "meta": "7973b15100ade9c7d40fb424638fde48",
}

PROGRESS_SECONDS = 2  # between two lines of a download

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Part:
    """The training or the test images in stored order.

    ``pixels`` is uint8 [N, 3, 32, 32]; ``fine`` and ``coarse`` are int64 [N].
    """

    pixels: NDArray[np.uint8]
    fine: NDArray[np.int64]
    coarse: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Content:
    """A whole set in CIFAR-100's form, not yet split."""

    train: Part
    test: Part


@dataclass(frozen=True)
class Source:
    """Where a set was found: a folder of pickles, an archive, or a folder of parquet files."""

    form: Literal["folder", "archive", "parquet"]
    path: Path


def content_digest(content: Content) -> str:
    """The sha256 that stands for exactly these images, labels and their order (64 hex digits).

    It covers, for the training and then the test images: their number as 8 bytes, the pixels
    [N, 3, 32, 32] in C order, the fine and the coarse labels, each label as 8 bytes; all integers
    little-endian. No form of file enters it.
    """
    digest = hashlib.sha256()
    for part in (content.train, content.test):
        digest.update(len(part.pixels).to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(part.pixels).data)
        digest.update(part.fine.astype("<i8", order="C").data)
        digest.update(part.coarse.astype("<i8", order="C").data)
    return digest.hexdigest()


def find_source(place: Path) -> Source | None:
    """The form of CIFAR-100 that ``place`` is or holds, judged by names alone.

    A folder of pickles is preferred to an archive, an archive to parquet files. None if it is
    none of these; ``DataError`` if it may not be looked into.
    """
    try:
        return _find_source(place)
    except OSError as error:
        raise DataError(f"{place}: cannot be read: {error.strerror or error}") from error


def read_source(
    source: Source, expected_digest: str | None = CONTENT, progress: Progress | None = None
) -> Content:
    """The content of ``source``, which must have ``expected_digest`` unless that is None."""
    (progress or _silent)(f"reading CIFAR-100 from {source.path}")
    files: Mapping[str, bytearray] = {}
    match source.form:
        case "parquet":
            content = Content(
                Part(*read_parquet(source.path, "train")), Part(*read_parquet(source.path, "test"))
            )
        case "folder":
            files = {name: read_whole(source.path / name, LIMITS_BYTES[name]) for name in FILE_MD5}
            content = _from_pickles(files, source.path)
        case "archive":
            members = {f"{FOLDER}/{name}": limit for name, limit in LIMITS_BYTES.items()}
            read = read_members(source.path, members, ARCHIVE_LIMIT_BYTES)
            files = {name: read[f"{FOLDER}/{name}"] for name in FILE_MD5}
            content = _from_pickles(files, source.path / FOLDER)
    for part in (content.train, content.test):
        _check_labels(part, source.path)
    if expected_digest is not None and (digest := content_digest(content)) != expected_digest:
        # The md5 of the files costs more than their content's digest, so it is for this case only.
        wrong = [name for name, data in files.items() if _md5(data) != FILE_MD5[name]]
        raise DataError(
            f"{source.path}: this is not the official CIFAR-100: its images and labels have the "
            f"digest {digest}, expected {expected_digest}"
            + (f"; not the official files: {', '.join(wrong)}" if wrong else "")
        )
    return content


def download(cache_dir: Path, progress: Progress | None = None) -> Path:
    """Fetch the official archive to ``cache_dir`` and return its path.

    ``DataError`` without a connection or if the bytes are not the official ones; then nothing
    is left behind.
    """
    say = progress or _silent
    target = cache_dir / ARCHIVE
    say(f"downloading {URL}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(URL, timeout=60) as response:
            total = int(response.headers.get("Content-Length") or 0)
            write_atomically(target, lambda file: _receive(response, file, total, say))
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DataError(_advice(f"the download failed ({error})", cache_dir)) from error
    return target


def _receive(response: IO[bytes], file: IO[bytes], total: int, say: Progress) -> None:
    """Copy the archive's bytes, of which ``total`` are announced (0: unknown), and check them."""
    digest = hashlib.md5(usedforsecurity=False)
    received = 0
    told = time.monotonic()
    while block := response.read(1 << 20):
        received += len(block)
        if received > ARCHIVE_LIMIT_BYTES:
            raise DataError(f"{URL}: more than {ARCHIVE_LIMIT_BYTES:,} bytes came")
        digest.update(block)
        file.write(block)
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            of = f" of {total / 1e6:.0f}" if total else ""
            say(f"downloading CIFAR-100: {received / 1e6:.0f}{of} MB")
    if digest.hexdigest() != ARCHIVE_MD5:
        raise DataError(
            f"{URL}: the {received:,} bytes received have md5 {digest.hexdigest()}, "
            f"expected {ARCHIVE_MD5}"
        )


def find(access: Access, expected_digest: str | None = CONTENT) -> Content:
    """The set, from where it is first found, or downloaded: see `rungs.data.kinds.cifar100.read`.

    ``DataError`` if it is not there, damaged or another than that of ``expected_digest``.
    """
    say, cache_dir = access.say, access.cache_dir
    source = _named_source(access.data_dir)
    if source is None:
        source = find_source(cache_dir)
    if source is not None and source.form == "folder":
        return read_source(source, expected_digest, say)  # as fast as the kept arrays
    kept = None if expected_digest is None else cache_dir / f"cifar100-{expected_digest[:16]}.npz"
    if kept is not None and (content := _load_kept(kept)) is not None:
        return content
    if source is None:
        if not access.allow_download:
            raise DataError(_advice("it may not be downloaded here", cache_dir))
        source = Source("archive", download(cache_dir, say))
    content = read_source(source, expected_digest, say)
    if kept is not None:
        _keep(kept, content)
    return content


def _find_source(place: Path) -> Source | None:
    if place.is_file():
        return Source("archive", place) if place.name.endswith((".tar.gz", ".tgz")) else None
    if (place / FOLDER).is_dir():
        return Source("folder", place / FOLDER)
    if (place / "train").is_file() and (place / "meta").is_file():
        return Source("folder", place)
    if (place / ARCHIVE).exists():
        return Source("archive", place / ARCHIVE)
    for folder in (place, place / "cifar100"):
        if any(folder.glob("train-*.parquet")):
            return Source("parquet", folder)
    return None


def _named_source(data_dir: Path | None) -> Source | None:
    """What the caller or else the environment named; ``DataError`` if it is not there."""
    named = {"data_dir": data_dir, ENVIRONMENT: os.environ.get(ENVIRONMENT) or None}
    for name, place in named.items():
        if place is None:
            continue
        source = find_source(Path(place).expanduser())
        if source is None:
            raise DataError(
                f"{place} (from {name}) does not hold CIFAR-100; expected there {_FORMS}"
            )
        return source
    return None


_FORMS = (
    f"the folder {FOLDER} with train, test and meta, or the file {ARCHIVE}, or the files "
    "train-*.parquet and test-*.parquet of the hub version"
)


def _advice(problem: str, cache_dir: Path) -> str:
    return (
        f"CIFAR-100 was not found, and {problem}. Download {URL} and then either put the file "
        f"into {cache_dir}, or pass its folder as the data folder, or set {ENVIRONMENT} to it. "
        f"Such a folder may hold {_FORMS}."
    )


def _load_kept(path: Path) -> Content | None:
    arrays = cache.load(path)
    if arrays is None:
        return None
    try:
        parts = [
            Part(
                arrays[f"{name}_pixels"].astype(np.uint8, copy=False),
                arrays[f"{name}_fine"].astype(np.int64, copy=False),
                arrays[f"{name}_coarse"].astype(np.int64, copy=False),
            )
            for name in ("train", "test")
        ]
    except KeyError:
        return None
    return Content(*parts)


def _keep(path: Path, content: Content) -> None:
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, part in (("train", content.train), ("test", content.test)):
        arrays[f"{name}_pixels"] = part.pixels
        arrays[f"{name}_fine"] = part.fine
        arrays[f"{name}_coarse"] = part.coarse
    cache.store(path, arrays)


def _from_pickles(files: Mapping[str, bytearray], place: Path) -> Content:
    meta = read_pickle(files["meta"], str(place / "meta"))
    names = {b"fine_label_names": FINE_NAMES, b"coarse_label_names": COARSE_NAMES}
    for key, expected in names.items():
        found = meta.get(key) if isinstance(meta, dict) else None
        if not isinstance(found, list) or found != [name.encode() for name in expected]:
            raise DataError(f"{place / 'meta'}: {key.decode()} are not those of CIFAR-100")
    return Content(
        _part(files["train"], place / "train"),
        _part(files["test"], place / "test"),
    )


def _part(content: bytearray, path: Path) -> Part:
    value = read_pickle(content, str(path))
    if not isinstance(value, dict):
        raise DataError(f"{path}: expected a pickled dict, found {type(value).__name__}")
    data = value.get(b"data")
    if not isinstance(data, ByteArray) or data.shape[1:] != (3 * 32 * 32,):
        raise DataError(f"{path}: expected data as an array of uint8 [N, 3072]")
    pixels = np.frombuffer(data.data, dtype=np.uint8).reshape(-1, 3, 32, 32)
    fine, coarse = (
        _labels(value.get(key), len(pixels), f"{path}: {key.decode()}")
        for key in (b"fine_labels", b"coarse_labels")
    )
    return Part(pixels, fine, coarse)


def _labels(values: object, count: int, place: str) -> NDArray[np.int64]:
    if not isinstance(values, list) or len(values) != count:
        raise DataError(f"{place}: expected a list of {count:,} labels, one per image")
    if not all(type(value) is int for value in values):
        raise DataError(f"{place}: a label is not an integer")
    return np.array(values, dtype=np.int64)


def _check_labels(part: Part, path: Path) -> None:
    for name, labels, names in (
        ("fine", part.fine, FINE_NAMES),
        ("coarse", part.coarse, COARSE_NAMES),
    ):
        if not len(labels):
            raise DataError(f"{path}: no images")
        if labels.min() < 0 or labels.max() >= len(names):
            raise DataError(
                f"{path}: {name} labels from {labels.min()} to {labels.max()}, "
                f"expected 0 to {len(names) - 1}"
            )


def _md5(data: bytearray) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def groups(content: Content) -> tuple[int, ...]:
    """The coarse class of every fine class; ``DataError`` if the labels do not give exactly one."""
    fine = np.concatenate([content.train.fine, content.test.fine])
    coarse = np.concatenate([content.train.coarse, content.test.coarse])
    of_fine = np.full(len(FINE_NAMES), -1, dtype=np.int64)
    of_fine[fine] = coarse
    if (of_fine < 0).any():
        missing = FINE_NAMES[int(np.argmax(of_fine < 0))]
        raise DataError(f"no image of the class {missing} in the set")
    if (of_fine[fine] != coarse).any():
        name = FINE_NAMES[int(fine[np.argmax(of_fine[fine] != coarse)])]
        raise DataError(f"the class {name} has images in several coarse classes")
    return tuple(int(group) for group in of_fine)


def image_set(part: Part) -> ImageSet:
    """The images of a part with their fine labels."""
    pixels = part.pixels if part.pixels.flags.writeable else part.pixels.copy()
    return ImageSet(torch.from_numpy(pixels), torch.from_numpy(part.fine))


def ranges(images: ImageSet, chosen: Sequence[tuple[int, int]]) -> ImageSet:
    """The images in half-open ranges of indices, in this order."""
    pixels = [images.pixels[start:stop] for start, stop in chosen]
    labels = [images.labels[start:stop] for start, stop in chosen]
    # A single range shares the memory of the stored images.
    if len(chosen) == 1:
        return ImageSet(pixels[0], labels[0])
    return ImageSet(torch.cat(pixels), torch.cat(labels))


def _silent(_line: str) -> None:
    pass
