"""What rungs answered on validation, by which everything is chosen: no part of it is the test's.

With folds each model of a seed has validation images of its own, which are evidence: then nothing
is chosen by them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rungs.evidence.kinds import kind_of
from rungs.foundation.errors import StoreError
from rungs.recipe import recipe_key
from rungs.statistics.predictions import BoolArray, ValidationLabels
from rungs.statistics.verdicts import Evidence
from rungs.store import Store
from rungs.store.results import Result
from rungs.study import Study
from rungs.study.plan import Plan, PlannedRung

# The runs of one seed: key and result of each, one or one a fold.
Group = list[tuple[str, Result]]


def answered(plan: Plan, store: Store) -> dict[str, Evidence]:
    """Rung -> its answers on the validation images, one row for each finished seed.

    Without folds those are of the epoch that was kept, which was chosen on the same images:
    accuracies are a little too high, of all rungs alike. Seeds of which a run failed have none.

    Raises:
        StoreError: something is finished and the store has no labels of the validation images.
    """
    labels = validation_labels(plan.study, store)
    found: dict[str, Evidence] = {}
    for item in plan.rungs:
        seeds = whole_seeds(item, store)
        if seeds and labels is None:
            raise StoreError(
                f"{store.root} has no labels of the validation images, which tell what is right; "
                f"`rungs run {plan.study.typed}` takes them from the data"
            )
        correct = right_on_validation(seeds, store)
        if not seeds:
            correct = np.zeros((0, 0 if labels is None else len(labels.labels)), dtype=bool)
        name = item.rung.name
        found[name] = Evidence(name, correct, kind=kind_of(item.rung.recipe))
    return found


def whole_seeds(item: PlannedRung, store: Store) -> list[Group]:
    """The runs of every seed that is finished whole, and of which none failed."""
    groups = []
    for specs in item.groups:
        if all(store.is_finished(spec.key) for spec in specs):
            group = [(spec.key, store.result(spec.key)) for spec in specs]
            if all(result.failed is None for _, result in group):
                groups.append(group)
    return groups


def validation_labels(study: Study, store: Store) -> ValidationLabels | None:
    """The labels of all validation images, with folds fold after fold.

    Returns:
        None where the store lacks any of them.
    """
    parts = []
    for spec in study.splits:
        labels = store.labels(spec.fingerprint, "validation")
        if labels is None:
            return None
        parts.append(labels)
    return replace(parts[0], labels=np.concatenate([part.labels for part in parts]))


def right_on_validation(seeds: Sequence[Group], store: Store) -> BoolArray:
    """Whether seeds answered validation images rightly.

    Args:
        seeds: the runs of each whole seed, fold after fold.
        store: with their answers, and the labels.

    Returns:
        [seeds, images], with folds the images fold after fold, each answered by the model that did
        not see it; no rows where labels are missing.

    Raises:
        StoreError: an answer is missing or damaged.
    """
    known: dict[str, ValidationLabels | None] = {}
    rows = []
    for group in seeds:
        parts = []
        for key, result in group:
            data = result.spec.data.fingerprint
            if data not in known:
                known[data] = store.labels(data, "validation")
            labels = known[data]
            if labels is None:
                return np.zeros((0, 0), dtype=bool)
            predicted = store.predictions(key, "validation", labels).predicted
            parts.append(predicted == labels.labels)
        rows.append(np.concatenate(parts))
    return np.stack(rows) if rows else np.zeros((0, 0), dtype=bool)


def pooled(plan: Plan, answers: dict[str, Evidence]) -> list[Evidence]:
    """Those answers over which the variance between seeds is pooled, each recipe's once."""
    return [
        *{
            (recipe_key(item.rung.recipe), item.epochs): answers[item.rung.name]
            for item in plan.rungs
            if item.rung.name in answers
        }.values()
    ]
