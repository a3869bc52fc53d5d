"""Writing files so that a reader sees the old content or the new, never half of it."""

import contextlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, TypeVar

from rungs.foundation.errors import DISK_ERRORS

T = TypeVar("T")


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Calls ``write`` with a temporary file beside ``path``, syncs it and renames it to ``path``.

    Raises:
        OSError: the disk is full or the folder cannot be written; ``path`` is as it was, and is
            the error's ``filename``.
    """
    try:
        # Not tempfile's, which nobody but the user might read.
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            with temporary.open("xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        # The system names no file when a write fails, or the temporary one.
        raise OSError(error.errno, error.strerror, str(path)) from error


def copy_file(source: Path, target: Path) -> None:
    """Copies a file; the copy is there whole and on the disk, or not at all."""
    with source.open("rb") as content:
        write_atomically(target, lambda file: shutil.copyfileobj(content, file))


def sync_folder(folder: Path) -> None:
    """Makes renames inside a folder survive a power cut, where the system can (not on Windows)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 text file atomically."""
    write_atomically(path, lambda file: file.write(text.encode()))


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file atomically."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def size_on_disk(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; 0 if it is not there."""
    files = path.rglob("*") if path.is_dir() else (path,)
    total = 0
    for file in files:
        # One that goes meanwhile takes nothing.
        with contextlib.suppress(FileNotFoundError):
            found = file.lstat()
            total += 0 if stat.S_ISDIR(found.st_mode) else found.st_size
    return total


def is_older(path: Path, sources: Iterable[Path]) -> bool:
    """Whether a file was written before one of those that its content was computed from."""
    written = path.stat().st_mtime_ns
    return any(source.stat().st_mtime_ns > written for source in sources)


def remembered(
    path: Path,
    read: Callable[[Any], T],
    compute: Callable[[], T],
    plain: Callable[[T], Any],
    sources: Iterable[Path] = (),
) -> T:
    """What a JSON file holds; computed, and kept there where that can be, if it holds no such.

    Args:
        path: of the file, whose folder is made.
        read: from plain JSON types; refuses others with a `ValueError` or the like.
        compute: gives the value anew.
        plain: the inverse of ``read``.
        sources: files that the value is computed from; it is computed anew where one is younger.
    """
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        if not is_older(path, sources):
            return read(read_json(path))
    found = compute()
    with contextlib.suppress(OSError):  # such as a store that is only read
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, plain(found))
    return found
