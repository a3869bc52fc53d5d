"""Pictures that were decoded, kept in the user's cache: one folder for each content.

CACHE/pictures/CONTENT/index.json    which row of the pixels is what
CACHE/pictures/CONTENT/pixels        uint8 [rows, C, H, W] and nothing else
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import platformdirs

from rungs.data.pictures.splitting import Member
from rungs.data.pictures_spec import FolderSpec
from rungs.foundation.errors import DISK_ERRORS, DataError
from rungs.foundation.files import read_json, sync_folder, write_json

_FORMAT = 1
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Index:
    """What the rows of a file of pixels are.

    Attributes:
        shape: of the file's array [rows, C, H, W].
        pixels_sha256: of the file.
        class_names: index -> name.
        members: the pictures that are used, in their order.
        rows: of each of them.
        place: where they were found.
        spec: how they were looked for.
    """

    shape: tuple[int, int, int, int]
    pixels_sha256: str
    class_names: tuple[str, ...]
    members: tuple[Member, ...]
    rows: tuple[int, ...]
    place: str
    spec: FolderSpec

    @property
    def bytes(self) -> int:
        """Size of the file of pixels."""
        rows, channels, height, width = self.shape
        return rows * channels * height * width


def pictures_folder(cache_dir: Path | None) -> Path:
    """The folder of all pictures in a cache; None is the user's cache."""
    cache_dir = platformdirs.user_cache_path("rungs") if cache_dir is None else cache_dir
    return cache_dir / "pictures"


def pixels_file(pictures: Path, content: str) -> Path:
    """The file of pixels."""
    return pictures / content / "pixels"


def read_index(pictures: Path, content: str) -> Index | None:
    """The index of a content; None if there is none, or it is damaged."""
    try:
        plain = read_json(pictures / content / "index.json")
        if plain["format"] != _FORMAT:
            return None
        return Index(
            shape=tuple(plain["shape"]),
            pixels_sha256=plain["pixels_sha256"],
            class_names=tuple(plain["class_names"]),
            members=tuple(Member(*member) for member in plain["members"]),
            rows=tuple(plain["rows"]),
            place=plain["place"],
            spec=FolderSpec.model_validate(plain["spec"]),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _plain(index: Index) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "shape": index.shape,
        "pixels_sha256": index.pixels_sha256,
        "class_names": index.class_names,
        "members": [[one.label, one.part, one.group] for one in index.members],
        "rows": index.rows,
        "place": index.place,
        "spec": index.spec.model_dump(mode="json"),
    }


def has_pixels(pictures: Path, content: str, index: Index) -> bool:
    """Whether the file of pixels is there and has its size; what is in it is not looked at."""
    try:
        return pixels_file(pictures, content).stat().st_size == index.bytes
    except OSError:
        return False


def pixels_are_whole(pictures: Path, content: str, index: Index) -> bool:
    """Whether the file of pixels has its checksum; reads all of it."""
    digest = hashlib.sha256()
    buffer = bytearray(_READ_BYTES)
    view = memoryview(buffer)
    try:
        with pixels_file(pictures, content).open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                digest.update(view[:count])
    except OSError:
        return False
    return digest.hexdigest() == index.pixels_sha256


class PixelWriter:
    """A file of pixels that grows, in a folder that no reader looks into yet."""

    def __init__(self, folder: Path, file: IO[bytes]) -> None:
        self.rows = 0
        self._folder = folder
        self._file = file
        self._digest = hashlib.sha256()

    def add(self, pixels: bytes) -> int:
        """Writes one picture and returns its row."""
        self._file.write(pixels)
        self._digest.update(pixels)
        self.rows += 1
        return self.rows - 1

    @property
    def sha256(self) -> str:
        """Of all that was added."""
        return self._digest.hexdigest()

    def publish(self, content: str, index: Index) -> None:
        """Gives the folder the name by which readers find it, unless there is such a folder."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        write_json(self._folder / "index.json", _plain(index))
        pictures = self._folder.parent
        there = read_index(pictures, content)
        if there is not None and has_pixels(pictures, content, there):
            return
        remove(pictures, content)
        try:
            self._folder.rename(pictures / content)
        except OSError:
            if not (pictures / content).exists():  # else another process was quicker
                raise
        sync_folder(pictures)


@contextmanager
def pixel_writer(pictures: Path, name: str) -> Iterator[PixelWriter]:
    """A writer; if nothing is published, nothing is left behind.

    Args:
        pictures: the folder of all pictures.
        name: of the writer's folder until it is published, which no other writer has.
    """
    folder = pictures / f".{name}"
    try:
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
        folder.mkdir(parents=True)
        with (folder / "pixels").open("xb") as file:
            yield PixelWriter(folder, file)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def writing(pictures: Path) -> Iterator[None]:
    """A full or read-only disk is a ``DataError`` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        raise DataError(
            f"{error.filename or pictures}: decoded pictures cannot be kept there: "
            f"{error.strerror}; XDG_CACHE_HOME chooses another folder for them"
        ) from error


# For how long a content is kept that no look leads to any more: longer than trainings on it last.
_KEPT_SECONDS = 7 * 24 * 3600.0


def touch(pictures: Path, content: str) -> None:
    """Notes that a content is in use now."""
    with contextlib.suppress(OSError):  # a cache that may only be read
        os.utime(pictures / content / "index.json")


def sweep(pictures: Path, *, held: Collection[str]) -> None:
    """Removes contents that nothing leads to, and that nobody has used for a week.

    Args:
        pictures: the cache's folder of pictures.
        held: contents that looks lead to.
    """
    oldest = time.time() - _KEPT_SECONDS
    for index in pictures.glob("*/index.json"):
        content = index.parent.name
        with contextlib.suppress(OSError):
            if content not in held and index.stat().st_mtime < oldest:
                remove(pictures, content)


def remove(pictures: Path, content: str) -> None:
    """Removes what is kept of a content; whoever has it open can go on reading."""
    shutil.rmtree(pictures / content, ignore_errors=True)
