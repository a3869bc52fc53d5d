"""How an ensemble's accuracy grows with its members: from the first on, and from the last on."""

from typing import Literal

from rungs.report.figures.ensembles import EnsembleReport, Growing
from rungs.report.figures.whole import ReportData


def growing(item: EnsembleReport, data: ReportData) -> Growing:
    """The growth of one ensemble, on test where its figures are shown."""
    test = data.part == "test" and bool(item.growing_test)
    part: Literal["test", "validation"] = "test" if test else "validation"
    spreads, members, gain = (
        (item.growing_test, item.member_test, item.gain)
        if test
        else (item.growing_val, item.member_val, item.gain_val)
    )
    rows = (row for table in data.baselines for row in table.others)
    grown = [row.growth for row in rows if row.name == item.name]
    return Growing(
        item,
        part,
        members.values,
        next((ways[part].forward for ways in grown if part in ways), ()),
        tuple(spread.mean for spread in spreads if spread.mean is not None),
        gain,
    )
