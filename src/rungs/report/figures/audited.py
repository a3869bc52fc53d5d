"""Test accuracy without the test images that an audit found doubtful. Descriptive only."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from rungs.report.figures.spread import Spread


@dataclass(frozen=True)
class AuditedAccuracy:
    """One rung or ensemble; a fraction per finished seed.

    Attributes:
        name: of the rung or ensemble.
        official: on all test images.
        without_duplicates: on those without a duplicate in training.
        without_label_errors: on those without a probable label error; empty if nobody looked.
    """

    name: str
    official: Spread
    without_duplicates: Spread
    without_label_errors: Spread


@dataclass(frozen=True)
class AuditReport:
    """What an audit of the study's data says of its test figures.

    Attributes:
        duplicates: test images with a duplicate in training.
        label_errors: test images with a probable label error; None if nobody looked.
        accuracies: of every rung and ensemble with test answers.
    """

    duplicates: int
    label_errors: int | None
    accuracies: tuple[AuditedAccuracy, ...]

    def limited_to(self, names: Collection[str]) -> "AuditReport":
        """The same with only the rungs and ensembles of these names."""
        kept = tuple(item for item in self.accuracies if item.name in names)
        return replace(self, accuracies=kept)
