"""Rounds of seeds: what was decided when, and what it cost."""

from dataclasses import asdict, dataclass
from typing import Any

from rungs.study.rounds import Decision


@dataclass(frozen=True)
class RoundReport:
    """A round of seeds that is over.

    Attributes:
        seeds: that it went up to.
        runs: that were trained for it.
        seconds: of training that these took, added up.
        decided: when, in UTC, as ISO 8601 writes it.
        closed: the comparisons that it closed.
        left_open: those that it left open.
    """

    seeds: int
    runs: int
    seconds: float
    decided: str
    closed: tuple[Decision, ...]
    left_open: tuple[Decision, ...]


@dataclass(frozen=True)
class SeedRounds:
    """Seeds where they decide, as far as a study has come with them.

    Attributes:
        start: seeds that every rung gets.
        most: seeds that no rung goes beyond; None where the study asks for one number by now.
        rounds: those that are over.
        following: seeds that the next round goes up to; None if there is none.
        to_do: runs of the round that is under way that are not finished.
        runs: of all rounds that are over.
        seconds: of training that these took, added up.
    """

    start: int
    most: int | None
    rounds: tuple[RoundReport, ...]
    following: int | None
    to_do: int
    runs: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)
