"""From a study file's bytes, or a dict of Python's, to plain tables, lists and values."""

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from rungs.foundation.errors import Mistake, StudyError
from rungs.foundation.limits import MAX_FILE_BYTES, MAX_KEY_PARTS
from rungs.foundation.wording import listed, nearest, shown


def builtin_names() -> tuple[str, ...]:
    """Names of the studies that come with the program."""
    folder = resources.files("rungs.study") / "builtin"
    return tuple(
        sorted(
            entry.name.removesuffix(".toml")
            for entry in folder.iterdir()
            if entry.name.endswith(".toml")
        )
    )


def read(source: str | Path) -> dict[str, Any]:
    """The content of a study file, or of the built-in study of that name.

    Raises:
        StudyError: it is not there, cannot be read or is not TOML.
    """
    try:
        return _tables(_text(_bytes(source)))
    except _UnreadableError as error:
        raise StudyError(str(source), [Mistake((), str(error))]) from error


def plain_tables(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a file with the content of a dict would be read as; the dict is left as it is.

    Tuples are lists, paths are texts, numpy's numbers are numbers. What no file can hold is left
    for the forms to refuse, and so is what is nested more deeply than a file may be.
    """
    plain: dict[str, Any] = _plain(content, _DEEPEST)
    return plain


# Levels of tables and lists: a study has six.
_DEEPEST = 50


def _plain(value: Any, levels: int) -> Any:
    if levels == 0:
        return None
    match value:
        case Mapping():
            return {key: _plain(item, levels - 1) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, levels - 1) for item in value]
        case Path():
            return str(value)
        case bool() | int() | float():
            return value
        case Integral():
            return int(value)
        case Real():
            return float(value)
    return value


# Of bounded length where a part may begin at every character, so that the search stays linear.
_KEY_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.){0,200}"|'[^'\n]{0,200}')[ \t]*"""
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_-])(?:{_KEY_PART}\.[ \t]*){{{MAX_KEY_PARTS}}}")


class _UnreadableError(Exception):
    """Says why there is no plain content."""


def _bytes(source: str | Path) -> bytes:
    path = Path(source)
    try:
        # A folder of results may well have a built-in study's name.
        if str(source) in builtin_names() and not path.is_file():
            return (resources.files("rungs.study") / "builtin" / f"{source}.toml").read_bytes()
        if path.is_dir() and str(source):
            raise _UnreadableError("this is a folder, expected a study file")
        if path.is_fifo():
            raise _UnreadableError("this is a pipe, expected a study file")
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)  # what has no end is not waited for
    except (FileNotFoundError, IsADirectoryError) as error:
        near = nearest(path.stem, builtin_names())
        hint = f"did you mean {shown(near)}?" if near else f"those are {listed(builtin_names())}"
        message = f"there is no such file, nor a built-in study of that name; {hint}"
        raise _UnreadableError(message) from error
    except OSError as error:
        raise _UnreadableError(f"cannot be read: {error.strerror}") from error
    except ValueError as error:  # a path that no file can have
        raise _UnreadableError(f"cannot be read: {error}") from error
    if len(content) > MAX_FILE_BYTES:
        raise _UnreadableError(
            f"more than {MAX_FILE_BYTES / 1e6:g} MB, expected a study file of some kB"
        )
    return content


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")  # some editors put a byte order mark in front
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        found = f"found byte 0x{content[error.start]:02x}"
        raise _UnreadableError(
            f"{_position(before)}: this is not text, expected UTF-8, {found}"
        ) from error


def _tables(text: str) -> dict[str, Any]:
    long = _LONG_KEY.search(text)
    if long is not None:
        position = _position(text[: long.start()])
        raise _UnreadableError(f"{position}: expected a key of at most {MAX_KEY_PARTS} parts")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, place = str(error).removesuffix(")").rpartition(" (at ")
        position = place if place.startswith("line") else _position(text.replace("\r\n", "\n"))
        short = what if len(what) <= 200 else f"{what[:200]}..."
        raise _UnreadableError(f"{position}: this is not TOML: {short}") from error
    except RecursionError as error:
        raise _UnreadableError("tables or lists are nested too deeply") from error
    except ValueError as error:  # Python's own limit
        digits = re.search(r"[0-9_]{4301,}", text)
        position = f"{_position(text[: digits.start()])}: " if digits else ""
        raise _UnreadableError(f"{position}a number has too many digits") from error


def _position(before: str) -> str:
    """Where a text ends, both counted from 1."""
    lines = before.split("\n")
    return f"line {len(lines)}, column {len(lines[-1]) + 1}"
