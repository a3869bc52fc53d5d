"""Conducting a plan: what is missing is done, in worker processes, and entered into the store."""

from collections.abc import Callable, Iterator
from pathlib import Path

from rungs.data import load
from rungs.estimate import Machine, identity, share_cores
from rungs.execution.pool import Event, do_runs
from rungs.execution.run_one import keep_labels
from rungs.jobs import jobs, missing
from rungs.plan import Plan
from rungs.store import Store
from rungs.training.record import choose_record, processor_name, resolve_device
from rungs.training.speed import measure


def machine_for(device: str, runs: int, workers: int | None) -> Machine:
    """What so many runs are done with here.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``.
        runs: how many there are to do.
        workers: processes side by side; None to share the cores.

    Raises:
        RungsError: no such device.
    """
    device = resolve_device(device)
    return Machine(device, processor_name(device), *share_cores(device, runs, workers))


def measure_first(plan: Plan, store: Store, machine: Machine) -> None:
    """Measures the costliest recipe's speed, if nothing was ever trained on this machine."""
    todo = missing(plan, store)
    if not todo or store.index.rates(machine.name):
        return
    record = choose_record(machine.device, machine.threads)
    spec = max(todo, key=lambda spec: spec.epochs * sum(spec.recipe.network.widths))
    rate = measure(spec.recipe, spec.data, record)
    store.index.keep_rate(identity(spec.recipe, spec.data), machine.name, rate)


def conduct(
    plan: Plan,
    store: Store,
    machine: Machine,
    *,
    data_dir: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Event]:
    """Does the plan's missing runs and yields what happens as it happens.

    Args:
        plan: what is wanted.
        store: where finished and half-done runs are.
        machine: what they are done with: see `machine_for`.
        data_dir: where the user has the data; None for the usual places.
        say: receives lines for the user, such as a download's progress.

    Raises:
        RungsError: no data, another process at this store, or a worker's error.
    """
    spec = plan.study.data
    todo = missing(plan, store)
    if not todo and store.has_labels(spec.fingerprint):
        return
    keep_labels(store, load(spec, data_dir=data_dir, progress=say))
    if not todo:
        return
    with store.sole(f"rungs run {plan.study.name}"):
        # Another process may have done some of them in the meantime.
        wanted = {spec.key for spec in plan.runs}
        for event in do_runs(
            jobs(plan, store),
            store=store.root,
            record=lambda _: choose_record(machine.device, machine.threads),
            workers=machine.workers,
            data_dir=data_dir,
        ):
            if event.kind == "epoch":
                _keep_rate(store, machine, event)
            if event.kind == "done":
                store.index.add(event.spec.key, store.result(event.spec.key))
            if event.spec.key in wanted:  # not a length of another budget, met on the way
                yield event


def _keep_rate(store: Store, machine: Machine, event: Event) -> None:
    """Remembers how fast an epoch went, its evaluation included."""
    seconds = event.values["train_seconds"] + event.values["val_seconds"]
    rate = event.spec.data.sizes["train"] / seconds
    store.index.keep_rate(identity(event.spec.recipe, event.spec.data), machine.name, rate)
