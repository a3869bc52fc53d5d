"""What rungs answered on validation, by which everything is chosen: no part of it is the test's."""

import numpy as np

from rungs.evidence.kinds import kind_of
from rungs.foundation.errors import StoreError
from rungs.recipe import recipe_key
from rungs.statistics.predictions import BoolArray
from rungs.statistics.verdicts import Evidence
from rungs.store import Store
from rungs.study.plan import Plan


def answered(plan: Plan, store: Store) -> dict[str, Evidence]:
    """Rung -> its answers on the validation images, one row for each finished seed.

    Those are of the epoch that was kept, which was chosen on the same images: accuracies are a
    little too high, of all rungs alike. Runs that failed have none.

    Raises:
        StoreError: something is finished and the store has no labels of the validation images.
    """
    labels = store.labels(plan.study.data.fingerprint, "validation")
    found: dict[str, Evidence] = {}
    for item in plan.rungs:
        keys = [
            spec.key
            for spec in item.runs
            if store.is_finished(spec.key) and store.result(spec.key).failed is None
        ]
        if keys and labels is None:
            raise StoreError(
                f"{store.root} has no labels of the validation images, which tell what is right; "
                f"`rungs run {plan.study.source}` takes them from the data"
            )
        correct: BoolArray = np.zeros((0, 0 if labels is None else len(labels.labels)), dtype=bool)
        if keys and labels is not None:
            right = [store.predictions(key, "validation", labels).predicted for key in keys]
            correct = np.stack(right) == labels.labels
        name = item.rung.name
        found[name] = Evidence(name, correct, kind=kind_of(item.rung.recipe))
    return found


def pooled(plan: Plan, answers: dict[str, Evidence]) -> list[Evidence]:
    """The answers over which the variance between seeds is pooled, each recipe's once."""
    return [
        *{
            (recipe_key(item.rung.recipe), item.epochs): answers[item.rung.name]
            for item in plan.rungs
        }.values()
    ]
