"""Accuracy against what it costs: which rungs are beaten on both counts, and which by none."""

from dataclasses import dataclass

PARAMETERS = "parameters"
FLOPS = "FLOPs an image"
SECONDS = "seconds of training"
# Everything that accuracy is held against; seconds only where they can be compared.
COSTS = (PARAMETERS, FLOPS, SECONDS)


@dataclass(frozen=True)
class Untimed:
    """Rungs whose seconds are not held against those of others, by the reason; all by name.

    Attributes:
        beside: a run of theirs was trained beside others, which slowed it.
        unknown: of a run of theirs nobody noted whether it was trained alone.
        unlike: of the rest, not all had one kind of processor and as many threads.
    """

    beside: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """All of them."""
        return frozenset((*self.beside, *self.unknown, *self.unlike))


@dataclass(frozen=True)
class Dot:
    """A rung beside what it costs.

    Attributes:
        rung: its name.
        kept: whether it was kept.
        cost: in the unit of its `Tradeoff`.
        accuracy: mean over seeds, a fraction.
        best: whether no other rung is as accurate for less, or more accurate for as much.
    """

    rung: str
    kept: bool
    cost: float
    accuracy: float
    best: bool


@dataclass(frozen=True)
class Tradeoff:
    """Accuracy against one cost.

    Attributes:
        cost: its name and unit, one of `COSTS`.
        dots: the rungs that were measured, in the ladder's order.
        frontier: the dots that no other beats, by rising cost (the Pareto set).
    """

    cost: str
    dots: tuple[Dot, ...]
    frontier: tuple[Dot, ...]
