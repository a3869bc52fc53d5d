"""How an ensemble's accuracy grows with its members: from the first on, and from the last on."""

from dataclasses import dataclass
from typing import Literal

from rungs.report.data import EnsembleReport, ReportData


@dataclass(frozen=True)
class Growing:
    """Accuracies by number of members on one part, fractions, means over seeds.

    Attributes:
        item: the ensemble.
        part: of the data.
        alone: members 1 ... M, each alone.
        first: the first 1, 2 ... M together; empty where that is not known.
        last: the last 1, 2 ... M together.
        gain: all together minus the last member alone; None if there is no figure.
    """

    item: EnsembleReport
    part: Literal["test", "validation"]
    alone: tuple[float, ...]
    first: tuple[float, ...]
    last: tuple[float, ...]
    gain: float | None

    @property
    def accuracy(self) -> float | None:
        """Of all members together."""
        return self.last[-1] if self.last else None


def growing(item: EnsembleReport, data: ReportData) -> Growing:
    """The growth of one ensemble, on test where its figures are shown."""
    test = data.part == "test" and bool(item.growing_test)
    part: Literal["test", "validation"] = "test" if test else "validation"
    spreads, members, gain = (
        (item.growing_test, item.member_test, item.gain)
        if test
        else (item.growing_val, item.member_val, item.gain_val)
    )
    grown = [row.growth for table in data.rivals for row in table.rivals if row.name == item.name]
    return Growing(
        item,
        part,
        members.values,
        next((ways[part].forward for ways in grown if part in ways), ()),
        tuple(spread.mean for spread in spreads if spread.mean is not None),
        gain,
    )
