"""What a tried change did on validation."""

from rungs.report.figures.trial import Trial
from rungs.report.figures.whole import ReportData


def trial_of(data: ReportData, parent: str, tried: str) -> Trial:
    """Both rungs and the difference between them.

    Args:
        data: a report that holds both rungs.
        parent: name of the rung that was changed.
        tried: name of the changed one, which stands on it.
    """
    before, after = data.rung(parent), data.rung(tried)
    assert before is not None
    assert after is not None
    seeds = min(len(before.seeds), len(after.seeds))
    return Trial(before, after, after.val_delta_previous, seeds)
