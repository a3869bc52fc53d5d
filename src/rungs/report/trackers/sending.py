"""What every tracker's module offers, and how a study gets there."""

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from rungs.foundation.extras import require
from rungs.report.trackers.sent import Figures, Sent

if TYPE_CHECKING:  # every command would load numpy
    from rungs.report.trackers.logged import LoggedStudy


class Tracker(StrEnum):
    """Where studies can be logged to; each is an extra of that name."""

    tensorboard = "tensorboard"
    mlflow = "mlflow"
    wandb = "wandb"


class Send(Protocol):
    """Brings a destination up to date; twice the same study leaves it as it is."""

    def __call__(self, study: "LoggedStudy", destination: str, figures: Figures, /) -> Sent:
        """Sends; ``figures`` is called only where the report has changed."""


def sender(tracker: Tracker) -> Send:
    """The function that sends to a tracker.

    Raises:
        RungsError: its library is not installed; names the command that installs it.
    """
    require(tracker.value, f"--to {tracker.value}")
    if tracker is Tracker.tensorboard:
        from rungs.report.trackers.to_tensorboard import send as to_tensorboard

        return to_tensorboard
    if tracker is Tracker.mlflow:
        from rungs.report.trackers.to_mlflow import send as to_mlflow

        return to_mlflow
    from rungs.report.trackers.to_wandb import send as to_wandb

    return to_wandb
