"""From a plan and a store to a report: every figure is taken here, from what finished runs left."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rungs.data.audit.findings import read_audit
from rungs.evidence.claims import evaluate, weighed
from rungs.evidence.on_validation import validation_labels
from rungs.evidence.seal import Hindsight, read_seal, reveal, times_revealed
from rungs.foundation.environment import environment
from rungs.report.figures.caveats import AFTER_THE_TEST
from rungs.report.figures.ensembles import Answering, EnsembleReport
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import AssumptionReport, ReportData
from rungs.report.gather.audited import audited
from rungs.report.gather.baselines import baseline_tables
from rungs.report.gather.comparison import claim_verdict, climbed
from rungs.report.gather.derived import with_derived
from rungs.report.gather.ensembles import ensemble_report
from rungs.report.gather.judging import judged, judged_on_validation
from rungs.report.gather.measured import constant_answer, rung_report
from rungs.report.gather.quantities import (
    claimed_runs,
    in_budget,
    is_unread,
    measure,
)
from rungs.report.gather.rounds import seed_rounds
from rungs.report.gather.runs import run_states
from rungs.report.gather.under_way import under_way
from rungs.store import Store
from rungs.study import Quantity, value_at
from rungs.study.costs import UNKNOWN, Cost, LayerRow, answering_flops, costs, layer_tables
from rungs.study.plan import Plan, PlannedEnsemble, PlannedRung

_Gathered = tuple[tuple[RungReport, ...], tuple[EnsembleReport, ...]]


def gather(wanted: Plan, store: Store, *, with_test: bool, new_layers: bool = True) -> ReportData:
    """The report of a plan, as of now; test figures only where the study's seal is broken.

    Args:
        wanted: the plan.
        store: where results are.
        with_test: False leaves the test labels unread.
        new_layers: False to go without the operations of networks that nobody has looked at yet,
            for which torch is loaded.
    """
    study = wanted.study
    known = costs(study, store)
    answering = [name for name, cost in known.items() if cost != UNKNOWN]
    seal = read_seal(store.root, study)
    if seal is not None and with_test:
        # Those of ensembles too: their schedule makes them recipes of their own.
        tested = (
            run.recipe
            for run in (*wanted.runs, *claimed_runs(wanted, store))
            if store.is_finished(run.key) and store.result(run.key).failed is None
        )
        seal = reveal(store, study, seal, tested)
    return build(
        wanted,
        store,
        with_test=with_test,
        environment=environment(),
        costs=known,
        layers=layer_tables(study, store, answering, known=not new_layers),
        sealed=seal is None,
        hindsight=None if seal is None else seal.hindsight(study),
        revealed=times_revealed(store, study),
    )


def build(
    wanted: Plan,
    store: Store,
    *,
    with_test: bool,
    environment: Mapping[str, Any],
    costs: Mapping[str, Cost],
    layers: Mapping[str, tuple[LayerRow, ...]] | None = None,
    sealed: bool = False,
    hindsight: Hindsight | None = None,
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
        hindsight: what came after the test set was seen; None for nothing.
        revealed: number of recipes whose figures on this test set were shown.
    """
    study = wanted.study
    with_test = with_test and not sealed
    validation = validation_labels(study, store)
    hindsight = hindsight or Hindsight()
    rungs, ensembles = _gather(wanted, store, with_test, costs, hindsight)
    margin = study.margin if hindsight.margin is None else hindsight.margin
    # What the file says now of looks counts only while nothing was seen.
    looks = study.looks if hindsight.looks is None else hindsight.looks
    rungs = judged(study, rungs, hindsight.added, hindsight.least_family, margin, looks)
    if validation is not None:
        rungs = judged_on_validation(wanted, rungs, store, margin)
    # Claims of a budget are held against all its runs, whatever the report at hand shows.
    budgets = {claim.budget for claim in study.claims if claim.budget is not None}
    whole = {budget: in_budget(wanted, budget, store) for budget in budgets}
    gathered = {
        budget: _gather(full, store, with_test, costs, hindsight)
        for budget, full in whole.items()
        if full != wanted
    }

    answers = {item.name: item.tested for item in rungs}
    answers |= {item.name: item.correct for item in ensembles}
    looked_through = read_audit(store.root, study.data.fingerprint) if with_test else None

    shown = store.labels(study.data.fingerprint, "test") if with_test else None
    labelled = shown is not None

    def source(budget: str | None) -> _Gathered:
        return gathered.get(budget or wanted.budget, (rungs, ensembles))

    def value(quantity: Quantity, budget: str | None) -> float | None:
        return measure(quantity, study, *source(budget))

    def unread(quantity: Quantity, budget: str | None) -> bool:
        return not labelled and is_unread(quantity, *source(budget))

    data = ReportData(
        study=study,
        budget=wanted.budget,
        seeds=wanted.seeds,
        with_test=with_test,
        sealed=sealed,
        added=frozenset(hindsight.added),
        margin=margin,
        revealed=revealed,
        test_labels=labelled,
        environment=environment,
        rungs=rungs,
        ensembles=ensembles,
        claims=tuple(evaluate(claim, value, unread) for claim in study.claims),
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
        baselines=baseline_tables(
            wanted, store, costs, with_test=with_test, hindsight=hindsight, margin=margin
        ),
        layers=layers or {},
        constant_answer=constant_answer(shown if labelled else validation),
        groups=() if validation is None else validation.groups,
        group_names=() if validation is None else validation.group_names,
        elsewhere={budget: (*rungs, *others) for budget, (rungs, others) in gathered.items()},
        audit=None if looked_through is None else audited(looked_through, answers),
        rounds=seed_rounds(wanted, store),
        under_way=under_way(wanted, store, costs),
    )
    verdicts = tuple(claim_verdict(data, claim) for claim in study.claims)
    claims = map(weighed, data.claims, study.claims, verdicts)
    told = replace(data, claims=tuple(claims), claim_verdicts=verdicts, climb=climbed(data))
    return with_derived(told)


def _gather(
    wanted: Plan,
    store: Store,
    with_test: bool,
    costs: Mapping[str, Cost],
    hindsight: Hindsight,
) -> _Gathered:
    fingerprint = wanted.study.data.fingerprint
    test = store.labels(fingerprint, "test") if with_test else None
    validation = validation_labels(wanted.study, store)
    rungs: dict[str, RungReport] = {}
    for item in wanted.rungs:
        cost, answers = costs[item.rung.name], answering_flops(item.rung, costs)
        rung = rung_report(item, wanted, rungs, store, test, validation, cost, answers)
        notes = (AFTER_THE_TEST,) if rung.name in hindsight.added else ()
        rungs[rung.name] = replace(
            rung, notes=(*notes, *rung.notes), late=_late(item, rung, hindsight)
        )
    ensembles = []
    for planned in wanted.ensembles:
        ensemble = ensemble_report(planned, rungs, store, test, validation)
        ensembles.append(replace(ensemble, late=_late(planned, ensemble, hindsight)))
    return tuple(rungs.values()), tuple(ensembles)


def _late(
    item: PlannedRung | PlannedEnsemble, found: Answering, hindsight: Hindsight
) -> tuple[int, ...]:
    """The seeds of something that was not late itself whose runs came after the test was seen."""
    if found.name in hindsight.added:
        return ()
    # Seeds for a look that was asked for beforehand are no afterthought.
    awaited = max(hindsight.looks or (0,))
    return tuple(
        seed
        for seed in found.seeds
        if (seed >= awaited or item.groups[seed][0].recorded)
        and hindsight.is_late(item.groups[seed])
    )
