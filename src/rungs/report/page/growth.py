"""An ensemble as a plot: accuracy by number of members."""

from dataclasses import dataclass

from rungs.report.charts import SIDE, Axis, axis
from rungs.report.data import EnsembleReport, ReportData
from rungs.report.ensembleform import ensemble_section
from rungs.report.section import Section


@dataclass(frozen=True)
class Growing:
    """An ensemble's plot and table; per number of members, single and together, in percent.

    Attributes:
        accuracy: of all members together on ``part``, a fraction; None if there is none.
        gain: that minus the accuracy of the last member alone.
    """

    item: EnsembleReport
    section: Section
    part: str
    accuracy: float | None
    gain: float | None
    up: Axis
    across: tuple[float, ...]
    alone: tuple[float | None, ...]
    together: tuple[float | None, ...]
    line: str


def growing_ensemble(item: EnsembleReport, data: ReportData) -> Growing:
    """The plot of one ensemble, on test where its figures are shown."""
    test = data.part == "test" and bool(item.growing_test)
    growing, member = (
        (item.growing_test, item.member_test) if test else (item.growing_val, item.member_val)
    )
    together = [spread.mean for spread in growing]
    known = [100 * value for value in (*together, *member.values) if value is not None]
    up = axis(max(known, default=1.0), marks=4, most=100)
    across = [100 * (n - 0.5) / item.members for n in range(1, item.members + 1)]

    def place(value: float | None) -> float | None:
        return None if value is None else round(100 - up.place(100 * value), 2)

    return Growing(
        item,
        ensemble_section(item),
        "test" if test else "validation",
        together[-1] if together else None,
        item.gain if test else item.gain_val,
        up,
        tuple(round(at, 2) for at in across),
        tuple(map(place, member.values)),
        tuple(map(place, together)),
        " ".join(
            f"{SIDE * x / 100:.0f},{SIDE * (1 - value / (up.top / 100)):.0f}"
            for x, value in zip(across, together, strict=False)
            if value is not None
        ),
    )
