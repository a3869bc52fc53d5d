"""What a tried change did on validation."""

from dataclasses import dataclass

from rungs.report.figures.rungs import RungReport
from rungs.statistics.verdicts import Verdict


@dataclass(frozen=True)
class Trial:
    """A rung and the same with a change; nothing of the test set.

    Attributes:
        before: the rung that was changed.
        after: the changed one.
        verdict: on the difference of their validation accuracies, of this comparison alone.
    """

    before: RungReport
    after: RungReport
    verdict: Verdict
