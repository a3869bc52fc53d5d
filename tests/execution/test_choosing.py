"""How a machine trains a plan soonest: chosen by measurement, once, and remembered."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from rungs.data.images import DataSet
from rungs.execution import choosing, cores, probe
from rungs.execution.choosing import choose_machine, choose_settings
from rungs.execution.graph_trial import GraphTrials
from rungs.execution.probe import Together, side_by_side
from rungs.execution.process import start
from rungs.execution.run_one import keep_labels, run_one
from rungs.foundation.environment import processor
from rungs.recipe import Recipe, recipe_key
from rungs.recipe import replace as changed
from rungs.recipe.components import Convolutional, CrossEntropy, PoolingHead
from rungs.recipe.modifications import apply
from rungs.store import Store
from rungs.store.results import RunSpec
from rungs.study import Study, load
from rungs.study.costs import costs
from rungs.study.estimate import Machine, identity
from rungs.study.jobs import Job, jobs
from rungs.study.plan import Plan, plan
from rungs.training import throughput as speed
from rungs.training.record import ExecutionRecord, Setting, candidates
from rungs.training.throughput import ceiling, measure
from tests.conftest import RECORD, TINY

STUDY = load("quickstart")
PLAN = plan(STUDY, seeds=2)
HERE = Machine("cpu", processor(), 1, 1)
USUAL, LIBRARY, CONTIGUOUS = candidates("cpu", 1)


class Stopwatch:
    """In place of the measurements: what they would find, and how often they are asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.speeds = {"minimal": 100.0, "library": 100.0}
        self.together: dict[int, float | None] = {}
        self.bytes = 0
        monkeypatch.setattr(choosing, "measure", self.measure)
        monkeypatch.setattr(choosing, "ceiling", lambda *_: 50.0)
        monkeypatch.setattr(choosing, "side_by_side", self.side_by_side)

    def measure(
        self, recipe: Recipe, data: object, records: Sequence[ExecutionRecord], *_: object
    ) -> list[float]:
        self.asked += 1
        return [
            self.speeds[record.convolutions] - (record.layout == "contiguous") for record in records
        ]

    def side_by_side(
        self, spec: object, record: ExecutionRecord, workers: int, modules: object, **_: object
    ) -> Together | None:
        self.asked += 1
        assert record.threads * workers <= 8
        rate = self.together[workers]
        return None if rate is None else Together(rate, self.bytes)


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    return Stopwatch(monkeypatch)


def settings(wanted: Plan, store: Store) -> dict[str, Setting]:
    return choose_settings(wanted, store, jobs(wanted, store), HERE)


# --- layout and kernels --------------------------------------------------------------------------


def test_the_quickest_record_is_taken_once_for_all_seeds(
    store: Store, stopwatch: Stopwatch
) -> None:
    stopwatch.speeds["library"] = 110.0
    found = settings(PLAN, store)
    assert set(found) == {run.key for run in PLAN.runs}
    assert {setting.record for setting in found.values()} == {LIBRARY}
    assert {setting.ceiling for setting in found.values()} == {50.0}
    networks = {identity(run.recipe, STUDY.data) for run in PLAN.runs}
    assert stopwatch.asked == len(networks)
    stopwatch.speeds["library"] = 1.0
    assert settings(plan(STUDY, seeds=3), store).items() >= found.items()
    assert stopwatch.asked == len(networks)
    # Measured rates are what estimates begin with.
    assert store.index.rates(HERE.name) == dict.fromkeys(networks, 110.0)


def test_what_a_network_can_do_is_found_out_once_for_all_seeds(
    store: Store, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Recipe] = []

    def usable(
        recipe: Recipe,
        shape: object,
        classes: int,
        records: Sequence[ExecutionRecord],
        *_: object,
    ) -> Sequence[ExecutionRecord]:
        tried.append(recipe)
        return records

    monkeypatch.setattr(choosing, "usable", usable)
    wanted = plan(STUDY, seeds=3)
    assert len(settings(wanted, store)) == len(wanted.runs)
    assert len(tried) == len({identity(run.recipe, STUDY.data) for run in wanted.runs})


@pytest.mark.parametrize(("there", "ceilings"), [(True, {50.0}), (False, {None})])
def test_a_processor_without_bfloat16_has_no_ceiling_of_it(
    store: Store,
    stopwatch: Stopwatch,
    monkeypatch: pytest.MonkeyPatch,
    there: bool,
    ceilings: set[float | None],
) -> None:
    monkeypatch.setattr(choosing, "multiplies_bfloat16", lambda: there)
    rungs = tuple(
        replace(rung, recipe=changed(rung.recipe, precision="bfloat16")) for rung in STUDY.rungs
    )
    wanted = plan(replace(STUDY, rungs=rungs, ensembles=(), claims=()), seeds=1)
    assert {setting.ceiling for setting in settings(wanted, store).values()} == ceilings


def test_a_network_that_memory_cannot_measure_keeps_no_other_from_being_trained(
    store: Store, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopwatch.speeds["library"] = 110.0
    largest = PLAN.runs[-1].recipe

    def measured(
        recipe: Recipe, data: object, records: Sequence[ExecutionRecord], *_: object
    ) -> list[float]:
        if recipe.network == largest.network:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")
        return stopwatch.measure(recipe, data, records)

    monkeypatch.setattr(choosing, "measure", measured)
    found = settings(PLAN, store)
    for run in PLAN.runs:
        expected = USUAL if run.recipe.network == largest.network else LIBRARY
        assert found[run.key].record == expected
    assert {setting.record for setting in found.values()} == {USUAL, LIBRARY}
    # What was not measured is neither remembered nor an estimate's beginning.
    assert identity(largest, STUDY.data) not in store.index.rates(HERE.name)


def test_other_errors_of_a_measurement_are_not_hidden(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "_SECONDS", "no number")  # a bug in a module of ours
    with pytest.raises(TypeError):
        settings(PLAN, store)


def test_a_network_that_is_not_ours_and_fails_keeps_no_other_from_being_trained(
    store: Store, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = PLAN.runs[-1].recipe

    def measured(
        recipe: Recipe, data: object, records: Sequence[ExecutionRecord], *_: object
    ) -> list[float]:
        if recipe.network == broken.network:
            nn.Linear(2, 2)(torch.ones(3))  # raised by torch
        return stopwatch.measure(recipe, data, records)

    monkeypatch.setattr(choosing, "measure", measured)
    assert set(settings(PLAN, store)) == {run.key for run in PLAN.runs}
    assert identity(broken, STUDY.data) not in store.index.rates(HERE.name)


def test_a_small_difference_is_noise(store: Store, stopwatch: Stopwatch) -> None:
    stopwatch.speeds["library"] = 104.0
    assert {setting.record for setting in settings(PLAN, store).values()} == {USUAL}


def test_the_next_seed_computes_like_the_finished_one_though_the_index_is_lost(
    store: Store, tiny: DataSet, stopwatch: Stopwatch
) -> None:
    recipe = Recipe(network=Convolutional(widths=(4,), head=PoolingHead()), batch_size=32)
    rungs = (replace(STUDY.rungs[0], recipe=recipe),)
    budgets = {"equal": {rungs[0].name: 1}}
    study = replace(STUDY, data=TINY, rungs=rungs, budgets=budgets, ensembles=(), claims=())
    wanted = plan(study, budget="equal", seeds=2)
    keep_labels(store, tiny)
    run_one(store, Job(wanted.runs[0]), tiny, setting=Setting(CONTIGUOUS))
    stopwatch.speeds["minimal"] = 200.0
    (setting,) = settings(wanted, store).values()
    assert setting.record == CONTIGUOUS
    # Nor if that one is older than the noting of instructions.
    store.index.clear()
    path = store.run_folder(wanted.runs[0].key) / "run.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    del plain["execution"]["instructions"]
    path.write_text(json.dumps(plain), encoding="utf-8")
    (setting,) = settings(wanted, Store(store.root)).values()
    assert setting.record == CONTIGUOUS
    # A run that cannot be read tells nothing, and does not keep the next seed from being trained.
    store.index.clear()
    (store.run_folder(wanted.runs[0].key) / "run.json").write_text("{")
    (setting,) = settings(wanted, Store(store.root)).values()
    assert setting.record == USUAL


def test_records_to_choose_from_differ_in_last_bits_only() -> None:
    assert USUAL == RECORD
    assert {(item.layout, item.convolutions) for item in (USUAL, LIBRARY, CONTIGUOUS)} == {
        ("channels_last", "minimal"),
        ("channels_last", "library"),
        ("contiguous", "library"),
    }
    for other in (LIBRARY, CONTIGUOUS):
        same = replace(other, layout=USUAL.layout, convolutions=USUAL.convolutions)
        assert same == USUAL


# --- workers and threads -------------------------------------------------------------------------


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("study.estimate", "execution.choosing"):
        monkeypatch.setattr(f"rungs.{module}.available_cores", lambda: 4)


def chosen(store: Store, wanted: Plan = PLAN, workers: int | None = None) -> tuple[int, int]:
    found = choose_machine(wanted, store, costs(STUDY, store), device="cpu", workers=workers)
    return found.workers, found.threads


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(
    ("together", "best"),
    [
        ({1: 1.1, 2: 1.0, 4: 0.9}, (4, 1)),
        ({1: 4.4, 2: 2.0, 4: 0.9}, (1, 4)),
        ({1: 1.1, 2: 1.0, 4: 0.1}, (2, 2)),
        ({1: 1.1, 2: 1.0, 4: None}, (2, 2)),  # not enough memory for four
    ],
)
def test_what_finishes_the_study_sooner_is_chosen(
    store: Store,
    stopwatch: Stopwatch,
    together: dict[int, float | None],
    best: tuple[int, int],
) -> None:
    stopwatch.speeds = {"minimal": 1.0, "library": 1.0}  # images/s: hours are left
    stopwatch.together = together
    assert chosen(store) == best
    asked = stopwatch.asked
    assert chosen(store) == best
    assert stopwatch.asked == asked


@pytest.mark.usefixtures("four_cores")
def test_one_run_alone_has_no_use_for_several_workers(store: Store, stopwatch: Stopwatch) -> None:
    stopwatch.speeds = {"minimal": 1.0, "library": 1.0}
    assert chosen(store, plan(STUDY, seeds=1, only=("base",))) == (1, 4)


@pytest.mark.usefixtures("four_cores")
def test_what_the_user_says_is_not_measured(store: Store, stopwatch: Stopwatch) -> None:
    stopwatch.speeds = {"minimal": 1.0, "library": 1.0}
    assert chosen(store, workers=2) == (2, 2)
    assert chosen(store, workers=3) == (3, 1)


@pytest.mark.usefixtures("four_cores")
def test_a_study_of_minutes_is_not_held_up(store: Store, stopwatch: Stopwatch) -> None:
    stopwatch.speeds = {"minimal": 1e6, "library": 1e6}
    assert chosen(store) == (4, 1)  # side_by_side, asked, would fail
    assert stopwatch.asked == 1


# --- on a GPU, that is not here ------------------------------------------------------------------


class Gpu:
    """In place of a GPU: its free memory, and what trying graphs on it finds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 80 * 10**9
        self.tried = 0
        self.graphs = "yes"
        monkeypatch.setattr(choosing, "resolve_device", lambda name: name)
        for module in ("rungs.execution.choosing", "rungs.training.record"):
            monkeypatch.setattr(f"{module}.processor_name", lambda _: "a GPU")
        monkeypatch.setattr("rungs.training.memory.free", lambda _: self.free)
        self.names: tuple[str, ...] = ("0",)
        monkeypatch.setattr(choosing, "gpus", lambda _: self.names)
        monkeypatch.setattr(
            GraphTrials, "with_graphs_if_quicker", Mock(side_effect=self.try_graphs)
        )

    def try_graphs(self, spec: object, record: ExecutionRecord) -> ExecutionRecord:
        self.tried += 1
        return replace(record, graphs=self.graphs)

    def chosen(self, store: Store) -> Machine:
        return choose_machine(PLAN, store, costs(STUDY, store), device="cuda", workers=None)


@pytest.fixture
def gpu(stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch) -> Gpu:
    stopwatch.speeds = {"library": 1.0}  # images/s: hours are left
    return Gpu(monkeypatch)


@pytest.mark.parametrize("graphs", ["yes", "no", "no (operation not permitted)"])
def test_graphs_are_tried_once_for_each_recipe(store: Store, gpu: Gpu, graphs: str) -> None:
    gpu.graphs = graphs
    machine = Machine("cuda", "a GPU", 1, 1)
    said: list[str] = []
    found = choose_settings(PLAN, store, jobs(PLAN, store), machine, say=said.append)
    assert {setting.record.graphs for setting in found.values()} == {graphs}
    recipes = {recipe_key(run.recipe) for run in PLAN.runs}
    assert len(said) == gpu.tried == len(recipes)
    assert choose_settings(PLAN, store, jobs(PLAN, store), machine) == found
    assert gpu.tried == len(recipes)


def test_a_gpu_is_empty_again_when_other_processes_need_it(
    store: Store, stopwatch: Stopwatch, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[bool] = [False]

    def measured(*asked: Any) -> list[float]:
        taken.append(True)
        return stopwatch.measure(*asked)

    def tried(spec: object, record: ExecutionRecord) -> ExecutionRecord:
        assert not taken[-1]
        return gpu.try_graphs(spec, record)

    monkeypatch.setattr(choosing, "measure", measured)
    monkeypatch.setattr(GraphTrials, "with_graphs_if_quicker", Mock(side_effect=tried))
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: taken.append(False))
    choose_settings(PLAN, store, jobs(PLAN, store), Machine("cuda", "a GPU", 1, 1))
    assert gpu.tried
    assert taken.count(True) == gpu.tried


def as_quick(*recipes: Recipe) -> Study:
    """A study of recipes that differ in nothing on which their speed depends."""
    assert len({identity(recipe, STUDY.data) for recipe in recipes}) == 1
    names = [f"rung{number}" for number in range(len(recipes))]
    rungs = tuple(
        replace(STUDY.rungs[0], name=name, recipe=recipe)
        for name, recipe in zip(names, recipes, strict=True)
    )
    budgets = {"equal": dict.fromkeys(names, 1)}
    return replace(STUDY, rungs=rungs, budgets=budgets, ensembles=(), claims=())


USUAL_RECIPE = STUDY.rungs[0].recipe
SMOOTHED = changed(USUAL_RECIPE, loss=CrossEntropy(label_smoothing=0.1))


def test_graphs_are_tried_for_each_recipe_though_it_is_as_quick_as_another(
    store: Store, stopwatch: Stopwatch, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph freezes what Python decides: what holds of one recipe says nothing of others."""
    study = as_quick(USUAL_RECIPE, SMOOTHED)
    machine = Machine("cuda", "a GPU", 1, 1)

    def tried(spec: RunSpec, record: ExecutionRecord) -> ExecutionRecord:
        gpu.graphs = "yes" if spec.recipe == USUAL_RECIPE else "no (its losses differ)"
        return gpu.try_graphs(spec, record)

    monkeypatch.setattr(GraphTrials, "with_graphs_if_quicker", Mock(side_effect=tried))
    for seeds in (1, 2):  # in either order, and remembered
        wanted = plan(study, budget="equal", seeds=seeds)
        found = choose_settings(wanted, store, jobs(wanted, store)[::-1], machine)
        for run in wanted.runs:
            expected = "yes" if run.recipe == USUAL_RECIPE else "no (its losses differ)"
            assert found[run.key].record.graphs == expected
        assert gpu.tried == 2
        assert stopwatch.asked == 1  # layout and kernels are a matter of speed
    alone = plan(as_quick(SMOOTHED), budget="equal", seeds=1)
    (setting,) = choose_settings(alone, store, jobs(alone, store), machine).values()
    assert setting.record.graphs == "no (its losses differ)"
    assert gpu.tried == 2


def test_graphs_of_batches_that_the_data_cannot_fill_are_tried_as_they_are(
    store: Store, gpu: Gpu
) -> None:
    machine = Machine("cuda", "a GPU", 1, 1)
    for images in (400, 401):
        study = as_quick(changed(USUAL_RECIPE, batch_size=500))
        data = STUDY.data.model_copy(update={"train": images})  # type: ignore[attr-defined]
        wanted = plan(replace(study, data=data), budget="equal", seeds=1)
        choose_settings(wanted, store, jobs(wanted, store), machine)
    assert gpu.tried == 2


def test_the_next_seed_has_graphs_where_the_finished_one_had(
    store: Store, tiny: DataSet, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(network=Convolutional(widths=(4,), head=PoolingHead()), batch_size=32)
    rungs = (replace(STUDY.rungs[0], recipe=recipe),)
    budgets = {"equal": {rungs[0].name: 1}}
    study = replace(STUDY, data=TINY, rungs=rungs, budgets=budgets, ensembles=(), claims=())
    wanted = plan(study, budget="equal", seeds=2)
    keep_labels(store, tiny)
    run_one(store, Job(wanted.runs[0]), tiny, setting=Setting(USUAL))
    result = store.result(wanted.runs[0].key)
    usual = candidates("cuda", 1)[0]
    for graphs in ("yes", "no"):
        record = replace(usual, graphs=graphs)
        done = replace(result, execution=record.to_dict())
        monkeypatch.setattr(Store, "result", lambda *_, done=done: done)
        store.index.clear()
        machine = Machine("cuda", "a GPU", 1, 1)
        (setting,) = choose_settings(wanted, store, jobs(wanted, store), machine).values()
        assert setting.record == record
    assert gpu.tried == 0
    # But one of another recipe tells only how to compute, not whether with graphs.
    smoothed = changed(recipe, loss=CrossEntropy(label_smoothing=0.1))
    assert identity(smoothed, TINY) == identity(recipe, TINY)
    both = (rungs[0], replace(rungs[0], name="smoothed", recipe=smoothed))
    budgets = {"equal": {rung.name: 1 for rung in both}}
    wanted = plan(replace(study, rungs=both, budgets=budgets), budget="equal", seeds=1)
    store.index.clear()
    (setting,) = choose_settings(wanted, store, jobs(wanted, store), machine).values()
    assert gpu.tried == 1


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(
    ("together", "best"),
    [
        ({1: 1.0, 2: 0.9, 4: 0.4}, (2, 2)),  # two at a time are nearly twice as quick
        ({1: 1.0, 2: 0.5, 4: 0.25}, (1, 4)),  # one keeps the GPU busy
        ({1: 1.0, 2: None, 4: None}, (1, 4)),
    ],
)
def test_runs_share_a_gpu_where_that_is_sooner(
    store: Store,
    stopwatch: Stopwatch,
    gpu: Gpu,
    together: dict[int, float | None],
    best: tuple[int, int],
) -> None:
    stopwatch.together = together
    found = gpu.chosen(store)
    assert (found.workers, found.threads) == best


@pytest.mark.usefixtures("four_cores")
def test_runs_share_a_gpu_only_as_far_as_its_memory_goes(
    store: Store, stopwatch: Stopwatch, gpu: Gpu
) -> None:
    stopwatch.together = {1: 1.0, 2: 1.0}  # four, asked, would fail
    stopwatch.bytes = 20 * 10**9
    assert gpu.chosen(store).workers == 2


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(
    ("together", "best"),
    [
        ({2: 1.0, 4: 0.9}, (4, 1, 2)),
        ({2: 1.0, 4: 0.4}, (2, 2, 2)),
    ],
)
def test_every_gpu_has_a_worker_at_least(
    store: Store,
    stopwatch: Stopwatch,
    gpu: Gpu,
    together: dict[int, float | None],
    best: tuple[int, int, int],
) -> None:
    gpu.names = ("0", "1")
    stopwatch.together = together
    found = gpu.chosen(store)
    assert (found.workers, found.threads, found.gpus) == best


@pytest.mark.usefixtures("four_cores")
def test_the_memory_of_each_gpu_is_shared_by_its_own_workers(
    store: Store, stopwatch: Stopwatch, gpu: Gpu
) -> None:
    gpu.names = ("0", "1")
    stopwatch.together = {2: 1.0, 4: 1.0}
    stopwatch.bytes = 20 * 10**9  # of 80, of which two fit on each
    assert gpu.chosen(store).workers == 4
    store.index.clear()
    stopwatch.bytes = 30 * 10**9
    assert gpu.chosen(store).workers == 2


# --- the measurements themselves -----------------------------------------------------------------


def test_cores_are_shared_out_only_if_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {7, 2, 5, 4}, raising=False)
    assert cores.slots(2, 2) == ((2, 4), (5, 7))
    assert cores.slots(4, 1) == ((2,), (4,), (5,), (7,))
    assert cores.slots(3, 1) == ((), (), ())
    # As many as a container's quota allows are fewer than all: the system moves them about.
    assert cores.slots(2, 1) == ((), ())
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores.slots(2, 2) == ((), ())
    assert cores.all_cores() == ()


SMALL = Recipe(network=Convolutional(widths=(4,), head=PoolingHead()), batch_size=8)


def test_processes_are_measured_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_SECONDS", 0.1)
    together = side_by_side(RunSpec(SMALL, 1, TINY, 0), RECORD, 1)
    assert together is not None
    assert together.rate > 10
    assert together.device_bytes == 0
    monkeypatch.setattr(probe, "start", lambda *_, **more: start("nothing", **more))
    assert side_by_side(RunSpec(SMALL, 1, TINY, 0), RECORD, 2) is None


def test_processes_that_do_not_answer_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[str]] = []

    def hangs(_: str, **__: object) -> "subprocess.Popen[str]":
        pipe, code = subprocess.PIPE, "import time; time.sleep(100)"
        begun.append(
            subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True)
        )
        return begun[-1]

    monkeypatch.setattr(probe, "start", hangs)
    monkeypatch.setattr(probe, "_PATIENCE_SECONDS", 0.5)
    said: list[str] = []
    assert side_by_side(RunSpec(SMALL, 1, TINY, 0), RECORD, 2, warn=said.append) is None
    assert said == [
        "2 processes that were to train side by side did not answer within 0.5 s: what they were "
        "to measure is not known"
    ]
    assert all(process.poll() is not None for process in begun)


def test_every_record_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_SECONDS", 0.0)
    rates = measure(SMALL, TINY, (USUAL, LIBRARY, CONTIGUOUS))
    assert len(rates) == 3
    assert min(rates) > 10


def test_all_passes_of_an_update_are_measured() -> None:
    counted = []
    for recipe in (SMALL, apply(SMALL, "sharpness_aware", {})):
        step = speed.training_step(recipe, TINY.image_shape, TINY.classes, RECORD)
        with FlopCounterMode(display=False) as counter:
            step()
        counted.append(counter.get_total_flops())
    assert counted[1] == 2 * counted[0] > 0


def test_no_batch_is_measured_that_the_data_cannot_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take memory that no training needs."""
    asked: list[int] = []

    def step(recipe: Recipe, *_: object) -> Callable[[], None]:
        asked.append(recipe.batch_size)
        return lambda: None

    monkeypatch.setattr(speed, "_SECONDS", 0.0)
    monkeypatch.setattr(speed, "training_step", step)
    large = changed(SMALL, batch_size=1_000_000)
    measure(large, TINY, (USUAL,))
    assert asked == [TINY.sizes["train"]]
    spec, _ = probe.understood(probe.question(RunSpec(large, 1, TINY, 0), RECORD, ()))
    assert spec.recipe.batch_size == TINY.sizes["train"]


def test_the_ceiling_counts_two_flops_per_multiply_add(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "CEILING_SIDE", 10)
    clock = iter([0.0, 5.0, 10.0, 12.0, 20.0, 29.0])  # products of 5, 2 and 9 seconds
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert ceiling(RECORD, "float32") == pytest.approx(2 * 10**3 / 2 / 1e9)
