"""How far each run of a plan is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rungs.store import Store
from rungs.store.results import Result, RunSpec
from rungs.study.plan import Plan, PlannedEnsemble, PlannedRung

# Between the names of one run.
_SAME = " = "


@dataclass(frozen=True)
class RunState:
    """One run of a plan.

    Attributes:
        name: the rungs and ensembles that it is for; equal recipes share one run.
        key: its folder's name in the store.
        state: ``begun`` is neither finished nor failed, but has epochs.
        epochs: those that were asked for.
        epochs_done: those that are finished.
        best_epoch: the epoch that is tested, from 1; None if there is none.
        train_seconds: without evaluation; None while it is not over.
        execution: the execution record in one line; empty while it is not over.
        exact: False where the run went on under another record than it began with.
        reason: why it failed; empty if it did not.
        origin: which other run it shares epochs with, in words; empty if none.
    """

    name: str
    seed: int
    key: str
    state: Literal["finished", "failed", "begun", "to do"]
    epochs: int
    epochs_done: int
    best_epoch: int | None = None
    train_seconds: float | None = None
    execution: str = ""
    exact: bool = True
    reason: str = ""
    origin: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Each of the names in ``name``."""
        return tuple(self.name.split(_SAME))


def run_states(plan: Plan, store: Store | None) -> tuple[RunState, ...]:
    """Every run of a plan, in the order of doing.

    Args:
        plan: the runs that are wanted.
        store: where results are; None if there is none yet.
    """
    return tuple(_state(spec, plan, store) for spec in plan.runs)


def _state(spec: RunSpec, plan: Plan, store: Store | None) -> RunState:
    name = names_of(spec, plan)
    if store is None or not store.is_finished(spec.key):
        done = 0 if store is None else store.epochs_done(spec.key)
        state: Literal["begun", "to do"] = "begun" if done else "to do"
        return RunState(name, spec.seed, spec.key, state, spec.epochs, done)
    result = store.result(spec.key)
    return RunState(
        name,
        spec.seed,
        spec.key,
        "finished" if result.failed is None else "failed",
        spec.epochs,
        len(result.history),
        result.best_epoch or None,
        result.train_seconds,
        describe_execution(result.execution),
        result.exact,
        result.failed or "",
        describe_origin(result),
    )


def describe_origin(result: Result) -> str:
    """Which other run a run shares its epochs with; empty if it shares them with none."""
    if result.read_off is not None:
        return f"read off from run {result.read_off}"
    return "" if result.extends is None else f"goes on from run {result.extends}"


def names_of(spec: RunSpec, plan: Plan) -> str:
    """The names under which a plan has a run; equal recipes share one run."""
    return _SAME.join(plan.names_of_runs.get(spec.key, ()))


def run_name(spec: RunSpec, plan: Plan) -> str:
    """`names_of` with the seed."""
    return f"{names_of(spec, plan)}, seed {spec.seed}"


def describe_execution(record: Mapping[str, Any]) -> str:
    """An execution record in one line."""
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
