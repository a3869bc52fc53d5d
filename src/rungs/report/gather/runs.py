"""How far each run of a plan is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from rungs.report.figures.runs import Ended, RunState, fold_words, names_of
from rungs.store import Store
from rungs.store.notes import all_notes
from rungs.store.results import Result, RunSpec
from rungs.study.plan import Plan, PlannedEnsemble, PlannedRung


def run_states(plan: Plan, store: Store | None) -> tuple[RunState, ...]:
    """Every run of a plan, in the order of doing.

    Args:
        plan: the runs that are wanted.
        store: where results are; None if there is none yet.
    """
    noted = {} if store is None else all_notes(store.root)
    states = (_state(spec, plan, store) for spec in plan.runs)
    return tuple(
        replace(state, notes=noted[state.key].notes, tags=noted[state.key].tags)
        if state.key in noted
        else state
        for state in states
    )


def ended_by_name(plan: Plan, store: Store | None) -> dict[str, Ended]:
    """For each rung and ensemble of a plan, its runs that finished and those that failed."""
    items = [(item.rung.name, item.runs) for item in plan.rungs]
    items += [(item.ensemble.name, item.runs) for item in plan.ensembles]
    return {name: _ended(runs, store) for name, runs in items}


def _ended(runs: Sequence[RunSpec], store: Store | None) -> Ended:
    over = [run.key for run in runs if store is not None and store.is_finished(run.key)]
    failed = [key for key in over if store is not None and store.result(key).failed is not None]
    return Ended(tuple(key for key in over if key not in failed), tuple(failed))


def _state(spec: RunSpec, plan: Plan, store: Store | None) -> RunState:
    name = names_of(spec, plan)
    if store is None or not store.is_finished(spec.key):
        done = 0 if store is None else store.epochs_done(spec.key)
        state: Literal["begun", "to do"] = "begun" if done else "to do"
        fold = fold_words(spec)
        origin = "to be recorded" if spec.recorded else ""
        return RunState(
            name, spec.seed, spec.key, state, spec.epochs, done, origin=origin, fold=fold
        )
    result = store.result(spec.key)
    return RunState(
        name,
        spec.seed,
        spec.key,
        "finished" if result.failed is None else "failed",
        spec.epochs,
        len(result.history),
        result.best_epoch or None,
        result.train_seconds if result.timed else None,
        describe_execution(result.execution),
        result.exact,
        result.failed or "",
        describe_origin(result),
        fold_words(spec),
    )


def describe_origin(result: Result) -> str:
    """Where a run comes from if it was not trained by itself here; else empty.

    That is another run with which it shares epochs, or a training elsewhere.
    """
    if result.spec.recorded:
        return "recorded"
    if result.read_off is not None:
        return f"read off from run {result.read_off}"
    return "" if result.extends is None else f"continues run {result.extends}"


def describe_execution(record: Mapping[str, Any]) -> str:
    """An execution record in one line."""
    if "recorded" in record:
        told = ", ".join(f"{name} {value}" for name, value in record["recorded"].items())
        return f"elsewhere, as was recorded: {told}" if told else "elsewhere, on what is not told"
    threads = ""
    if record["device"] == "cpu":
        count = record["threads"]
        threads = f", {count} thread{'' if count == 1 else 's'} a run"
    layout = str(record["layout"]).replace("_", "-")
    graphs = str(record.get("graphs", "no"))
    words = ", CUDA graphs" if graphs == "yes" else f", CUDA graphs: {graphs}"
    return (
        f"{record['processor']}{threads}, {layout}{'' if graphs == 'no' else words}, "
        f"torch {record['torch']}"
    )


def ended_runs(item: PlannedRung | PlannedEnsemble, store: Store) -> list[tuple[str, Result]]:
    """Key and result of every finished run, failed ones included, in the order of seeds."""
    return [(spec.key, store.result(spec.key)) for spec in item.runs if store.is_finished(spec.key)]


def failures(ended: Sequence[tuple[str, Result]]) -> tuple[tuple[int, str], ...]:
    """Seed and reason of each run that failed."""
    return tuple(
        (result.spec.seed, result.failed) for _, result in ended if result.failed is not None
    )
