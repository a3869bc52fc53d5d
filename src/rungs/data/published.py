"""Published sets: where their files are looked for, how they are fetched, and their split."""

import hashlib
import http.client
import os
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from rungs.data.images import DataSet, Exploration, ImageSet
from rungs.data.kinds.core import Access, Say
from rungs.data.published_spec import PublishedSpec, Range, split_mistakes
from rungs.foundation.errors import DataError
from rungs.foundation.files import write_atomically

# Names the folder in which the user has files of published sets.
ENVIRONMENT = "RUNGS_DATA"
PROGRESS_SECONDS = 2  # between two lines of a download

S = TypeVar("S")


@dataclass(frozen=True, eq=False)
class Stored:
    """Images in stored order: ``pixels`` uint8 [N, C, H, W], ``labels`` int64 [N]."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Download:
    """A file that can be fetched.

    Attributes:
        name: of the file.
        urls: where it is served, the first that is asked first.
        md5: of its bytes, 32 hex digits.
        limit_bytes: what is certainly too many.
    """

    name: str
    urls: tuple[str, ...]
    md5: str
    limit_bytes: int


def sought(access: Access, find: Callable[[Path], S | None], title: str, forms: str) -> S | None:
    """What ``find`` finds where the user says that files are, or else in the cache.

    Args:
        access: which places; a folder that is named there, or in the environment, is the only one.
        find: what a place holds; None if it is not the set.
        title: of the set.
        forms: in which it may be there, for messages.

    Raises:
        DataError: a place that was named does not hold it, or may not be looked into.
    """
    named = {"data_dir": access.data_dir, ENVIRONMENT: os.environ.get(ENVIRONMENT) or None}
    for name, place in named.items():
        if place is None:
            continue
        found = _looked_into(Path(place).expanduser(), find)
        if found is None:
            raise DataError(f"{place} (from {name}) does not hold {title}; expected there {forms}")
        return found
    return _looked_into(access.cache_dir, find)


def _looked_into(place: Path, find: Callable[[Path], S | None]) -> S | None:
    try:
        return find(place)
    except OSError as error:
        raise DataError(f"{place}: cannot be read: {error.strerror or error}") from error


def advice(problem: str, title: str, urls: Sequence[str], place: Path, forms: str) -> str:
    """What to do where a set is not there: one paragraph that begins with the problem.

    Args:
        problem: why it is not fetched.
        title: of the set.
        urls: of its files.
        place: in the cache where they are looked for.
        forms: in which it may be in a folder of the user's.
    """
    return (
        f"{title} was not found, and {problem}. Download {', '.join(urls)} and then either put "
        f"what comes into {place}, or pass its folder as the data folder, or set {ENVIRONMENT} to "
        f"it. Such a folder may hold {forms}."
    )


def fetch(file: Download, folder: Path, title: str, say: Say) -> Path:
    """Fetches a file into a folder, from the first place that serves the right bytes.

    Raises:
        DataError: what each place did instead; then nothing is left behind.
    """
    target = folder / file.name
    failures = []
    for url in file.urls:
        say(f"downloading {url}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with urllib.request.urlopen(url, timeout=60) as response:
                announced = int(response.headers.get("Content-Length") or 0)
                received = _Received(response, announced, url, file, title, say)
                write_atomically(target, received.into)
            return target
        except DataError as error:
            failures.append(str(error))
        except (OSError, ValueError, http.client.HTTPException) as error:
            failures.append(f"{url}: {error}")
    raise DataError("; ".join(failures))


def fetched(file: Download, access: Access, title: str, forms: str) -> Path:
    """A file in the cache, fetched if it may be.

    Args:
        file: of which all of the set is made.
        access: where the cache is, and whether something may be downloaded.
        title: of the set.
        forms: as `advice` has them.

    Raises:
        DataError: it is not there; says what to do instead.
    """
    problem = "it may not be downloaded here"
    if access.allow_download:
        try:
            return fetch(file, access.cache_dir, title, access.say)
        except DataError as error:
            problem = f"the download failed ({error})"
    raise DataError(advice(problem, title, file.urls, access.cache_dir, forms))


@dataclass(frozen=True)
class _Received:
    """An answer of ``total`` bytes (0: unknown) that is copied into a file and checked."""

    response: IO[bytes]
    total: int
    url: str
    file: Download
    title: str
    say: Say

    def into(self, target: IO[bytes]) -> None:
        """Raises `DataError` if the bytes are not those of the file."""
        digest = hashlib.md5(usedforsecurity=False)
        received = 0
        told = time.monotonic()
        while block := self.response.read(1 << 20):
            received += len(block)
            if received > self.file.limit_bytes:
                raise DataError(f"{self.url}: more than {self.file.limit_bytes:,} bytes came")
            digest.update(block)
            target.write(block)
            if time.monotonic() - told >= PROGRESS_SECONDS:
                told = time.monotonic()
                of = f" of {self.total / 1e6:.0f}" if self.total else ""
                self.say(f"downloading {self.title}: {received / 1e6:.0f}{of} MB")
        if digest.hexdigest() != self.file.md5:
            raise DataError(
                f"{self.url}: the {received:,} bytes received have md5 {digest.hexdigest()}, "
                f"expected {self.file.md5}"
            )


def check_labels(labels: NDArray[np.int64], classes: int, place: Path, which: str = "") -> None:
    """That there are images, and that their labels count classes; `DataError` else.

    Args:
        labels: int64 [N].
        classes: how many there are.
        place: for messages.
        which: of several kinds of labels, for messages; ends with a space.
    """
    if not len(labels):
        raise DataError(f"{place}: no images")
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(
            f"{place}: {which}labels from {labels.min()} to {labels.max()}, "
            f"expected 0 to {classes - 1}"
        )


def split(
    spec: PublishedSpec,
    train: Stored,
    test: Stored,
    group_names: tuple[str, ...] = (),
    groups: tuple[int, ...] = (),
) -> DataSet:
    """The set of ``spec``: parts of its training images, and its test images.

    Raises:
        DataError: there are fewer training images than the split takes.
    """
    if mistakes := split_mistakes(spec, len(train.pixels)):
        raise DataError("; ".join(str(mistake) for mistake in mistakes))
    stored = _image_set(train)
    parts = (_ranges(stored, spec.train), _ranges(stored, spec.validation))
    return DataSet(
        name=spec.name,
        exploration=Exploration(*parts, spec.class_names),
        test=_image_set(test),
        class_names=spec.class_names,
        group_names=group_names,
        groups=groups,
        fingerprint=spec.fingerprint,
    )


def _image_set(part: Stored) -> ImageSet:
    pixels = part.pixels if part.pixels.flags.writeable else part.pixels.copy()
    return ImageSet(torch.from_numpy(pixels), torch.from_numpy(part.labels))


def _ranges(images: ImageSet, chosen: Sequence[Range]) -> ImageSet:
    """The images in half-open ranges of indices, in this order."""
    pixels = [images.pixels[start:stop] for start, stop in chosen]
    labels = [images.labels[start:stop] for start, stop in chosen]
    # A single range shares the memory of the stored images.
    if len(chosen) == 1:
        return ImageSet(pixels[0], labels[0])
    return ImageSet(torch.cat(pixels), torch.cat(labels))
