"""Every error that Rungs raises on purpose.

    RungsError                what the command line prints as one message, exit code 1
    ├── UsageError            options that contradict each other, exit code 2
    ├── StudyError            a study file with mistakes: all of them at once
    ├── DataError             a data set that is missing, damaged or not what it claims to be
    │   └── ClassesError      classes with too few pictures: all of them at once
    ├── StoreError            a store that cannot be read or written
    │   └── StrangerError     a run that was made with a component that is not here
    ├── RecipeError           a recipe that cannot be built
    │   ├── ParameterError    a modification's parameters with mistakes: all of them at once
    │   └── UnchangedError    a modification that changes nothing
    ├── OwnModuleError        a user's module that cannot be loaded or breaks its promises
    ├── TrainingError         a run that failed, such as a loss that is no longer finite
    ├── MessageError          what one process tells another is not what the other knows
    └── CaptureError          a step that cannot be recorded as a CUDA graph

Anything else that reaches the command line is a bug and shows its traceback.
"""

import errno
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rungs.foundation.wording import shown

_MOST_LINES = 100  # of mistakes in one message


class RungsError(Exception):
    """Base of all errors with a message meant for the user."""


class UsageError(RungsError):
    """What is asked for contradicts itself, such as two options of which one can hold."""


class DataError(RungsError):
    """A data set is missing, damaged or not what it claims to be."""


class ClassesError(DataError):
    """Classes with too few pictures to train and measure them.

    Attributes:
        problems: class -> what is wrong with it.
    """

    def __init__(self, message: str, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__(message)


class StoreError(RungsError):
    """The store cannot be read or written."""


class StrangerError(StoreError):
    """A run was made with components that are not here; its files may well be whole.

    Attributes:
        kinds: of those components.
    """

    def __init__(self, message: str, kinds: tuple[str, ...]) -> None:
        self.kinds = kinds
        super().__init__(message)


class RecipeError(RungsError):
    """A recipe cannot be built."""


class UnchangedError(RecipeError):
    """A modification changes nothing, so that the recipe is as it was."""


class OwnModuleError(RungsError):
    """A user's module cannot be loaded, or breaks the promises of what it defines."""


class TrainingError(RungsError):
    """A run failed while it trained."""


class MessageError(RungsError):
    """A message between processes is malformed, or of another version."""


class CaptureError(RungsError):
    """A step cannot be recorded as a CUDA graph. The message is the reason alone."""


# The way from the top of a file to a value: keys of tables and positions in lists.
Path = tuple[int | str, ...]


@dataclass(frozen=True)
class Mistake:
    """One mistake in a study file.

    Attributes:
        path: to the value, e.g. ``("rungs", 3, "apply", 0, "rates")``; empty for the whole file.
        message: what was expected and what was found, and a near name where there is one.
    """

    path: Path
    message: str

    @property
    def place(self) -> str:
        """The path as people write it, e.g. ``rungs[3].apply[0].rates``."""
        place = ""
        for part in self.path:
            if isinstance(part, int):
                place += f"[{part}]"
            else:
                key = part if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", part) else shown(part)
                place += f".{key}" if place else key
        return place

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.path else self.message


class ParameterError(RecipeError):
    """The parameters of a modification are wrong: every mistake with its place."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(str(mistake) for mistake in mistakes))


class StudyError(RungsError):
    """All mistakes of one study file."""

    def __init__(self, source: str, mistakes: Sequence[Mistake]) -> None:
        self.source = source
        self.mistakes = tuple(mistakes)
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes):,} mistakes"
        lines = [f"  {mistake}" for mistake in mistakes[:_MOST_LINES]]
        if len(mistakes) > _MOST_LINES:
            lines.append(f"  and {len(mistakes) - _MOST_LINES:,} more")
        # A file's name may hold anything, and a message must not steer a terminal.
        named = source if source and source.isprintable() else shown(source)
        super().__init__(f"{named} has {count}:\n" + "\n".join(lines))


# What a disk or folder says that cannot be written: nobody's bug.
_NAMES = "EACCES EDQUOT EEXIST EFBIG EIO EISDIR EMFILE ENAMETOOLONG ENOSPC ENOTDIR EPERM EROFS"
DISK_ERRORS = frozenset(getattr(errno, name, None) for name in _NAMES.split()) - {None}


_FULL = {getattr(errno, name, None) for name in ("EDQUOT", "ENOSPC")} - {None}


def disk_message(error: OSError) -> str:
    """One sentence for an error of `DISK_ERRORS`, and what to do where that is plain."""
    said = f"{error.filename or 'a file'} cannot be written: {error.strerror}"
    if error.errno in _FULL:
        said += "; free some space: the same command then resumes, and nothing else is lost"
    return said
