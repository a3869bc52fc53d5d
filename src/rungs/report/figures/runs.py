"""How far each run of a plan is, and what it is called."""

from dataclasses import dataclass
from typing import Literal

from rungs.data.kinds import fold_of
from rungs.store.notes import Note
from rungs.store.results import RunSpec
from rungs.study.plan import Plan

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
        exact: False where the run went on under another execution record than it began with.
        reason: why it failed; empty if it did not.
        origin: which other run it shares epochs with, or that it was or is to be recorded, in
            words; empty if none.
        fold: which fold it holds out, in words; empty without folds.
        notes: that people put on it.
        tags: likewise.
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
    fold: str = ""
    notes: tuple[Note, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def seed_name(self) -> str:
        """Which of its rung's runs it is: ``seed 0``, ``seed 0, fold 1 of 5``."""
        return _seed_name(self.seed, self.fold)

    @property
    def names(self) -> tuple[str, ...]:
        """Each of the names in ``name``."""
        return tuple(self.name.split(_SAME))


@dataclass(frozen=True)
class Ended:
    """The runs of one rung or ensemble that are over, by key, in the order of doing."""

    finished: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def names_of(spec: RunSpec, plan: Plan) -> str:
    """The names under which a plan has a run; equal recipes share one run."""
    return _SAME.join(plan.names_of_runs.get(spec.key, ()))


def run_name(spec: RunSpec, plan: Plan) -> str:
    """`names_of` with the seed, and with the fold where there are any."""
    return f"{names_of(spec, plan)}, {_seed_name(spec.seed, fold_words(spec))}"


def fold_words(spec: RunSpec) -> str:
    """Which fold a run holds out: ``fold 1 of 5``; empty without folds."""
    found = fold_of(spec.data)
    return "" if found is None else f"fold {found.fold + 1} of {found.folds}"


def _seed_name(seed: int, fold: str) -> str:
    return f"seed {seed}, {fold}" if fold else f"seed {seed}"
