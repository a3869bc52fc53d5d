"""Test accuracy without the test images that an audit found doubtful. Descriptive only."""

from collections.abc import Collection, Mapping

import numpy as np

from rungs.data.audit.findings import Audit
from rungs.report.figures.audited import AuditedAccuracy, AuditReport
from rungs.report.figures.spread import Spread
from rungs.statistics.predictions import BoolArray


def audited(audit: Audit, correct: Mapping[str, BoolArray]) -> AuditReport:
    """Accuracies with and without what the audit found.

    Args:
        audit: of the study's data.
        correct: rung or ensemble -> whether each test answer is right, [seeds, images].
    """
    duplicates, errors = audit.with_duplicate_in("test", "train"), audit.errors_in("test")

    def without(answers: BoolArray, left_out: Collection[int] | None) -> Spread:
        if left_out is None:
            return Spread()
        kept = np.ones(answers.shape[1], dtype=np.bool_)
        kept[[index for index in left_out if index < len(kept)]] = False
        return Spread(tuple(answers[:, kept].mean(axis=1).tolist()) if kept.any() else ())

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
