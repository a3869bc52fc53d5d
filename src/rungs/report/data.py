"""All that a report shows, gathered from a plan and a store; every output is made from this."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rungs import metrics
from rungs.audits import read_audit
from rungs.calibration import Calibration
from rungs.claims import ClaimOutcome, evaluate
from rungs.costs import Cost, LayerRow
from rungs.metrics import ClassAccuracy, Confused
from rungs.mixtures import Members, mixture
from rungs.plan import Plan, PlannedEnsemble, PlannedRung, plan
from rungs.predictions import BoolArray, Labels, SealedLabels, ValidationLabels
from rungs.recipe import Recipe
from rungs.report.audited import AuditReport, audited
from rungs.report.classes import accuracies_by_class
from rungs.report.rivals import RivalTable, rival_tables
from rungs.report.runs import RunState, describe_execution, run_states
from rungs.results import Epoch, Result
from rungs.store import Store
from rungs.study import EnsembleKind, Quantity, Reported, Study, value_at
from rungs.verdicts import Evidence, Verdict, differing, judge

# The answers of no seeds.
_NONE: BoolArray = np.zeros((0, 1), dtype=np.bool_)


@dataclass(frozen=True)
class Spread:
    """One value per finished seed."""

    values: tuple[float, ...] = ()

    @property
    def mean(self) -> float | None:
        """The mean; None while there is no value."""
        return sum(self.values) / len(self.values) if self.values else None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {"mean": self.mean, "values": list(self.values)}


@dataclass(frozen=True)
class RungReport:
    """One rung. Accuracies are fractions; validation figures are those of the best epoch.

    Attributes:
        seeds: the finished seeds, in the order of all values.
        planned_seeds: number of seeds of the plan.
        delta_previous: mean test accuracy minus that of ``after``.
        delta_base: mean test accuracy minus that of the study's base.
        train_seconds: mean over seeds.
        classes: accuracy of every class, over all seeds.
        confusion: share of each group's test images taken for each group, [true, predicted], mean
            over seeds; empty where classes have no groups or the test labels are not read.
        confused: the pairs of classes that are confused most often on test.
        history: per seed, one entry per epoch.
        failed: seed and reason of each run that failed.
        records: execution record of each finished seed.
        ceilings: what the machine did at best for each finished seed, GFLOP/s; None if unknown.
        correct: whether each test answer is right, [seeds, images]; no rows without test labels.
        top5: share of test images whose class is among the five most probable.
        calibrations: per seed; empty where only compact predictions without them are there.
        verdict: on what the rung changed; None where it stands on no other.
    """

    name: str
    title: str
    after: str | None
    kept: bool
    changes: tuple[str, ...]
    difference: tuple[str, ...]
    epochs: int
    seeds: tuple[int, ...]
    planned_seeds: int
    cost: Cost
    learning_rate: float
    best_epochs: tuple[int, ...]
    val_accuracy: Spread
    val_loss: Spread
    test_accuracy: Spread
    delta_previous: float | None
    delta_base: float | None
    train_seconds: float | None
    classes: tuple[ClassAccuracy, ...]
    confusion: tuple[tuple[float, ...], ...]
    confused: tuple[Confused, ...]
    history: tuple[tuple[Epoch, ...], ...]
    failed: tuple[tuple[int, str], ...]
    inexact: tuple[int, ...]
    notes: tuple[str, ...]
    reported: Reported
    executions: tuple[str, ...]
    records: tuple[Mapping[str, Any], ...]
    ceilings: tuple[float | None, ...]
    correct: BoolArray = field(compare=False, repr=False)
    top5: Spread
    calibrations: tuple[Calibration, ...]
    verdict: Verdict | None = None

    @property
    def extremes(self) -> tuple[tuple[str, ClassAccuracy, float], ...]:
        """Best and worst class with the share of bootstrap samples in which it is that again."""
        best, worst = self.best_class, self.worst_class
        if best is None or worst is None:
            return ()
        return (("best", best, best.best_share), ("worst", worst, worst.worst_share))

    def level_with(self, item: ClassAccuracy) -> tuple[str, ...]:
        """Names of the other classes of the very accuracy of one."""
        return tuple(
            other.name
            for other in self.classes
            if other.accuracy == item.accuracy and other.index != item.index
        )

    @property
    def best_class(self) -> ClassAccuracy | None:
        """The class of the highest accuracy; the lowest index wins a tie."""
        return max(self.classes, key=lambda item: item.accuracy, default=None)

    @property
    def worst_class(self) -> ClassAccuracy | None:
        """The class of the lowest accuracy; the lowest index wins a tie."""
        return min(self.classes, key=lambda item: item.accuracy, default=None)


@dataclass(frozen=True)
class EnsembleReport:
    """An ensemble: snapshots of one run, or runs of several seeds.

    Attributes:
        members: number of models M.
        alpha0: learning rate at the start of each cycle; None where there are no cycles.
        seeds: those of which all runs are finished.
        member_test: test accuracy of members 1 ... M, means over seeds.
        member_val: the same on validation.
        growing_test: test accuracy of the last 1, 2 ... M members together, per seed.
        growing_val: the same on validation.
        gain: mean test accuracy of all M together minus that of the last member alone.
        gain_val: the same on validation.
        single_test: the rung's own run of the same length, its best epoch.
        train_seconds: of all runs of a seed, mean over seeds.
        inexact: seeds whose run went on under another record than it began with.
        planned_seeds: number of seeds of the plan.
        records: execution record of each finished run.
        correct: whether each test answer of all M together is right, [seeds, images].
    """

    name: str
    kind: EnsembleKind
    rung: str
    epochs: int
    members: int
    alpha0: float | None
    seeds: tuple[int, ...]
    member_test: Spread
    member_val: Spread
    growing_test: tuple[Spread, ...]
    growing_val: tuple[Spread, ...]
    gain: float | None
    gain_val: float | None
    single_test: float | None
    train_seconds: float | None
    failed: tuple[tuple[int, str], ...]
    inexact: tuple[int, ...]
    planned_seeds: int
    records: tuple[Mapping[str, Any], ...]
    correct: BoolArray = field(compare=False, repr=False)


@dataclass(frozen=True)
class AssumptionReport:
    """A reading of what the study's source leaves open, with the value it has."""

    field: str
    value: Any
    rung: str
    text: str


@dataclass(frozen=True)
class ReportData:
    """Everything a report shows.

    Attributes:
        budget: name of the plan's budget.
        with_test: False if test figures are sealed or were asked to stay unread.
        sealed: whether the test set is sealed.
        revealed: number of recipes whose figures on this test set were shown, in all studies of
            the store.
        test_labels: whether the test labels were read: without them there are no test figures.
        seeds: number of seeds of the plan.
        runs: how far every run of the plan is.
        left_out: for each ensemble that the plan leaves out, why.
        rivals: every rung with ensembles, beside what they are to be held against.
        layers: per rung, the operations of its network; empty if nobody looked.
        groups: class index -> group index; empty where classes have no groups.
        group_names: index -> name.
        audit: what an audit of the data says of the test figures; None without one, or where test
            figures are not shown.
    """

    study: Study
    budget: str
    seeds: int
    with_test: bool
    sealed: bool
    revealed: int
    test_labels: bool
    environment: Mapping[str, Any]
    rungs: tuple[RungReport, ...]
    ensembles: tuple[EnsembleReport, ...]
    claims: tuple[ClaimOutcome, ...]
    assumptions: tuple[AssumptionReport, ...]
    runs: tuple[RunState, ...]
    left_out: tuple[str, ...]
    rivals: tuple[RivalTable, ...]
    layers: Mapping[str, tuple[LayerRow, ...]]
    groups: tuple[int, ...]
    group_names: tuple[str, ...]
    audit: AuditReport | None = None

    def rung(self, name: str) -> RungReport | None:
        """The rung of that name, if the report has it."""
        return next((item for item in self.rungs if item.name == name), None)

    def limited_to(self, names: Collection[str]) -> "ReportData":
        """The same report with only the rungs and ensembles of these names."""
        return replace(
            self,
            rungs=tuple(item for item in self.rungs if item.name in names),
            ensembles=tuple(item for item in self.ensembles if item.name in names),
            rivals=tuple(table for table in self.rivals if table.ensembles & set(names)),
            audit=None if self.audit is None else self.audit.limited_to(names),
        )

    @property
    def best_on_validation(self) -> RungReport | None:
        """The rung of the highest mean validation accuracy: what validation alone would choose."""
        measured = [item for item in self.rungs if item.val_accuracy.values]
        return max(measured, key=lambda item: item.val_accuracy.mean or 0.0, default=None)


def build(
    wanted: Plan,
    store: Store,
    *,
    with_test: bool,
    environment: Mapping[str, Any],
    costs: Mapping[str, Cost],
    layers: Mapping[str, tuple[LayerRow, ...]] | None = None,
    sealed: bool = False,
    added: Collection[str] = (),
    revealed: int = 0,
) -> ReportData:
    """Gathers a report from the finished runs of a plan.

    Args:
        wanted: the plan; its unfinished runs appear without figures.
        store: where results are.
        with_test: False leaves the test labels unread; so does a seal.
        environment: of this machine.
        costs: per rung: parameters, trainable parameters, FLOPs.
        layers: per rung: the operations of its network; None to go without.
        sealed: whether the study's test set is sealed.
        added: rungs that came after the test set was seen.
        revealed: number of recipes whose figures on this test set were shown.
    """
    study = wanted.study
    with_test = with_test and not sealed
    validation = store.labels(study.data.fingerprint, "validation")
    rungs, ensembles = _gather(wanted, store, with_test, costs)
    rungs = _judged(study, rungs, added)
    # Claims of a budget are held against all its runs, whatever the report at hand shows.
    budgets = {claim.budget for claim in study.claims if claim.budget is not None}
    whole = {budget: plan(study, budget=budget, seeds=wanted.seeds) for budget in budgets}
    gathered = {
        budget: _gather(full, store, with_test, costs)
        for budget, full in whole.items()
        if full != wanted
    }

    answers = {item.name: item.correct for item in rungs}
    answers |= {item.name: item.correct for item in ensembles}
    looked_through = read_audit(store.root, study.data.fingerprint) if with_test else None

    def measure(quantity: Quantity, budget: str | None) -> float | None:
        source = gathered.get(budget or wanted.budget, (rungs, ensembles))
        return _measure(quantity, study, *source)

    return ReportData(
        study=study,
        budget=wanted.budget,
        seeds=wanted.seeds,
        with_test=with_test,
        sealed=sealed,
        revealed=revealed,
        test_labels=with_test and store.labels(study.data.fingerprint, "test") is not None,
        environment=environment,
        rungs=rungs,
        ensembles=ensembles,
        claims=tuple(evaluate(claim, measure) for claim in study.claims),
        assumptions=tuple(
            AssumptionReport(
                item.field,
                value_at(study.rung(item.rung or study.base).recipe, item.field),
                item.rung or study.base,
                item.text,
            )
            for item in study.assumptions
        ),
        runs=run_states(wanted, store),
        left_out=wanted.left_out,
        rivals=rival_tables(wanted, store, costs, with_test=with_test),
        layers=layers or {},
        groups=() if validation is None else validation.groups,
        group_names=() if validation is None else validation.group_names,
        audit=None if looked_through is None else audited(looked_through, answers),
    )


def _gather(
    wanted: Plan, store: Store, with_test: bool, costs: Mapping[str, Cost]
) -> tuple[tuple[RungReport, ...], tuple[EnsembleReport, ...]]:
    fingerprint = wanted.study.data.fingerprint
    test = store.labels(fingerprint, "test") if with_test else None
    validation = store.labels(fingerprint, "validation")
    rungs: dict[str, RungReport] = {}
    for item in wanted.rungs:
        rungs[item.rung.name] = _rung(
            item, wanted, rungs, store, test, validation, costs[item.rung.name]
        )
    return tuple(rungs.values()), tuple(
        _ensemble(item, rungs, store, test, validation) for item in wanted.ensembles
    )


def _results(item: PlannedRung | PlannedEnsemble, store: Store) -> list[tuple[str, Result]]:
    """Key and result of every finished run, failed ones included, in the order of seeds."""
    return [(spec.key, store.result(spec.key)) for spec in item.runs if store.is_finished(spec.key)]


def _rung(
    item: PlannedRung,
    wanted: Plan,
    before: Mapping[str, RungReport],
    store: Store,
    test: SealedLabels | None,
    validation: ValidationLabels | None,
    cost: Cost,
) -> RungReport:
    rung = item.rung
    ended = _results(item, store)
    good = [(key, result) for key, result in ended if result.failed is None]
    best = [result.history[result.best_epoch - 1] for _, result in good]
    correct_answers = _NONE
    top5: list[float] = []
    calibrations: list[Calibration] = []
    classes: tuple[ClassAccuracy, ...] = ()
    confusion: tuple[tuple[float, ...], ...] = ()
    confused: tuple[Confused, ...] = ()
    if test is not None and good:
        answers = [store.predictions(key, "test", test) for key, _ in good]
        predicted = [one.predicted for one in answers]
        top5 = [metrics.top_accuracy(one.top5, test.labels) for one in answers]
        if validation is not None:
            each = (store.calibration(key, validation, test) for key, _ in good)
            calibrations = [one for one in each if one is not None]
        correct_answers = np.stack(predicted) == test.labels
        classes = accuracies_by_class(store, correct_answers, test)
        confused = metrics.confused_pairs(predicted, test.labels, test.class_names)
        if test.groups:
            groups, count = test.groups, len(test.group_names)
            shares = [metrics.group_confusion(one, test.labels, groups, count) for one in predicted]
            confusion = tuple(tuple(row) for row in np.mean(shares, axis=0).tolist())
    accuracy = Spread(tuple(correct_answers.mean(axis=1).tolist()))
    previous = None if rung.after is None else before.get(rung.after)
    base = before.get(wanted.study.base)
    history = tuple(result.history for _, result in good)
    return RungReport(
        name=rung.name,
        title=rung.title,
        after=rung.after,
        kept=rung.kept,
        changes=rung.changes,
        difference=tuple(str(change) for change in rung.difference),
        epochs=item.epochs,
        seeds=tuple(result.spec.seed for _, result in good),
        planned_seeds=wanted.seeds,
        cost=cost,
        learning_rate=rung.recipe.optimiser.learning_rate,
        best_epochs=tuple(result.best_epoch for _, result in good),
        val_accuracy=Spread(tuple(entry.val_accuracy for entry in best)),
        val_loss=Spread(tuple(entry.val_loss for entry in best)),
        test_accuracy=accuracy,
        delta_previous=_minus(accuracy, previous),
        delta_base=_minus(accuracy, base),
        train_seconds=Spread(tuple(result.train_seconds for _, result in good)).mean,
        classes=classes,
        confusion=confusion,
        confused=confused,
        history=history,
        failed=_failed(ended),
        inexact=tuple(result.spec.seed for _, result in good if not result.exact),
        notes=metrics.notes(history, () if previous is None else previous.history),
        reported=rung.reported,
        executions=tuple(dict.fromkeys(describe_execution(result.execution) for _, result in good)),
        records=tuple(result.execution for _, result in good),
        ceilings=tuple(result.ceiling for _, result in good),
        correct=correct_answers,
        top5=Spread(tuple(top5)),
        calibrations=tuple(calibrations) if len(calibrations) == len(good) else (),
    )


AFTER_THE_TEST = "added after the test was seen"


def _judged(
    study: Study, rungs: tuple[RungReport, ...], added: Collection[str]
) -> tuple[RungReport, ...]:
    """Every rung that stands on another with the verdict on it.

    The family is all rungs of the study that stand on another, finished or not: it does not grow
    with what happens to be finished. Rungs that were added after the test set was seen are no part
    of it; each is a family of its own, and marked. So are those that an option adds, together: the
    ladder's words do not change with them.
    """
    by_name = {rung.name: rung for rung in rungs}
    ladder = [rung.name for rung in study.rungs if rung.asked_by == "study"]
    pools = {
        "study": [rung.correct for rung in rungs if rung.name in ladder],
        "option": [rung.correct for rung in rungs],
    }

    def judged(names: Sequence[str], pool: str) -> list[Verdict]:
        pairs = []
        for name in names:
            rung, parent = by_name.get(name), by_name.get(study.rung(name).after or "")
            if rung is not None and parent is not None:
                marks: tuple[str, ...] = (AFTER_THE_TEST,) if name in added else ()
                marks = (*marks, *marks_of(study, rung, parent))
                against = Evidence(parent.name, parent.correct)
                pairs.append((Evidence(name, rung.correct, marks), against))
        return list(judge(pairs, pools[pool], family=len(names)))

    verdicts: list[Verdict] = []
    for source in dict.fromkeys(rung.asked_by for rung in study.rungs):
        asked = [rung.name for rung in study.rungs if rung.asked_by == source and rung.after]
        if source != "study":
            verdicts += judged(asked, "option")
            continue
        verdicts += judged([name for name in asked if name not in added], "study")
        for name in asked:
            if name in added:
                verdicts += judged([name], "study")
    by_rung = {verdict.name: verdict for verdict in verdicts}
    return tuple(replace(rung, verdict=by_rung.get(rung.name)) for rung in rungs)


def marks_of(
    study: Study, item: RungReport | EnsembleReport, against: RungReport | EnsembleReport
) -> tuple[str, ...]:
    """What a comparison is to be read with, beside its figures."""
    marks = []
    declared = isinstance(item, RungReport) and item.after == against.name
    changes = item.changes if isinstance(item, RungReport) and declared else ()
    if len(changes) > 1:
        marks.append(f"bundle of {len(changes)} changes")
    if item.epochs != against.epochs:
        marks.append(f"unequal budget: {item.epochs} epochs against {against.epochs}")
    if not declared:
        # Between a rung and the one that it stands on, the study itself says what differs.
        ours, theirs = _recipe(study, item), _recipe(study, against)
        for words, name in (("batch size", "batch_size"), ("precision", "precision")):
            values = getattr(ours, name), getattr(theirs, name)
            if values[0] != values[1]:
                marks.append(f"{words} differs: {values[0]} against {values[1]}")
    marks += differing(item.records, against.records)
    for one in (item, against):
        if one.failed:
            marks.append(f"{len(one.failed)} failed of {one.name}")
        missing = one.planned_seeds - len(one.seeds) - len(one.failed)
        if one.seeds and missing:
            marks.append(f"{missing} of {one.planned_seeds} seeds of {one.name} missing")
        if one.inexact:
            marks.append(f"{len(one.inexact)} of {one.name} went on under another record")
    return tuple(marks)


def _recipe(study: Study, item: RungReport | EnsembleReport) -> Recipe:
    if isinstance(item, RungReport):
        return study.rung(item.name).recipe
    return next(one.recipe for one in study.ensembles if one.name == item.name)


def _failed(ended: Sequence[tuple[str, Result]]) -> tuple[tuple[int, str], ...]:
    return tuple(
        (result.spec.seed, result.failed) for _, result in ended if result.failed is not None
    )


def _minus(accuracy: Spread, other: RungReport | None) -> float | None:
    mean = accuracy.mean
    theirs = None if other is None else other.test_accuracy.mean
    return None if mean is None or theirs is None else mean - theirs


def _ensemble(
    item: PlannedEnsemble,
    rungs: Mapping[str, RungReport],
    store: Store,
    test: Labels | None,
    validation: Labels | None,
) -> EnsembleReport:
    ensemble = item.ensemble
    ended = _results(item, store)
    finished = {key for key, result in ended if result.failed is None}
    seconds = {key: result.train_seconds for key, result in ended}
    exact = {key: result.exact for key, result in ended}
    good = {
        seed: item.members(seed)
        for seed, group in enumerate(item.groups)
        if all(spec.key in finished for spec in group)
    }

    def accuracy(members: Members, part: str, labels: Labels) -> float | None:
        answers = mixture(store, members, part, labels)
        return None if answers is None else metrics.accuracy(answers, labels.labels)

    def measured(groups: Sequence[Members], part: str, labels: Labels) -> Spread:
        found = [accuracy(members, part, labels) for members in groups]
        # An archive may lack a mixture: of some seeds alone the mean would be another figure.
        known = tuple(value for value in found if value is not None)
        return Spread(known if len(known) == len(found) else ())

    def together(part: str, labels: Labels | None) -> tuple[Spread, ...]:
        if labels is None or not good:
            return ()
        counts = range(1, ensemble.members + 1)
        spreads = [measured([all_[-k:] for all_ in good.values()], part, labels) for k in counts]
        return tuple(spreads) if all(spread.values for spread in spreads) else ()

    def alone(part: str, labels: Labels | None) -> Spread:
        if labels is None or not good:
            return Spread()
        return Spread(
            tuple(
                measured([(all_[m],) for all_ in good.values()], part, labels).mean or 0.0
                for m in range(ensemble.members)
            )
        )

    def gain(spreads: Sequence[Spread]) -> float | None:
        last, whole = (spreads[0].mean, spreads[-1].mean) if spreads else (None, None)
        return None if last is None or whole is None else whole - last

    answers = [
        found == test.labels
        for members in good.values()
        if test is not None and (found := mixture(store, members, "test", test)) is not None
    ]
    single = rungs.get(ensemble.rung)
    growing_test = together("test", test)
    growing_val = together("validation", validation)
    return EnsembleReport(
        name=ensemble.name,
        kind=ensemble.kind,
        rung=ensemble.rung,
        epochs=item.epochs,
        members=ensemble.members,
        alpha0=ensemble.recipe.optimiser.learning_rate if ensemble.kind == "snapshots" else None,
        seeds=tuple(good),
        member_test=alone("test", test),
        member_val=alone("validation", validation),
        growing_test=growing_test,
        growing_val=growing_val,
        gain=gain(growing_test),
        gain_val=gain(growing_val),
        single_test=None if single is None else single.test_accuracy.mean,
        train_seconds=Spread(
            tuple(sum(seconds[spec.key] for spec in item.groups[seed]) for seed in good)
        ).mean,
        failed=_failed(ended),
        inexact=tuple(
            seed for seed in good if not all(exact[spec.key] for spec in item.groups[seed])
        ),
        planned_seeds=len(item.groups),
        records=tuple(result.execution for _, result in ended if result.failed is None),
        correct=np.stack(answers) if answers and len(answers) == len(good) else _NONE,
    )


def _measure(
    quantity: Quantity,
    study: Study,
    rungs: Sequence[RungReport],
    ensembles: Sequence[EnsembleReport],
) -> float | None:
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

    match quantity.measure:
        case "parameters":
            return float(rung.cost[0])
        case "learning_rate":
            return rung.learning_rate
        case "test_accuracy":
            return rung.test_accuracy.mean
        case "val_accuracy":
            return rung.val_accuracy.mean
        case "val_loss":
            return rung.val_loss.mean
        case "tested_epoch":
            return over_seeds(rung.best_epochs)
        case "best_epoch":
            return over_seeds([metrics.best_epoch(history) for history in rung.history])
        case "gap":
            return over_seeds([metrics.gap(history) for history in rung.history])
        case "roughness":
            return over_seeds([metrics.roughness(history) for history in rung.history])
        case "late_gain":
            return over_seeds([metrics.late_gain(history) for history in rung.history])
        case "best_class_accuracy":
            return None if rung.best_class is None else rung.best_class.accuracy
        case "worst_class_accuracy":
            return None if rung.worst_class is None else rung.worst_class.accuracy
        case _:
            raise ValueError(f"{quantity.measure} is no measure of a rung")
