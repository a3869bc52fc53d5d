"""Runs that the tests of execution, store and workers train, and what they leave."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rungs.data.images import DataSet
from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.execution.engine import Event, Order, Resources, Site
from rungs.execution.local import LocalEngine
from rungs.execution.messages import Train
from rungs.execution.run_one import keep_labels, run_one
from rungs.recipe import Recipe
from rungs.recipe.components import Convolutional, PoolingHead
from rungs.recipe.modifications import apply
from rungs.recipe.own_modules import Source
from rungs.store import Store
from rungs.store.results import RunSpec
from rungs.study.estimate import Machine
from rungs.study.jobs import Job
from rungs.training.record import Setting
from tests.conftest import SETTING, TINY

RECIPE = Recipe(network=Convolutional(widths=(4,), head=PoolingHead()), batch_size=32)
SPEC = RunSpec(RECIPE, 2, TINY, 0)
CYCLES = RunSpec(apply(RECIPE, "cosine_cycles", {"cycles": 3, "alpha0": 0.002}), 3, TINY, 0)
# Drawn by the program, so that worker processes can load it.
DRAWN = SyntheticSpec(classes=4, train=300, validation=60, test=80, size=16)


def done(store: Store, spec: RunSpec, data: DataSet) -> None:
    keep_labels(store, data)
    assert run_one(store, Job(spec), data, setting=SETTING)
    store.index.add(spec.key, store.result(spec.key))


def weights(store: Store, key: str) -> dict[str, bytes]:
    folder = store.run_folder(key) / "weights"
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# What a worker is sent, for those who do not look into it.
ASKED = Train(
    Order("k", {}, SETTING.request, Resources(1)), "store", None, cores=(), all_cores=(), workers=1
)


def ordered(job: Job, modules: Sequence[Path] = (), setting: Setting = SETTING) -> Order:
    """A job as an engine is asked for it."""
    resources = Resources(cores=setting.record.threads)
    return Order.of(job, setting.request, resources, tuple(map(Source.read, modules)))


def happening(
    store: Store,
    jobs: Sequence[Job],
    *,
    workers: int = 2,
    modules: Sequence[Path] = (),
    setting: Setting = SETTING,
) -> Iterator[Event]:
    """What happens while worker processes do jobs."""
    machine = Machine("cpu", "some processor", workers, setting.record.threads)
    with LocalEngine(Site(store, machine)) as engine:
        for job in jobs:
            engine.submit(ordered(job, modules, setting))
        yield from engine.events()
