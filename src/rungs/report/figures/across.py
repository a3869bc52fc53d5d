"""Two studies, or one in two stores, rung by rung."""

from dataclasses import dataclass
from typing import Any, Literal

from rungs.statistics.verdicts import Verdict


@dataclass(frozen=True)
class Pair:
    """A rung or an ensemble of the first, and what it is held against of the second.

    Attributes:
        name: in the first; in the second where only that has it.
        against: in the second; None where one of both lacks it.
        differs: what recipe and length differ in, ``FIELD: SECOND -> FIRST``; empty where they are
            the same, or one is missing.
        verdict: on the first against the second; None where they cannot be compared.
        why: they cannot; empty where they can.
    """

    name: str
    against: str | None = None
    differs: tuple[str, ...] = ()
    verdict: Verdict | None = None
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "name": self.name,
            "against": self.against,
            "differs": list(self.differs),
            "verdict": None if self.verdict is None else self.verdict.to_dict(),
            "why": self.why or None,
        }


@dataclass(frozen=True)
class Across:
    """Two studies, or one in two stores, rung by rung.

    Attributes:
        first: in words: study, budget and store.
        second: likewise.
        on: which images the differences are of; ``folds`` are those that models did not see.
        instead: why they are of validation and not of test, in words; empty where they are not.
        pairs: in the order of the first, then what only the second has.
    """

    first: str
    second: str
    on: Literal["test", "validation", "folds"]
    instead: str
    pairs: tuple[Pair, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "first": self.first,
            "second": self.second,
            "on": self.on,
            "instead": self.instead or None,
            "pairs": [pair.to_dict() for pair in self.pairs],
        }
