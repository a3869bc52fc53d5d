"""Where pictures come from: what is known of them before any is read."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from rungs.data.pictures_spec import FolderSpec
from rungs.data.spec import Part
from rungs.foundation.errors import DataError
from rungs.foundation.limits import MAX_PICTURE_BYTES
from rungs.foundation.reading import read_whole

# Names that folders, files and values have for the parts of a set.
PART_NAMES: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


# Of a file of arrays.
ARRAYS = ".npz"
# Of pictures; what is one is told by its content.
SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("apng", "avif", "bmp", "dib", "gif", "j2k", "jfif", "jp2", "jpe", "jpeg", "jpg", "mpo"),
        *("pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp"),
    )
)


class LeftOut(NamedTuple):
    """Something that is not used, such as a file, an empty folder or a row, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Candidate:
    """Something that should be a picture.

    Attributes:
        name: for people, such as its path below the source.
        label: of its class.
        part: that the source puts it into; None if it says nothing.
        read: its bytes; ``DataError`` if there are none to be had.
    """

    name: str
    label: str
    part: Part | None
    read: Callable[[], bytes | bytearray]


@dataclass(frozen=True)
class Source:
    """A place with pictures.

    Attributes:
        kind: for people, such as ``class folders``.
        signature: changes whenever a file is added, removed, renamed or written.
        labels: number of candidates of each class, by name.
        parts: that the source tells apart; empty if it says nothing.
        left_out: files that are no candidates.
        candidates: gives all of them, always in the same order.
        notes: how it was read where that is not plain, and what looks odd; a line each.
    """

    kind: str
    signature: str
    labels: dict[str, int]
    parts: frozenset[Part]
    left_out: tuple[LeftOut, ...]
    candidates: Callable[[], Iterator[Candidate]]
    notes: tuple[str, ...] = ()


# Finds the pictures of a path: a folder or a table.
Finder = Callable[[Path, FolderSpec], Source]


def part_named(name: str) -> Part | None:
    """The part that a folder, file or value of this name stands for."""
    return PART_NAMES.get(name.strip().casefold())


def of_file(path: Path, name: str, label: str, part: Part | None) -> Candidate:
    """The candidate that a file is."""
    return Candidate(name, label, part, partial(read_whole, path, MAX_PICTURE_BYTES))


def natural_order(name: str) -> tuple[tuple[str, int, str], ...]:
    """Sorts names as people count: ``line 9`` before ``line 10``."""
    pieces = re.findall(r"([^0-9]*)0*([0-9]*)", name)
    # A longer number is larger; they may have more digits than a number can be made of.
    return tuple((text, len(digits), digits) for text, digits in pieces)


def in_order(labels: Iterable[str], order: Literal["text", "counted"]) -> tuple[str, ...]:
    """Names of classes in the order in which a network's outputs stand for them."""
    if order == "text":
        return tuple(sorted(labels))
    return tuple(sorted(labels, key=lambda label: (_as_number(label), natural_order(label), label)))


def _as_number(label: str) -> tuple[bool, int]:
    """Whole numbers first, by their size."""
    whole = re.fullmatch(r"-?[0-9]{1,20}", label) is not None
    return (not whole, int(label) if whole else 0)


def printable(name: str) -> str:
    """A name from a file system or a table as text that can be shown and written anywhere.

    What cannot be shown becomes its escape, so that two names never become one.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in name
    )


def written(place: Path, folder: Path) -> str:
    """A place as a study file in a folder names it: from the folder where there is a way.

    Raises:
        DataError: it has letters that a study file cannot hold.
    """
    try:
        path = Path(os.path.relpath(place, folder)).as_posix()
    except ValueError:  # on another drive
        path = place.as_posix()
    if path != printable(path):
        raise DataError(
            f"{printable(path)}: has letters that a study file cannot hold, here as their escapes; "
            "rename it, or make a link to it"
        )
    return path
