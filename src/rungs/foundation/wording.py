"""How messages show what a user wrote: short, on one line, without control characters."""

import datetime
import difflib
import math
import traceback
from collections.abc import Collection, Mapping
from pathlib import Path

# Beyond every bound; Python refuses to write out many more digits (4,300).
LARGEST = 10**4000

_LONGEST = 60  # characters of a text that are shown
_LONGEST_ERROR = 300  # of another library's error
_MOST = 20  # names that are listed
# Beyond these, nobody typed the name, and looking for near ones would take its time.
_LONGEST_NAME = 64
_MOST_NAMES = 1000


def counted(number: int, noun: str) -> str:
    """A number with its noun, whose plural has an s more: ``1 run``, ``1,000 runs``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shown(value: object) -> str:
    """A value of a study file as a message shows it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            rest = f"... ({len(value):,} characters)" if len(value) > _LONGEST else ""
            return repr(value[:_LONGEST]) + rest
        case int():
            if abs(value) < 10**20:
                return str(value)
            if abs(value) >= LARGEST:
                return "a whole number of 4,000 digits or more"
            return f"a whole number of about {value.bit_length() * math.log10(2):,.0f} digits"
        case float():
            return repr(value)
        case list() | tuple():
            return f"a list of {len(value)}" if value else "an empty list"
        case Mapping():
            return "a table" if value else "an empty table"
        case datetime.date() | datetime.time():
            return "a date or time"
    return f"a {type(value).__name__}"


def listed(names: Collection[str]) -> str:
    """``'a', 'b', 'c'``; of many, the first."""
    text = ", ".join(shown(name) for name in list(names)[:_MOST])
    return text if len(names) <= _MOST else f"{text} and {len(names) - _MOST} more"


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that ``name`` was probably meant to be."""
    if len(name) > _LONGEST_NAME or len(known) > _MOST_NAMES:
        return None
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)


def did_you_mean(name: str, known: Collection[str]) -> str:
    """``"; did you mean 'x'?"`` where a known name is near, else ``"; known are ..."``."""
    near = nearest(name, known)
    if near is not None:
        return f"; did you mean {shown(near)}?"
    return f"; known are {listed(known)}" if known else ""


def what_happened(error: BaseException, file: str) -> str:
    """An error in a user's own code on one line, with the line of their file where it arose.

    Args:
        error: that was caught.
        file: name of the user's file, such as ``mine.py``.
    """
    frames = traceback.extract_tb(error.__traceback__)
    line = next((f.lineno for f in reversed(frames) if Path(f.filename).name == file), None)
    text = " ".join(str(error).split())[:_LONGEST_ERROR]
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"{file}, line {line}: {what}" if line else what
