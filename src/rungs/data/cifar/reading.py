"""CIFAR-100 (Krizhevsky, 2009) from whatever form it is at hand in.

Forms: the folder ``cifar-100-python``, the archive ``cifar-100-python.tar.gz``, or the parquet
files of the hub version. Whichever it was, the pixels and labels must have the official digest
(`rungs.data.cifar.official.CONTENT`), so that a result says which images it was measured on.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rungs.data import array_cache as cache
from rungs.data import published
from rungs.data.cifar.batches import labels_of, md5_of, pixels_of
from rungs.data.cifar.official import COARSE_NAMES, CONTENT, FINE_NAMES
from rungs.data.cifar.parquet import read_parquet
from rungs.data.cifar.pickles import read_pickle
from rungs.data.cifar.tarball import read_members
from rungs.data.kinds.core import Access, Say
from rungs.foundation.errors import DataError
from rungs.foundation.reading import read_whole

TITLE = "CIFAR-100"

URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
ARCHIVE = "cifar-100-python.tar.gz"
ARCHIVE_MD5 = "eb9058c3a382ffc7106e4002c42a8d85"
FOLDER = "cifar-100-python"

# The official files are 155,249,918, 31,049,707 and 1,473 bytes, the archive 169,001,437.
LIMITS_BYTES = {"train": 200_000_000, "test": 200_000_000, "meta": 100_000}
ARCHIVE_LIMIT_BYTES = 400_000_000
FILE_MD5 = {
    "train": "16019d7e3df5f24257cddd939b257f8d",
    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
    "meta": "7973b15100ade9c7d40fb424638fde48",
}


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
    none of these; ``OSError`` if it may not be looked into.
    """
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


def read_source(
    source: Source, expected_digest: str | None = CONTENT, say: Say = lambda _: None
) -> Content:
    """The content of ``source``, which must have ``expected_digest`` unless that is None."""
    say(f"reading CIFAR-100 from {source.path}")
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
        published.check_labels(part.fine, len(FINE_NAMES), source.path, "fine ")
        published.check_labels(part.coarse, len(COARSE_NAMES), source.path, "coarse ")
    if expected_digest is not None and (digest := content_digest(content)) != expected_digest:
        # The md5 of the files costs more than their content's digest, so it is for this case only.
        wrong = [name for name, data in files.items() if md5_of(data) != FILE_MD5[name]]
        raise DataError(
            f"{source.path}: this is not the official CIFAR-100: its images and labels have the "
            f"digest {digest}, expected {expected_digest}"
            + (f"; not the official files: {', '.join(wrong)}" if wrong else "")
        )
    return content


def find(access: Access, expected_digest: str | None = CONTENT) -> Content:
    """The set, from where it is first found, or downloaded: see `rungs.data.kinds.cifar100.read`.

    ``DataError`` if it is not there, damaged or another than that of ``expected_digest``.
    """
    say, cache_dir = access.say, access.cache_dir
    source = published.sought(access, find_source, TITLE, _FORMS)
    if source is not None and source.form == "folder":
        return read_source(source, expected_digest, say)  # as fast as the kept arrays
    kept = None if expected_digest is None else cache_dir / f"cifar100-{expected_digest[:16]}.npz"
    if kept is not None and (content := _load_kept(kept)) is not None:
        return content
    if source is None:
        source = Source("archive", _downloaded(access))
    content = read_source(source, expected_digest, say)
    if kept is not None:
        _keep(kept, content)
    return content


def _downloaded(access: Access) -> Path:
    """The official archive in the cache."""
    file = published.Download(ARCHIVE, (URL,), ARCHIVE_MD5, ARCHIVE_LIMIT_BYTES)
    return published.fetched(file, access, TITLE, _FORMS)


_FORMS = (
    f"the folder {FOLDER} with train, test and meta, or the file {ARCHIVE}, or the files "
    "train-*.parquet and test-*.parquet of the hub version"
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
    pixels = pixels_of(value, path)
    fine, coarse = (
        labels_of(value, key, len(pixels), path) for key in ("fine_labels", "coarse_labels")
    )
    return Part(pixels, fine, coarse)


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
