"""Pictures in folders: one folder for each class, perhaps in folders for each part."""

import hashlib
import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rungs.data.pictures.source import Candidate, LeftOut, Source, of_file, part_named, printable
from rungs.data.spec import Part
from rungs.foundation.errors import DataError
from rungs.foundation.limits import MAX_PICTURES
from rungs.foundation.wording import counted

# What file managers leave behind; names that begin with a dot are hidden too.
_HIDDEN = {"thumbs.db", "desktop.ini", "__macosx", "@eadir"}

# Of pictures; what is one is told by its content.
SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("apng", "avif", "bmp", "dib", "gif", "j2k", "jfif", "jp2", "jpe", "jpeg", "jpg", "mpo"),
        *("pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp"),
    )
)


@dataclass(frozen=True)
class File:
    """A regular file below a folder.

    Attributes:
        steps: names from the folder to the file, its own last.
        path: of the file.
        bytes: its size.
        modified: time of its last change, in nanoseconds.
    """

    steps: tuple[str, ...]
    path: Path
    bytes: int
    modified: int

    @property
    def name(self) -> str:
        """Its path below the folder, for people."""
        return printable("/".join(self.steps))


def folder_source(root: Path) -> Source:
    """The pictures of a folder with a folder for each class.

    ``DataError`` if there are no such folders.
    """
    files, left_out = walk(root)
    depth = _wrappers(files)
    tops = {file.steps[depth] for file in files if len(file.steps) > depth + 1}
    parted = any(
        part_named(file.steps[depth]) == "train" for file in files if len(file.steps) > depth + 2
    )
    if not parted and tops and all(map(part_named, tops)):
        names = ", ".join(sorted(printable(top) for top in tops))
        raise DataError(
            f"{root}: expected a folder `train` with a folder for each class, found {names}"
        )
    placed: list[tuple[File, str, Part | None]] = []
    for file in files:
        folders = file.steps[depth:-1]
        part = part_named(folders[0]) if parted and folders else None
        if parted and part is None:
            left_out.append(LeftOut(file.name, "not in a folder for training or another part"))
        elif len(folders) < (2 if parted else 1):
            left_out.append(LeftOut(file.name, "not in the folder of a class"))
        else:
            placed.append((file, class_name(folders[1 if parted else 0]), part))
    if not placed:
        raise DataError(
            f"{root}: expected a folder of pictures for each class, found "
            + (f"{counted(len(files), 'file')} outside of such folders" if files else "no files")
        )

    def candidates() -> Iterator[Candidate]:
        for file, label, part in placed:
            yield of_file(file.path, file.name, label, part)

    return Source(
        kind="class folders" + (" for each part" if parted else ""),
        signature=signature(files),
        labels=dict(sorted(Counter(label for _, label, _ in placed).items())),
        parts=frozenset(part for _, _, part in placed if part is not None),
        left_out=tuple(left_out),
        candidates=candidates,
    )


def class_name(name: str) -> str:
    """A folder's name as its class's, the same from every file system."""
    return unicodedata.normalize("NFC", printable(name))


def signature(files: list[File]) -> str:
    """Stands for names, sizes and times of files, 64 hex digits."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.steps} {file.bytes} {file.modified}\n".encode(errors="replace"))
    return digest.hexdigest()


def walk(root: Path) -> tuple[list[File], list[LeftOut]]:
    """Every file below a folder that is not hidden, sorted, and what looks like one but is not.

    Links are followed, each folder is entered once: those that are there themselves come before
    those that are linked to. ``DataError`` if a folder cannot be read, or for more files than a
    set can have.
    """
    files: list[File] = []
    left_out: list[LeftOut] = []
    entered: set[tuple[int, int]] = set()
    waiting: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    linked: list[tuple[Path, tuple[str, ...]]] = []
    try:
        while waiting or linked:
            # A link may lead to a folder that is found itself later.
            folder, steps = waiting.pop() if waiting else linked.pop(0)
            status = folder.stat()
            if (status.st_dev, status.st_ino) in entered:
                name = printable("/".join(steps))
                left_out.append(LeftOut(name, "a link to a folder that is read already"))
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
            shown = [entry for entry in ordered if _is_shown(entry)]
            if steps and not shown:
                left_out.append(LeftOut(printable("/".join(steps)), "an empty folder"))
            for entry in shown:
                here = (*steps, entry.name)
                found = _look_at(entry, here)
                if isinstance(found, File):
                    files.append(found)
                elif isinstance(found, LeftOut):
                    left_out.append(found)
                else:
                    (linked if entry.is_symlink() else waiting).append((Path(entry.path), here))
            if len(files) > MAX_PICTURES:
                raise DataError(f"{root}: more than {MAX_PICTURES:,} files")
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror or error}") from error
    return sorted(files, key=lambda file: file.steps), left_out


def _is_shown(entry: "os.DirEntry[str]") -> bool:
    return not entry.name.startswith(".") and entry.name.casefold() not in _HIDDEN


def _look_at(entry: "os.DirEntry[str]", steps: tuple[str, ...]) -> File | LeftOut | None:
    """A file, something that is none, or None for a folder."""
    name = printable("/".join(steps))
    try:
        status = entry.stat()
    except OSError:  # also a link to itself
        return LeftOut(name, "a link to nothing")
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        return LeftOut(name, "a special file")
    return File(steps, Path(entry.path), status.st_size, status.st_mtime_ns)


def _wrappers(files: list[File]) -> int:
    """How many folders, one in the other, stand around those of classes or parts.

    Unpacking an archive makes such: ``photos/photos/cats``.
    """
    depth = 0
    while True:
        pictures = [
            file
            for file in files
            if len(file.steps) > depth + 1 or file.path.suffix.casefold() in SUFFIXES
        ]
        tops = {file.steps[depth] for file in pictures}
        if (
            len(tops) != 1
            or part_named(next(iter(tops)))
            or any(len(file.steps) <= depth + 2 for file in pictures)
        ):
            return depth
        depth += 1
