"""Test accuracy without the test images that an audit found doubtful. Descriptive only."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from rungs.data.audit.findings import Audit
from rungs.statistics.predictions import BoolArray


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
    official: tuple[float, ...]
    without_duplicates: tuple[float, ...]
    without_label_errors: tuple[float, ...]


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


def audited(audit: Audit, correct: Mapping[str, BoolArray]) -> AuditReport:
    """Accuracies with and without what the audit found.

    Args:
        audit: of the study's data.
        correct: rung or ensemble -> whether each test answer is right, [seeds, images].
    """
    duplicates, errors = audit.with_duplicate_in("test", "train"), audit.errors_in("test")

    def without(answers: BoolArray, left_out: Collection[int] | None) -> tuple[float, ...]:
        if left_out is None:
            return ()
        kept = np.ones(answers.shape[1], dtype=np.bool_)
        kept[[index for index in left_out if index < len(kept)]] = False
        return tuple(answers[:, kept].mean(axis=1).tolist()) if kept.any() else ()

    return AuditReport(
        duplicates=len(duplicates),
        label_errors=None if errors is None else len(errors),
        accuracies=tuple(
            AuditedAccuracy(
                name, without(answers, ()), without(answers, duplicates), without(answers, errors)
            )
            for name, answers in correct.items()
            if len(answers)
        ),
    )
