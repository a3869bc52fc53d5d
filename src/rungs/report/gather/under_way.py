"""What runs that are not finished have measured so far, read beside the processes that train."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path

from rungs.report.figures.runs import run_name
from rungs.report.figures.under_way import Begun, UnderWay
from rungs.store import Store
from rungs.store.results import Epoch, RunSpec
from rungs.store.run_folder import epochs_file, read_epochs
from rungs.study.costs import Cost
from rungs.study.estimate import time_left
from rungs.study.plan import Plan


def under_way(plan: Plan, store: Store, costs: Mapping[str, Cost]) -> UnderWay:
    """What is going on with a plan. Only reads: who trains is not waited for, nor held up.

    Args:
        plan: with every seed that is wanted.
        store: where its runs are done.
        costs: per rung, see `rungs.study.costs.costs`.
    """
    since = store.conducted_since()
    begun = [
        run
        for spec in plan.runs
        if not store.is_finished(spec.key) and (run := _begun(spec, plan, store, since)) is not None
    ]
    left = time_left(plan, store, costs) if begun else None
    return UnderWay(
        tuple(sorted(begun, key=lambda run: not run.trained)),
        since is not None,
        None if left is None else left[0],
        "" if left is None else str(left[1]),
    )


def _begun(spec: RunSpec, plan: Plan, store: Store, since: float | None) -> Begun | None:
    """A run of which there is something to see; None of one that waits for its beginning."""
    folder = store.root / "work" / spec.key
    trained = since is not None and _touched_after(epochs_file(folder), since)
    history = _history(folder)
    if not (trained or history):
        return None
    return Begun(run_name(spec, plan), spec.key, spec.epochs, history, trained)


def _touched_after(path: Path, since: float) -> bool:
    """Whether a file was written since then: who goes on with a run writes its epochs anew."""
    with contextlib.suppress(OSError):
        return path.stat().st_mtime >= since
    return False


def _history(folder: Path) -> tuple[Epoch, ...]:
    """The epochs that can be read: while they are written, or the folder goes, perhaps none."""
    try:
        found = read_epochs(folder)
    except (OSError, ValueError, TypeError, RecursionError):
        return ()
    whole = 0
    for number, entry in enumerate(found, start=1):
        if not _is_epoch(entry, number):
            break
        whole = number
    return found[:whole]


def _is_epoch(entry: Epoch, number: int) -> bool:
    try:
        return entry.epoch == number and all(map(math.isfinite, astuple(entry)))
    except TypeError:
        return False
