"""The quantities that claims are made of, read off a report."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from rungs.evidence import metrics
from rungs.report.figures.ensembles import EnsembleReport
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.spread import Spread
from rungs.store import Store
from rungs.store.results import Epoch, RunSpec
from rungs.study import Quantity, Study
from rungs.study.jobs import with_finished_seeds
from rungs.study.plan import Plan, plan

# Measures of the test set.
ON_TEST = {
    "test_accuracy",
    "best_class_accuracy",
    "worst_class_accuracy",
    "ensemble_test_accuracy",
    "ensemble_gain",
}


def is_unread(
    quantity: Quantity, rungs: Sequence[RungReport], ensembles: Sequence[EnsembleReport]
) -> bool:
    """Whether a quantity lacks nothing but the test labels, where nobody reads these."""
    of: tuple[RungReport | EnsembleReport, ...] = (*rungs, *ensembles)
    name = quantity.rung or quantity.ensemble
    return quantity.measure in ON_TEST and any(item.name == name and item.seeds for item in of)


def measure(
    quantity: Quantity,
    study: Study,
    rungs: Sequence[RungReport],
    ensembles: Sequence[EnsembleReport],
) -> float | None:
    """A quantity's value; None while what it needs is not finished."""
    if quantity.part is not None:
        return float(study.data.sizes[quantity.part])
    if quantity.ensemble is not None:
        ensemble = next((item for item in ensembles if item.name == quantity.ensemble), None)
        if ensemble is None:
            return None
        if quantity.measure == "ensemble_gain":
            return ensemble.gain
        return ensemble.growing_test[-1].mean if ensemble.growing_test else None
    rung = next((item for item in rungs if item.name == quantity.rung), None)
    return None if rung is None else _measure_rung(quantity, rung)


def _measure_rung(quantity: Quantity, rung: RungReport) -> float | None:
    def over_seeds(values: Sequence[float]) -> float | None:
        return Spread(tuple(values)).mean

    def over_curves(of: Callable[[Sequence[Epoch]], float]) -> float | None:
        # Of a run that was recorded there may be no curve, or not all of it.
        told = all(map(metrics.is_told, rung.history))
        return over_seeds([of(history) for history in rung.history]) if told else None

    match quantity.measure:
        case "parameters":
            return None if rung.cost[0] is None else float(rung.cost[0])
        case "learning_rate":
            return rung.learning_rate
        case "test_accuracy":
            return rung.test_accuracy.mean
        case "val_accuracy":
            return rung.val_accuracy.mean
        case "val_loss":
            return rung.val_loss.mean
        case "tested_epoch":
            return over_seeds(rung.best_epochs) if all(rung.best_epochs) else None
        case "best_epoch":
            return over_curves(metrics.best_epoch)
        case "gap":
            return over_curves(metrics.gap)
        case "roughness":
            return over_curves(metrics.roughness)
        case "late_gain":
            return over_curves(metrics.late_gain)
        case "best_class_accuracy":
            return None if rung.best_class is None else rung.best_class.accuracy
        case "worst_class_accuracy":
            return None if rung.worst_class is None else rung.worst_class.accuracy
        case _:
            raise ValueError(f"{quantity.measure} is no measure of a rung")


def in_budget(shown: Plan, budget: str, store: Store) -> Plan:
    """All runs of a budget, of as many seeds as a report has that shows figures of it."""
    whole = plan(shown.study, budget=budget, seeds=shown.seeds)
    if budget == shown.budget:
        return whole.with_seeds({item.rung.name: item.seeds for item in shown.rungs})
    return whole if shown.adaptive is None else with_finished_seeds(whole, store)


def claimed_runs(shown: Plan, store: Store) -> list[RunSpec]:
    """The runs of other budgets whose test figures a report shows, since claims ask for them."""
    names: dict[str, set[str]] = {}
    for claim in shown.study.claims:
        for item in (claim.quantity, claim.than):
            name = None if item is None else item.rung or item.ensemble
            if claim.budget is None or claim.budget == shown.budget or name is None:
                continue
            if item is not None and item.measure in ON_TEST:
                names.setdefault(claim.budget, set()).add(name)
    return [
        run
        for budget, only in names.items()
        for run in _only(in_budget(shown, budget, store), only).runs
    ]


def _only(whole: Plan, names: Collection[str]) -> Plan:
    return replace(
        whole,
        rungs=tuple(item for item in whole.rungs if item.rung.name in names),
        ensembles=tuple(item for item in whole.ensembles if item.ensemble.name in names),
    )
