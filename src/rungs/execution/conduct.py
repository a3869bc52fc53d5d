"""Conducting a plan: an engine does what is missing, and the index is told."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from rungs.data.loading import load
from rungs.evidence.baselines import contests
from rungs.evidence.labels import keep_labels
from rungs.execution.choosing import choose_settings
from rungs.execution.engine import (
    ENDS,
    EpochEnded,
    Event,
    Faulty,
    Finished,
    Order,
    Refused,
    Resources,
    Site,
)
from rungs.execution.engines import LOCAL, open_engine
from rungs.execution.inference_probe import measure_inference
from rungs.execution.teaching import Pupils, unteachable
from rungs.foundation.errors import RungsError
from rungs.recipe.own_modules import Source
from rungs.store import Store
from rungs.store.inference_costs import keep_inference, read_inference
from rungs.store.results import Epoch, RunSpec
from rungs.study.estimate import Machine, Rates, identity, relative_work
from rungs.study.jobs import Job, in_order, jobs, missing
from rungs.study.plan import Plan
from rungs.training.record import candidates, is_here
from rungs.training.request import usual_request
from rungs.training.throughput import usable


def measure_answers(plan: Plan, store: Store, machine: Machine) -> None:
    """Measures what answering takes with ensembles of the plan and their baselines, once each.

    Nothing is measured of a device that is not here.
    """
    if not is_here(machine.device):
        return
    records = candidates(machine.device, machine.threads)
    data = plan.study.data
    for contest in contests(plan):
        for item in (contest.single, *contest.others):
            trained = all(
                store.is_finished(spec.key) and not spec.recorded for spec in item.runs[0]
            )
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
    engine: str = LOCAL,
    address: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[RunSpec, Event]]:
    """Does the plan's missing runs and yields what happens to which as it happens.

    Args:
        plan: what is wanted.
        store: where finished and half-done runs are.
        machine: what they are done with: see `rungs.execution.choosing`.
        data_dir: where the user has the data; None for the usual places.
        engine: name of what does the runs, see `rungs.execution.engines`.
        address: where its cluster is; None for its usual place.
        say: receives lines for the user, such as a download's progress.

    Raises:
        RungsError: no data, another process at this store, or an error that a worker says is the
            user's to mend.
        RuntimeError: a bug in a worker, with its traceback.
    """
    wanted_data = dict.fromkeys((plan.study.data, *plan.study.splits))
    lacking = [spec for spec in wanted_data if not store.has_labels(spec.fingerprint)]
    if not missing(plan, store) and not lacking:
        return
    for spec in lacking or (plan.study.data,):  # found and whole, before anything is begun
        keep_labels(store, load(spec, data_dir=data_dir, progress=say))
    if not missing(plan, store):
        return
    with store.sole(f"rungs run {plan.study.name}"):
        # Another process may have done some of them in the meantime.
        todo = jobs(plan, store)
        usual = usual_request(machine.device, machine.threads)
        # Measured here, also for nodes elsewhere, which are to be alike; as far as that can be.
        settings = (
            choose_settings(plan, store, todo, machine, say=say) if is_here(machine.device) else {}
        )
        requests = {key: setting.request for key, setting in settings.items()}
        modules = tuple(map(Source.read, plan.study.modules))
        resources = Resources(
            cores=machine.threads,
            gpus=machine.gpus / machine.workers if machine.device == "cuda" else 0.0,
        )
        runs = {run.key: run for job in todo for run in (job.spec, *job.contained)}
        wanted = {spec.key for spec in plan.runs}
        # No more are ever side by side than there are: a lone run has the machine to itself.
        abreast = max(1, min(machine.workers, len(todo)))
        site = Site(store, replace(machine, workers=abreast), data_dir, address)
        with open_engine(engine, site) as running:
            ordered = todo if machine.workers == 1 else _longest_first(todo, store, machine)
            places = {job.spec.key: place for place, job in enumerate(ordered)}
            pupils = Pupils(store, ordered)

            def begin(job: Job) -> Iterator[tuple[RunSpec, Event]]:
                key = job.spec.key
                lost = unteachable(store, job)
                if lost is not None:
                    yield job.spec, lost
                    yield from in_vain(key)
                else:
                    request = requests.get(key, usual)
                    running.submit(Order.of(job, request, resources, modules, places[key]))

            def in_vain(key: str) -> Iterator[tuple[RunSpec, Event]]:
                yield from ((job.spec, lost) for job, lost in pupils.lost(key))

            for job in ordered:
                if not pupils.waits(job):
                    yield from begin(job)
            for event in running.events():
                _enter(event, runs.get(event.key), store, machine)
                if event.key in wanted:  # not a length of another budget, met on the way
                    yield runs[event.key], event
                if isinstance(event, Finished):
                    for job in pupils.freed(event):
                        yield from begin(job)
                elif isinstance(event, ENDS):
                    yield from in_vain(event.key)
            yield from ((job.spec, lost) for job, lost in pupils.left())


def _enter(event: Event, spec: RunSpec | None, store: Store, machine: Machine) -> None:
    """Has the index know what happened.

    Raises:
        RungsError: it is an error that is the user's to mend.
        RuntimeError: it is a bug.
    """
    match event:
        case Refused():
            raise RungsError(event.message)
        case Faulty():
            raise RuntimeError(f"in a worker:\n{event.traceback}")
        case EpochEnded() if spec is not None:
            _keep_rate(store, machine, spec, event.entry)
        case Finished():
            store.index.add(event.key, store.result(event.key))


def _longest_first(todo: tuple[Job, ...], store: Store, machine: Machine) -> tuple[Job, ...]:
    known = Rates(store.index.rates(machine.name), {})

    def work(job: Job) -> float:
        left = job.spec.epochs - store.epochs_done(job.spec.key)
        # Every network's rate is measured by now, but for those that fail.
        return known.seconds(job.spec, left) or 0.0

    behind: dict[str, float] = {}  # of what cannot be begun before a run is finished
    for job in reversed(todo):  # teachers stand before whom they teach
        if job.needs is not None:
            chain = work(job) + behind.get(job.spec.key, 0.0)
            behind[job.needs] = max(chain, behind.get(job.needs, 0.0))

    def path(job: Job) -> float:
        runs = (job.spec, *job.contained)
        return work(job) + max(behind.get(run.key, 0.0) for run in runs)

    return in_order(todo, lambda job: job.spec.seed, path)


def _keep_rate(store: Store, machine: Machine, spec: RunSpec, entry: Epoch) -> None:
    """Remembers how fast an epoch went, its evaluation included, as if images had full size."""
    seconds = entry.train_seconds + entry.val_seconds
    images = spec.data.sizes["train"] * relative_work(spec, entry.epoch)
    store.index.keep_rate(identity(spec.recipe, spec.data), machine.name, images / seconds)
