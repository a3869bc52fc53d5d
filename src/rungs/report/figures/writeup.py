"""What a study written up needs beside the report's figures."""

from dataclasses import dataclass

from rungs.report.figures.rungs import RungReport
from rungs.statistics.verdicts import Verdict


@dataclass(frozen=True)
class Ends:
    """The base and the final rung, both trained for the same number of epochs.

    Attributes:
        budget: of the study, by its name; need not be the report's.
        base: the base, with a finished seed.
        final: the final rung, with a finished seed.
        verdict: on the final rung against the base on test, or with folds on what models did not
            see; None where no test figures are shown.
    """

    budget: str
    base: RungReport
    final: RungReport
    verdict: Verdict | None
