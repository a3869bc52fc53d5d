"""How many seeds a study trains: a number for all rungs, or rounds of them where they decide."""

from dataclasses import dataclass
from typing import Literal

# What stands in place of a number where seeds are to go where they decide.
AUTO: Literal["auto"] = "auto"
# A number of seeds for every rung; ``auto``; or None for what the study says.
SeedsAsked = int | Literal["auto"] | None


@dataclass(frozen=True)
class Adaptive:
    """Seeds in rounds: every rung gets ``start``, then some get more, up to ``most``.

    Attributes:
        start: seeds that every rung gets, two at least: one tells nothing of another.
        most: seeds that no rung goes beyond.
    """

    start: int = 2
    most: int = 8

    def __str__(self) -> str:
        return f"{self.start} to {self.most}, where they decide"

    def after(self, seeds: int) -> int | None:
        """How many seeds the round after one of ``seeds`` goes up to; None if that was the last.

        Fibonacci's numbers, 2, 3, 5, 8, 13 ...: each round costs more than the one before it, but
        never as much as all that were before.
        """
        one, following = 1, 2
        while following <= seeds:
            one, following = following, one + following
        return min(following, self.most) if seeds < self.most else None
