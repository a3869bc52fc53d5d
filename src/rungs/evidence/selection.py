"""Which trained model is meant by ``STUDY:RUNG``: its runs in a store, and its weights there."""

import contextlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rungs.foundation.errors import RungsError, StoreError
from rungs.foundation.limits import MAX_SEEDS
from rungs.foundation.wording import counted, did_you_mean, shown
from rungs.store import Store
from rungs.store.mixtures import Members
from rungs.store.results import RunSpec
from rungs.study import Study
from rungs.study.jobs import with_finished_seeds
from rungs.study.plan import Plan, PlannedEnsemble, PlannedRung, epochs_named, plan

# Format of exported models -> with what the names of its files end.
SUFFIXES: Final = {"onnx": ".onnx", "safetensors": ".safetensors", "torch-export": ".pt2"}


@dataclass(frozen=True)
class Selection:
    """A trained model in a store.

    Attributes:
        study: that it belongs to.
        name: of its rung or ensemble.
        seed: of the study.
        spec: the run of its first member. Those of the others differ in their seed alone.
        members: its weights: ``best`` of one run, the snapshots of one, or ``best`` of several.
        seeds: all seeds of the study for which the rung or ensemble has weights.
    """

    study: Study
    name: str
    seed: int
    spec: RunSpec
    members: Members
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        of = f" of {len(self.seeds)}: --seed takes another" if len(self.seeds) > 1 else ""
        return (
            f"{self.study.name}:{self.name}, {counted(self.spec.epochs, 'epoch')}, "
            f"seed {self.seed}{of}"
        )


def parse_address(address: str) -> tuple[str, str | None]:
    """Study and name of ``STUDY``, ``STUDY:RUNG`` or ``STUDY:ENSEMBLE``.

    A colon that belongs to a path (``C:\\study.toml``, or a file that is there) parts nothing.

    Raises:
        RungsError: it is the path of an exported model.
    """
    if address.lower().endswith(tuple(SUFFIXES.values())):
        raise RungsError(
            f"{address} is an exported model; expected a study, STUDY:RUNG or STUDY:ENSEMBLE "
            "(of exported models, `rungs predict` reads those that end in .safetensors)"
        )
    study, colon, name = address.rpartition(":")
    if not colon or Path(address).is_file() or set(name) & set("/\\"):
        return address, None
    return study, name


def select(
    study: Study,
    name: str | None,
    store: Store,
    *,
    seed: int | None = None,
    budget: str | None = None,
    epochs: int | None = None,
) -> Selection:
    """Finds a trained model.

    Args:
        study: the study.
        name: of a rung or ensemble; the study's final rung if None.
        store: where its runs are.
        seed: of the study; the first that is finished if None.
        budget: of its runs; the study's own if None.
        epochs: of its runs, instead of a budget.

    Raises:
        RungsError: no such name or seed, or nothing of it is finished, or no weights are kept; says
            what to do.
    """
    if seed is not None and not 0 <= seed < MAX_SEEDS:
        raise RungsError(f"seed is one of 0 to {MAX_SEEDS - 1}, not {seed}")
    seeds = study.seeds if seed is None else max(study.seeds, seed + 1)
    wanted = plan(study, budget=budget, seeds=seeds, epochs=epochs)
    if seed is None:
        wanted = with_finished_seeds(wanted, store)
    item = _find(wanted, study.final if name is None else name)
    seeds = len(item.groups)
    title = item.rung.name if isinstance(item, PlannedRung) else item.ensemble.name
    trained = [number for number in range(seeds) if _has_weights(store, item.members(number))]
    asked = range(seeds) if seed is None else [seed]
    usable = [number for number in asked if number in trained]
    if not usable:
        raise RungsError(_nothing(wanted, title, item, asked, store))
    first = usable[0]
    spec = item.groups[first][0]
    return Selection(study, title, first, spec, item.members(first), tuple(trained))


def runs_called(wanted: Plan, address: str, store: Store) -> tuple[RunSpec, ...]:
    """The runs of a rung or an ensemble that are finished or begun.

    Args:
        wanted: the plan that has it, with every seed that is meant.
        address: its name; ``NAME@SEED`` for the runs of one seed.
        store: where the runs are.

    Raises:
        RungsError: no such name or seed, or nothing of it is there.
    """
    name, at, seed = address.partition("@")
    groups = _find(wanted, name).groups
    if at and seed not in [str(number) for number in range(len(groups))]:
        raise RungsError(
            f"{shown(name)} has no seed {shown(seed)}; expected one of 0 to {len(groups) - 1}"
        )
    chosen = groups[int(seed) : int(seed) + 1] if at else groups
    runs = dict.fromkeys(spec for group in chosen for spec in group)
    there = [run for run in runs if store.is_finished(run.key) or store.epochs_done(run.key)]
    if not there:
        also = finished_otherwise(wanted, name, store)
        raise RungsError(f"{address} has no run in {store.root} yet{also}")
    return tuple(there)


def finished_otherwise(
    wanted: Plan, name: str, store: Store, asked: Sequence[int] | None = None
) -> str:
    """What to add to a message that a rung or ensemble is not finished, where it is otherwise.

    Args:
        wanted: in which it is not finished.
        name: of the rung or ensemble.
        store: where runs are.
        asked: seeds; all of the plan's if None.

    Returns:
        The options with which it is finished, as the rest of a sentence; empty where it is not.
    """
    study = wanted.study
    lengths = set()
    for key in [*store.keys()]:
        with contextlib.suppress(StoreError):  # what cannot be read is of no use
            lengths.add(store.result(key).spec.epochs)
    others = [
        (f"--budget {shlex.quote(budget)}", plan(study, budget=budget, seeds=wanted.seeds))
        for budget in study.budgets
    ]
    others += [
        (f"--epochs {length}", plan(study, epochs=length, seeds=wanted.seeds))
        for length in sorted(lengths)
    ]
    found: dict[int, str] = {}  # by length, as several options may be of one
    for option, other in others:
        items: tuple[PlannedRung | PlannedEnsemble, ...] = (*other.rungs, *other.ensembles)
        for item in items:
            title = item.rung.name if isinstance(item, PlannedRung) else item.ensemble.name
            groups = [item.groups[n] for n in asked or range(wanted.seeds)]
            if title == name and any(
                all(store.is_finished(spec.key) for spec in group) for group in groups
            ):
                found.setdefault(item.epochs, f"`{option}`")
    if not found:
        return ""
    return f" at {wanted.budget_with_epochs}, but it is with {' or '.join(found.values())}"


def weights_file(store: Store, key: str, member: str) -> Path:
    """Where a finished run keeps weights."""
    return store.run_folder(key) / "weights" / f"{member}.safetensors"


def _find(wanted: Plan, name: str) -> PlannedRung | PlannedEnsemble:
    for rung in wanted.rungs:
        if rung.rung.name == name:
            return rung
    for ensemble in wanted.ensembles:
        if ensemble.ensemble.name == name:
            return ensemble
    of = f"study '{wanted.study.name}' has no rung or ensemble {shown(name)}"
    # Those whose cycles do not divide the epochs of this budget.
    left_out = [line for line in wanted.left_out if line.startswith(f"{name} ")]
    raise RungsError(left_out[0] if left_out else of + did_you_mean(name, wanted.names))


def _has_weights(store: Store, members: Members) -> bool:
    return all(
        store.is_finished(key) and weights_file(store, key, name).exists() for key, name in members
    )


def _nothing(
    wanted: Plan,
    name: str,
    item: PlannedRung | PlannedEnsemble,
    asked: Sequence[int],
    store: Store,
) -> str:
    """Why there is no model, and what to do."""
    if item.runs[0].recorded:
        return (
            f"{name} is trained elsewhere and recorded: there are no weights of it here; expected "
            "a rung that is trained here"
        )
    study = wanted.study.typed
    which = name if len(asked) > 1 else f"{name}, seed {asked[0]}"
    train = f"rungs run {study} --only {name}"
    if wanted.budget != wanted.study.budget:
        length = epochs_named(wanted.budget)
        train += f" --budget {wanted.budget}" if length is None else f" --epochs {length}"
    if asked[0]:
        train += f" --seeds {asked[0] + 1}"
    groups = [item.groups[number] for number in asked]
    finished = [group for group in groups if all(store.is_finished(spec.key) for spec in group)]
    if not finished:
        train += f" --store {store.root}"
        also = finished_otherwise(wanted, name, store, asked)
        return f"{which} is not trained yet in {store.root}{also}; `{train}` trains it"
    for spec in finished[0]:
        failed = store.result(spec.key).failed
        if failed is not None:
            return f"{which} has no model: its training failed: {failed}"
    return (
        f"{which} has results in {store.root}, but no weights: they came from an archive, which "
        f"keeps none. `{train} --store trained` trains it again in another store; then use "
        "`--store trained`"
    )
