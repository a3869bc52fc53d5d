"""Every error that Rungs raises on purpose.

    RungsError                what the command line prints as one line, exit code 1
    ├── StudyError            a study file with mistakes: all of them at once
    ├── DataError             a data set that is missing, damaged or not what it claims to be
    ├── StoreError            a store that cannot be read or written
    ├── RecipeError           a recipe that cannot be built, or a change that changes nothing
    │   └── ParameterError    a modification's parameters with mistakes: all of them at once
    └── TrainingError         a run that failed, such as a loss that is no longer finite

Anything else that reaches the command line is a bug and shows its traceback.
"""

import errno
from dataclasses import dataclass


class RungsError(Exception):
    """Base of all errors with a message meant for the user."""


class DataError(RungsError):
    """A data set is missing, damaged or not what it claims to be."""


class StoreError(RungsError):
    """The store cannot be read or written."""


class RecipeError(RungsError):
    """A recipe cannot be built, or a modification changes nothing."""


class TrainingError(RungsError):
    """A run failed while it trained."""


@dataclass(frozen=True)
class Mistake:
    """One mistake in a study file: its place as a path such as ``rungs[3].apply[0].rates``."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class ParameterError(RecipeError):
    """The parameters of a modification are wrong: every mistake with its place."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(str(mistake) for mistake in mistakes))


class StudyError(RungsError):
    """All mistakes of one study file."""

    def __init__(self, source: str, mistakes: list[Mistake]) -> None:
        self.source = source
        self.mistakes = mistakes
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = "\n".join(f"  {mistake}" for mistake in mistakes)
        super().__init__(f"{source} has {count}:\n{lines}")


# What a disk or folder says that cannot be written: nobody's bug.
_NAMES = "EACCES EDQUOT EFBIG EIO EISDIR EMFILE ENAMETOOLONG ENOSPC ENOTDIR EPERM EROFS"
DISK_ERRORS = frozenset(getattr(errno, name, None) for name in _NAMES.split()) - {None}


def disk_message(error: OSError) -> str:
    """One sentence for an error of `DISK_ERRORS`."""
    return f"{error.filename or 'a file'} cannot be written: {error.strerror}"
