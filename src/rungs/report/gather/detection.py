"""Seeds that it takes to find a difference: planned on validation, so that test stays sealed."""

import numpy as np

from rungs.evidence.on_validation import answered
from rungs.foundation.errors import RungsError
from rungs.report.figures.detection import Detection
from rungs.statistics.levels import ALPHA, POWER
from rungs.statistics.power import components, seeds_for
from rungs.store import Store
from rungs.study.plan import Plan


def seeds_needed(plan: Plan, store: Store, points: float) -> Detection:
    """How many seeds a study needs to find a true difference between a rung and its parent.

    How much recipes vary between seeds and images is taken from the validation answers of the
    finished runs, as means over all pairs of rungs that have two seeds at least.

    Args:
        plan: the study at one budget.
        store: where its finished runs are.
        points: the difference in percentage points of accuracy.

    Raises:
        RungsError: no two seeds of two rungs that stand on each other are finished, or the store
            has no labels.
    """
    if plan.study.folds is not None:
        raise RungsError(
            f"study '{plan.study.name}' has folds, of which more seeds make little: images and "
            "training sets stay the same; what its seeds could show stands beside each verdict in "
            f"`rungs report {plan.study.typed}`"
        )
    answers = answered(plan, store)
    pairs = [
        (answers[rung.name].correct, answers[rung.after].correct)
        for rung in plan.study.rungs
        if rung.name in answers and rung.after in answers
    ]
    found = components(pairs)
    if found is None:
        raise RungsError(
            "how much seeds differ is not known yet: it takes two finished seeds of a rung and of "
            "the one that it stands on, such as by `rungs run STUDY --seeds 2`"
        )
    images = plan.study.data.sizes["test"]
    family = sum(rung.after is not None for rung in plan.study.rungs)
    seeds = seeds_for(
        points / 100,
        found,
        images=images,
        recipes=len(plan.study.rungs),
        family=family,
        alpha=ALPHA,
        wanted=POWER,
    )
    return Detection(
        points=points,
        seeds=seeds,
        power=POWER,
        family=family,
        seed_deviation=100 * float(np.sqrt(found.seed + found.interaction / images)),
        image_deviation=100 * float(np.sqrt(found.image / images)),
        images=images,
    )
