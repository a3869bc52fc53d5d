"""One value for each finished seed, and the mean of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rungs.statistics.predictions import BoolArray

# The answers of no seeds.
NO_ANSWERS: BoolArray = np.zeros((0, 1), dtype=np.bool_)


def mean(values: Sequence[float]) -> float | None:
    """The mean; None of no values."""
    return sum(values) / len(values) if values else None


def difference(one: float | None, other: float | None) -> float | None:
    """``one`` minus ``other``; None where one of them is not known."""
    return None if one is None or other is None else one - other


@dataclass(frozen=True)
class Spread:
    """One value per finished seed."""

    values: tuple[float, ...] = ()

    @property
    def mean(self) -> float | None:
        """The mean; None while there is no value."""
        return mean(self.values)

    @property
    def deviation(self) -> float | None:
        """The standard deviation that these values show, by n - 1; None of fewer than two."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None

    @property
    def low(self) -> float | None:
        """The least value; None while there is none."""
        return min(self.values, default=None)

    @property
    def high(self) -> float | None:
        """The greatest value; None while there is none."""
        return max(self.values, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {"mean": self.mean, "values": list(self.values)}
