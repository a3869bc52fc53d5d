"""What a tried change did on validation."""

from rungs.evidence.on_validation import answered, pooled
from rungs.report.figures.trial import Trial
from rungs.report.figures.whole import ReportData
from rungs.report.gather.judging import judge_pairs
from rungs.store import Store
from rungs.study.plan import Plan


def trial_of(data: ReportData, parent: str, tried: str, every: Plan, store: Store) -> Trial:
    """Both rungs and what their answers on validation, with folds out of them, say of the change.

    Args:
        data: a report that holds both rungs.
        parent: name of the rung that was changed.
        tried: name of the changed one, which stands on it.
        every: all rungs of the study at the same length, with as many seeds as there are: over them
            the variance between seeds is pooled.
        store: where the runs are.
    """
    before, after = data.rung(parent), data.rung(tried)
    assert before is not None
    assert after is not None
    answers = answered(every, store)
    pair = answers[tried], answers[parent]
    pool = pooled(every, answers)
    (verdict,) = judge_pairs(every.study, [pair], pool, family=1, margin=data.margin)
    return Trial(before, after, verdict)
