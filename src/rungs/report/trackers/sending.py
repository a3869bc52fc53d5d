"""What every tracker's module offers, and how a study gets there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from rungs.foundation.extras import require
from rungs.report.trackers.logged import LoggedStudy

# Draws the plots of a report: name -> picture, which is gone after the call.
Figures = Callable[[], Mapping[str, Path]]


class Tracker(StrEnum):
    """Where studies can be logged to; each is an extra of that name."""

    tensorboard = "tensorboard"
    mlflow = "mlflow"
    wandb = "wandb"


@dataclass(frozen=True)
class Sent:
    """What came of it: numbers of runs that were new, that had changed, and that had not."""

    new: int = 0
    changed: int = 0
    same: int = 0

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(self.new + other.new, self.changed + other.changed, self.same + other.same)


NEW, CHANGED, SAME = Sent(new=1), Sent(changed=1), Sent(same=1)


class Send(Protocol):
    """Brings a destination up to date; twice the same study leaves it as it is."""

    def __call__(self, study: LoggedStudy, destination: str, figures: Figures, /) -> Sent:
        """Sends; ``figures`` is called only where the report has changed."""


def sender(tracker: Tracker) -> Send:
    """The function that sends to a tracker.

    Raises:
        RungsError: its library is not installed; names the command that installs it.
    """
    require(tracker.value, f"--to {tracker.value}")
    if tracker is Tracker.tensorboard:
        from rungs.report.trackers.tensorboard import send as to_tensorboard

        return to_tensorboard
    if tracker is Tracker.mlflow:
        from rungs.report.trackers.mlflow import send as to_mlflow

        return to_mlflow
    from rungs.report.trackers.wandb import send as to_wandb

    return to_wandb


def folder_of(destination: str) -> Path:
    """A destination that is a folder, made if it is not there.

    Raises:
        UsageError: it is a file, an address, or cannot be made.
    """
    from rungs.foundation.errors import UsageError

    if "://" in destination:
        raise UsageError(f"{destination}: expected a folder, found an address")
    folder = Path(destination)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{destination}: no folder can be made there: {error.strerror}") from error
    return folder
