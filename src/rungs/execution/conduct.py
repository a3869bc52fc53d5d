"""Conducting a plan: what is missing is done, in worker processes, and entered into the store."""

from collections.abc import Callable, Iterator
from pathlib import Path

from rungs.data import load
from rungs.environment import available_cores
from rungs.execution.pool import Event, do_runs
from rungs.execution.run_one import keep_labels
from rungs.plan import Plan
from rungs.results import RunSpec
from rungs.store import PARTS, Store
from rungs.training.record import resolve_device


def missing(plan: Plan, store: Store) -> tuple[RunSpec, ...]:
    """The plan's runs that are not finished, in the order of doing."""
    return tuple(spec for spec in plan.runs if not store.is_finished(spec.key))


def share_cores(device: str, runs: int, workers: int | None) -> tuple[int, int]:
    """Worker processes, and threads for each.

    On a CPU, several runs side by side on their own cores finish sooner than one after the other
    on all cores; a GPU has one worker.
    """
    cores = available_cores()
    if workers is None:
        workers = 1 if device == "cuda" else min(cores, max(1, runs))
    return workers, max(1, cores // workers)


def conduct(
    plan: Plan,
    store: Store,
    *,
    device: str = "auto",
    workers: int | None = None,
    data_dir: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Event]:
    """Does the plan's missing runs and yields what happens as it happens.

    Args:
        plan: what is wanted.
        store: where finished and half-done runs are.
        device: ``auto``, ``cpu`` or ``cuda``.
        workers: processes side by side; None to share the cores.
        data_dir: where the user has the data; None for the usual places.
        say: receives lines for the user, such as a download's progress.

    Raises:
        RungsError: no data, no such device, another process at this store, or a worker's error.
    """
    spec = plan.study.data
    todo = missing(plan, store)
    labelled = all(store.labels(spec.fingerprint, part) is not None for part in PARTS)
    if labelled and not todo:
        return
    device = resolve_device(device)
    keep_labels(store, load(spec, data_dir=data_dir, progress=say))
    if not todo:
        return
    workers, threads = share_cores(device, len(todo), workers)
    with store.sole(f"rungs run {plan.study.name}"):
        # Another process may have done some of them in the meantime.
        for event in do_runs(
            missing(plan, store),
            store=store.root,
            device=device,
            workers=workers,
            threads=threads,
            data_dir=data_dir,
        ):
            if event.kind == "done":
                store.index.add(event.spec.key, store.result(event.spec.key))
            yield event
