"""Pictures as people name them: files, folders, patterns, and a picture that is piped in."""

import glob
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from rungs.data.pictures import MAX_BYTES, SUFFIXES

# A picture's name and where it is: its path, or its file's content.
Source = tuple[str, Path | bytes]

_STDIN = "-"


def find_pictures(
    names: Iterable[str], stdin: BinaryIO | None = None
) -> tuple[list[Source], list[tuple[str, str]]]:
    """The pictures that names stand for.

    Args:
        names: each of a file, whatever its ending; of a folder, for all pictures below it in
            sorted order, known by their endings; a pattern such as ``photos/*.jpg``; or ``-``.
        stdin: what ``-`` stands for: the content of one picture's file; None to take it for a
            file's name.

    Returns:
        The pictures, and each name that stands for none with the reason. Whether a file can be
        read is seen when it is read.
    """
    found: list[Source] = []
    problems: list[tuple[str, str]] = []
    for name in names:
        path = Path(name)
        if name == _STDIN and stdin is not None:
            found.append(("stdin", stdin.read(MAX_BYTES)))
        elif path.is_dir():
            inside = sorted(path.rglob("*"))
            pictures = [(str(item), item) for item in inside if _is_picture(item)]
            found += pictures
            if not pictures:
                problems.append((name, "there are no pictures in this folder"))
        elif path.exists() or not glob.has_magic(name):
            found.append((name, path))
        else:
            matching = sorted(item for item in glob.glob(name) if Path(item).is_file())  # noqa: PTH207 - a pattern may be absolute
            found += [(item, Path(item)) for item in matching]
            if not matching:
                problems.append((name, "no file matches this pattern"))
    return found, problems


def _is_picture(path: Path) -> bool:
    # Some systems keep notes of their own in files such as ._a.jpg.
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
