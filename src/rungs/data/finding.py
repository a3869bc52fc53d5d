"""Pictures as people name them: files, folders, patterns, and a picture that is piped in."""

import glob
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rungs.data.pictures.folders import UNREADABLE, walk
from rungs.data.pictures.source import SUFFIXES
from rungs.foundation.errors import DataError
from rungs.foundation.limits import MAX_PICTURE_BYTES

if TYPE_CHECKING:
    from PIL.Image import Image

# A picture's name and where it is: its path, its file's content, or the picture itself.
Source = tuple[str, "Path | bytes | Image"]

_STDIN = "-"


def find_pictures(
    names: Iterable[str], stdin: BinaryIO | None = None
) -> tuple[list[Source], list[tuple[str, str]]]:
    """The pictures that names stand for.

    Args:
        names: each of a file, whatever its ending; of a folder, for all pictures below it in
            sorted order, known by their endings; a pattern such as ``photos/*.jpg``, in which
            ``**`` stands for folders in folders; or ``-``.
        stdin: what ``-`` stands for: the content of one picture's file; None to take it for a
            file's name.

    Returns:
        The pictures, and each name that stands for none with the reason. Whether a file can be
        read is seen when it is read.
    """
    found: list[Source] = []
    problems: list[tuple[str, str]] = []
    for name in names:
        try:
            pictures, lost = _found(name, stdin)
            found += pictures
            problems += lost
        except DataError as error:
            problems.append((name, str(error)))
        except (OSError, ValueError) as error:  # a name that no file can have
            why = error.strerror if isinstance(error, OSError) else error
            problems.append((name, f"cannot be read: {why}"))
    return found, problems


def _found(name: str, stdin: BinaryIO | None) -> tuple[list[Source], list[tuple[str, str]]]:
    """The pictures that one name stands for, and what is named like one and is none.

    Raises:
        DataError: there are none.
        OSError: the system cannot look there.
        ValueError: the same, of Python.
    """
    if not name:  # to Python it is the working directory
        raise DataError("an empty name")
    path = Path(name)
    if name == _STDIN and stdin is not None:
        return [("stdin", stdin.read(MAX_PICTURE_BYTES))], []
    if path.is_dir():
        files, left_out = walk(path)
        inside = [file.path for file in files if _is_named_like_one(file.path)]
        lost = [
            (path / name, why)
            for name, why in left_out
            if _is_named_like_one(Path(name)) or why.startswith(UNREADABLE)
        ]
        if not inside and not lost:
            raise DataError("there are no pictures in this folder")
        return [(str(item), item) for item in inside], [(str(item), why) for item, why in lost]
    if path.exists() or not glob.has_magic(name):
        return [(name, path)], []
    paths = glob.glob(name, recursive=True)  # noqa: PTH207 - a pattern may be absolute
    matching = sorted(item for item in paths if Path(item).is_file())
    if not matching:
        raise DataError("no file matches this pattern")
    return [(item, Path(item)) for item in matching], []


def _is_named_like_one(path: Path) -> bool:
    return path.suffix.casefold() in SUFFIXES
