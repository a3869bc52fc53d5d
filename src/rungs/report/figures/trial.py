"""What a tried change did on validation."""

from dataclasses import dataclass

from rungs.report.figures.rungs import RungReport


@dataclass(frozen=True)
class Trial:
    """A rung and the same with a change; nothing of the test set.

    Attributes:
        before: the rung that was changed.
        after: the changed one.
        difference: mean validation accuracy of ``after`` minus that of ``before``, a fraction;
            None while one of them is not finished.
        seeds: of the side that has fewer.
    """

    before: RungReport
    after: RungReport
    difference: float | None
    seeds: int
