"""CIFAR-10 (Krizhevsky, 2009): its python version, as a folder or as the archive.

Files are told by their md5, so that a result says which images it was measured on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rungs.data import array_cache as cache
from rungs.data import published
from rungs.data.cifar.batches import labels_of, md5_of, names_of, pixels_of
from rungs.data.cifar.official_ten import ARCHIVE_MD5, CLASS_NAMES, FILE_MD5, META
from rungs.data.cifar.pickles import read_pickle
from rungs.data.cifar.tarball import read_members
from rungs.data.kinds.core import Access
from rungs.data.published import Stored
from rungs.foundation.errors import DataError
from rungs.foundation.reading import read_whole

TITLE = "CIFAR-10"
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE = "cifar-10-python.tar.gz"
FOLDER = "cifar-10-batches-py"

# Of the training part, in stored order; the archive has 170,498,071 bytes, each of these 31 MB.
_TRAINING = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = ("test_batch",)
LIMITS_BYTES = {name: 100_000 if name == META else 60_000_000 for name in FILE_MD5}
ARCHIVE_LIMIT_BYTES = 400_000_000

_FORMS = f"the folder {FOLDER} with {_TRAINING[0]} and the others, or the file {ARCHIVE}"


@dataclass(frozen=True)
class Source:
    """Where the set was found: a folder of pickles, or an archive."""

    form: Literal["folder", "archive"]
    path: Path


@dataclass(frozen=True, eq=False)
class Content:
    """A whole set in CIFAR-10's form, not yet split."""

    train: Stored
    test: Stored


def find_source(place: Path) -> Source | None:
    """The form of CIFAR-10 that ``place`` is or holds, judged by names alone.

    A folder of pickles is preferred to an archive. None if it is neither; ``OSError`` if it may
    not be looked into.
    """
    if place.is_file():
        return Source("archive", place) if place.name.endswith((".tar.gz", ".tgz")) else None
    if (place / FOLDER).is_dir():
        return Source("folder", place / FOLDER)
    if (place / _TRAINING[0]).is_file() and (place / META).is_file():
        return Source("folder", place)
    if (place / ARCHIVE).exists():
        return Source("archive", place / ARCHIVE)
    return None


def find(access: Access, expected_md5: Mapping[str, str] | None = FILE_MD5) -> Content:
    """The set, from where it is first found, or downloaded: see `rungs.data.kinds.cifar10.read`.

    ``DataError`` if it is not there, damaged, or of other files than those of ``expected_md5``.
    """
    source = published.sought(access, find_source, TITLE, _FORMS)
    kept = None if expected_md5 is None else access.cache_dir / _kept_as(expected_md5)
    # A folder is read as fast as the kept arrays.
    archived = source is None or source.form == "archive"
    if archived and kept is not None and (content := _load_kept(kept)) is not None:
        return content
    if source is None:
        source = Source("archive", _downloaded(access))
    access.say(f"reading {TITLE} from {source.path}")
    content = read_source(source, expected_md5)
    if archived and kept is not None:
        _keep(kept, content)
    return content


def read_source(source: Source, expected_md5: Mapping[str, str] | None = FILE_MD5) -> Content:
    """The content of files with these md5, or of any if that is None."""
    files: Mapping[str, bytearray]
    if source.form == "folder":
        place = source.path
        files = {name: read_whole(place / name, limit) for name, limit in LIMITS_BYTES.items()}
    else:
        place = source.path / FOLDER
        members = {f"{FOLDER}/{name}": limit for name, limit in LIMITS_BYTES.items()}
        read = read_members(source.path, members, ARCHIVE_LIMIT_BYTES)
        files = {name: read[f"{FOLDER}/{name}"] for name in LIMITS_BYTES}
    # Read before it is told whose they are: what is wrong with a file says more than its md5.
    names = names_of(read_pickle(files[META], str(place / META)), "label_names")
    if names != tuple(name.encode() for name in CLASS_NAMES):
        raise DataError(f"{place / META}: label_names are not those of {TITLE}")
    content = Content(_part(files, _TRAINING, place), _part(files, _TEST, place))
    expected = expected_md5 or {}
    wrong = [name for name, md5 in expected.items() if md5_of(files[name]) != md5]
    if wrong:
        raise DataError(
            f"{source.path}: this is not the official {TITLE}: not the official files: "
            f"{', '.join(wrong)}"
        )
    return content


def _part(files: Mapping[str, bytearray], names: tuple[str, ...], place: Path) -> Stored:
    pixels: list[NDArray[np.uint8]] = []
    labels: list[NDArray[np.int64]] = []
    for name in names:
        value = read_pickle(files[name], str(place / name))
        pixels.append(pixels_of(value, place / name))
        labels.append(labels_of(value, "labels", len(pixels[-1]), place / name))
        published.check_labels(labels[-1], len(CLASS_NAMES), place / name)
    return Stored(np.concatenate(pixels), np.concatenate(labels))


def _downloaded(access: Access) -> Path:
    """The official archive in the cache."""
    file = published.Download(ARCHIVE, (URL,), ARCHIVE_MD5, ARCHIVE_LIMIT_BYTES)
    return published.fetched(file, access, TITLE, _FORMS)


def _kept_as(expected_md5: Mapping[str, str]) -> str:
    every = "".join(md5 for _, md5 in sorted(expected_md5.items()))
    return f"cifar10-{md5_of(every.encode())[:16]}.npz"


def _load_kept(path: Path) -> Content | None:
    arrays = cache.load(path)
    if arrays is None:
        return None
    try:
        train, test = (
            Stored(
                arrays[f"{name}_pixels"].astype(np.uint8, copy=False),
                arrays[f"{name}_labels"].astype(np.int64, copy=False),
            )
            for name in ("train", "test")
        )
    except KeyError:
        return None
    return Content(train, test)


def _keep(path: Path, content: Content) -> None:
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, part in (("train", content.train), ("test", content.test)):
        arrays[f"{name}_pixels"] = part.pixels
        arrays[f"{name}_labels"] = part.labels
    cache.store(path, arrays)
