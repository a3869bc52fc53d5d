"""Two readings of the final recipe: the ladder as climbed, and each change left out alone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effect:
    """What a change did in one reading, fractions of test accuracy; a gain is positive.

    Attributes:
        delta: the difference.
        low: of its interval; None with one seed.
        high: the interval's other end.
        outcome: the verdict's word, said of the change.
    """

    delta: float
    low: float | None
    high: float | None
    outcome: str


@dataclass(frozen=True)
class Reading:
    """One change of the trunk in both readings.

    Attributes:
        rung: whose change it is.
        change: the change as a call.
        first: whether it is the first of its rung, which carries the rung's own effect.
        bundle: number of changes of the rung.
        climbed: the rung against the one that it stands on; None if not run, or not the first.
        left_out: the final rung against the final rung without the change; None if not run.
        why: why leaving it out has no meaning; empty where it has.
    """

    rung: str
    change: str
    first: bool
    bundle: int
    climbed: Effect | None
    left_out: Effect | None
    why: str
