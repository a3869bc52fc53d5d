"""Runs that are begun and not finished: how far they are, and what is left of their plan."""

from dataclasses import dataclass

from rungs.store.results import Epoch


@dataclass(frozen=True)
class Begun:
    """A run that is not finished.

    Attributes:
        name: the rungs and ensembles that it is for, with its seed and fold.
        key: its folder's name in the store.
        epochs: those that it will have.
        history: those that it has; none in its first one.
        trained: whether it is being trained now, as far as can be told.
    """

    name: str
    key: str
    epochs: int
    history: tuple[Epoch, ...]
    trained: bool


@dataclass(frozen=True)
class UnderWay:
    """What is going on with a plan.

    Attributes:
        begun: its runs that are being trained, then those that were stopped halfway.
        trains: whether a process does runs in the store now, of this plan or of another.
        seconds_left: for the plan, on the machine that trained last; None where nobody knows.
        machine: that machine, in words; empty where nobody knows.
    """

    begun: tuple[Begun, ...] = ()
    trains: bool = False
    seconds_left: float | None = None
    machine: str = ""

    @property
    def trained(self) -> tuple[Begun, ...]:
        """The runs that are being trained now."""
        return tuple(run for run in self.begun if run.trained)
