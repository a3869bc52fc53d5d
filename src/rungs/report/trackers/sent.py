"""What trackers' modules share: what came of it, plots that are drawn when asked for, folders."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rungs.foundation.errors import UsageError

# Draws the plots of a report: name -> picture, which is gone after the call.
Figures = Callable[[], Mapping[str, Path]]


@dataclass(frozen=True)
class Sent:
    """What came of it: numbers of runs that were new, that had changed, and that had not."""

    new: int = 0
    changed: int = 0
    same: int = 0

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(self.new + other.new, self.changed + other.changed, self.same + other.same)


NEW, CHANGED, SAME = Sent(new=1), Sent(changed=1), Sent(same=1)


def folder_of(destination: str) -> Path:
    """A destination that is a folder, made if it is not there.

    Raises:
        UsageError: it is a file, an address, or cannot be made.
    """
    if "://" in destination:
        raise UsageError(f"{destination}: expected a folder, found an address")
    folder = Path(destination)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{destination}: no folder can be made there: {error.strerror}") from error
    return folder
