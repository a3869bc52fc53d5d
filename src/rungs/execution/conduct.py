"""Conducting a plan: what is missing is done, in worker processes, and entered into the store."""

from collections.abc import Callable, Iterator
from pathlib import Path

from rungs.data.loading import load
from rungs.evidence.baselines import contests
from rungs.execution.choosing import choose_settings
from rungs.execution.gpus import gpus
from rungs.execution.inference_probe import measure_inference
from rungs.execution.pool import Event, do_runs
from rungs.execution.run_one import keep_labels
from rungs.store import Store
from rungs.store.inference_costs import keep_inference, read_inference
from rungs.study.estimate import Machine, Rates, identity, relative_work
from rungs.study.jobs import Job, in_order, jobs, missing
from rungs.study.plan import Plan
from rungs.training.record import candidates
from rungs.training.throughput import usable


def measure_answers(plan: Plan, store: Store, machine: Machine) -> None:
    """Measures what answering takes with ensembles of the plan and their baselines, once each."""
    records = candidates(machine.device, machine.threads)
    data = plan.study.data
    for contest in contests(plan):
        for item in (contest.single, *contest.others):
            trained = all(store.is_finished(spec.key) for spec in item.runs[0])
            if trained and read_inference(store, item.recipe, data, item.models) is None:
                record = usable(item.recipe, data.image_shape, data.classes, records)[0]
                found = measure_inference(item.recipe, data, record, item.models)
                keep_inference(store, item.recipe, data, found)


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
        machine: what they are done with: see `rungs.execution.choosing`.
        data_dir: where the user has the data; None for the usual places.
        say: receives lines for the user, such as a download's progress.

    Raises:
        RungsError: no data, another process at this store, or a worker's error.
    """
    spec = plan.study.data
    if not missing(plan, store) and store.has_labels(spec.fingerprint):
        return
    keep_labels(store, load(spec, data_dir=data_dir, progress=say))
    if not missing(plan, store):
        return
    with store.sole(f"rungs run {plan.study.name}"):
        # Another process may have done some of them in the meantime.
        todo = jobs(plan, store)
        settings = choose_settings(plan, store, todo, machine, say=say)
        wanted = {spec.key for spec in plan.runs}
        for event in do_runs(
            todo if machine.workers == 1 else _longest_first(todo, store, machine),
            store=store.root,
            setting=lambda spec: settings[spec.key],
            workers=machine.workers,
            gpus=gpus(machine.device),
            data_dir=data_dir,
            modules=plan.study.modules,
        ):
            if event.kind == "epoch":
                _keep_rate(store, machine, event)
            if event.kind == "done":
                store.index.add(event.spec.key, store.result(event.spec.key))
            if event.spec.key in wanted:  # not a length of another budget, met on the way
                yield event


def _longest_first(todo: tuple[Job, ...], store: Store, machine: Machine) -> tuple[Job, ...]:
    known = Rates(store.index.rates(machine.name), {})

    def work(job: Job) -> float:
        left = job.spec.epochs - store.epochs_done(job.spec.key)
        return known.seconds(job.spec, left) or 0.0  # every network's rate is measured by now

    return in_order(todo, lambda job: job.spec.seed, work)


def _keep_rate(store: Store, machine: Machine, event: Event) -> None:
    """Remembers how fast an epoch went, its evaluation included, as if images had full size."""
    spec = event.spec
    seconds = event.values["train_seconds"] + event.values["val_seconds"]
    images = spec.data.sizes["train"] * relative_work(spec, event.values["epoch"])
    store.index.keep_rate(identity(spec.recipe, spec.data), machine.name, images / seconds)
