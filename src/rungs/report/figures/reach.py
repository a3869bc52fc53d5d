"""What planned seeds can show of each comparison, and what that costs."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """A number of seeds of both rungs of a comparison.

    Attributes:
        seeds: of each of the two; None where no number would do.
        shows: the true difference that is found with power 0.8, as the smallest p of the family, a
            fraction; None where nobody knows how much seeds differ.
        seconds: that training both rungs with so many seeds takes on the machine that trained
            last; None where that is not known.
    """

    seeds: int | None
    shows: float | None
    seconds: float | None


@dataclass(frozen=True)
class Reach:
    """What the seeds of one comparison can show.

    Attributes:
        rung: that is judged.
        against: the rung that it stands on.
        planned: the seeds that the plan has.
        most: those that it may come to where seeds go where they decide; None for other plans.
        margin: those that it takes to show a difference as large as the study's margin.
        known: whether it is known how much seeds differ, without which nothing of this is.
    """

    rung: str
    against: str
    planned: Step
    most: Step | None
    margin: Step
    known: bool


@dataclass(frozen=True)
class Reaches:
    """What a plan's seeds can show of its comparisons.

    Attributes:
        comparisons: in the study's order.
        margin: of the study, a fraction.
        images: of the test set.
        machine: on which seconds are reckoned, in words; empty where none has trained.
        start: seconds of all runs of the start where seeds go where they decide; None where that is
            not known, or for other plans.
        all_of_most: the same if every rung came to the most seeds.
    """

    comparisons: tuple[Reach, ...]
    margin: float
    images: int
    machine: str
    start: float | None = None
    all_of_most: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)
