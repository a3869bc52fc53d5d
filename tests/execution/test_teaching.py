"""Runs that learn from others: what they are trained with, when, and what becomes of them."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rungs.data.loading import load
from rungs.evidence.archives import keep, take
from rungs.execution.conduct import conduct
from rungs.execution.display import describe
from rungs.execution.engine import Event, Finished, Lost, Site, Started
from rungs.execution.engines import _ENGINES, _Entry
from rungs.execution.run_one import keep_labels, run_one
from rungs.execution.teaching import needed_weights, teacher_for
from rungs.foundation.environment import processor
from rungs.foundation.errors import StoreError
from rungs.network.outputs import predict
from rungs.report.gather.gathering import gather
from rungs.report.show.json_form import to_json
from rungs.report.show.page.recipes import shown_recipe
from rungs.store import Store, open_store
from rungs.store.results import RunSpec
from rungs.study import Study, parse
from rungs.study.estimate import Machine
from rungs.study.jobs import Job, jobs
from rungs.study.plan import Plan, plan
from rungs.training.fit import fit
from rungs.training.record import ExecutionRecord, Setting
from tests.conftest import RECORD, SETTING
from tests.engines import Elsewhere
from tests.runs import weights

SMALL = {
    "name": "mine",
    "base": "base",
    "final": "pupil",
    "seeds": 2,
    "data": {
        "kind": "synthetic",
        "classes": 4,
        "train": 120,
        "validation": 60,
        "test": 40,
        "size": 8,
    },
    "budgets": {"equal": 2, "own": {"base": 1, "big": 3, "pupil": 2}},
    "recipe": {
        "batch_size": 32,
        "network": {"widths": [4], "head": {"kind": "global_average_pooling"}},
    },
    "rungs": [
        {"name": "base"},
        {"name": "big", "after": "base", "keep": False, "apply": ["add_layers([8])"]},
        {"name": "pupil", "after": "base", "apply": ["distil(big)"]},
    ],
}


def study(*, rate: float | None = None) -> Study:
    """A ladder whose last rung learns; with a rate, its teacher's."""
    rungs = [dict(rung) for rung in SMALL["rungs"]]  # type: ignore[attr-defined]
    if rate is not None:
        rungs[1]["apply"] = [*rungs[1]["apply"], f"learning_rate({rate})"]
        rungs[2]["after"] = "base"
    return parse({**SMALL, "rungs": rungs}, "mine.toml")


def machine(workers: int) -> Machine:
    return Machine("cpu", processor(), workers, 1)


def names(wanted: Plan, events: list[tuple[RunSpec, Event]], kind: type) -> list[tuple[str, int]]:
    """Rung and seed of the events of a kind, in their order."""
    return [
        (wanted.names_of_runs[spec.key][0], spec.seed)
        for spec, event in events
        if isinstance(event, kind)
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Plan]:
    """One seed of the ladder, done by one process after the other."""
    store = open_store(tmp_path_factory.mktemp("finished"))
    wanted = plan(study(), seeds=1)
    for job in jobs(wanted, store):
        data = load(job.spec.data)
        keep_labels(store, data)
        assert run_one(store, job, data, setting=SETTING)
        store.index.add(job.spec.key, store.result(job.spec.key))
    return store, wanted


def copied(finished: tuple[Store, Plan], folder: Path) -> Store:
    shutil.copytree(finished[0].root, folder)
    return open_store(folder)


def pupil_of(wanted: Plan) -> RunSpec:
    item = wanted.rung("pupil")
    assert item is not None
    return item.runs[0]


# --- what is trained -----------------------------------------------------------------------------


def test_the_teacher_is_the_model_as_it_was_kept(finished: tuple[Store, Plan]) -> None:
    store, wanted = finished
    spec = pupil_of(wanted)
    assert spec.teacher_run is not None
    data = load(spec.data)
    teacher = teacher_for(store, Job(spec), RECORD, 4)
    assert teacher is not None
    found = predict(
        teacher,
        data.exploration.validation.pixels,
        memory_format=RECORD.memory_format,
        precision="float32",
    )
    key = spec.teacher_run.key
    labels = store.labels(spec.data.fingerprint, "validation")
    assert labels is not None
    kept = store.predictions(key, "validation", labels)
    assert found.argmax(dim=1).tolist() == kept.predicted.tolist()


def test_a_run_learns_from_the_run_that_it_names(
    finished: tuple[Store, Plan], tmp_path: Path
) -> None:
    store, spec = finished[0], pupil_of(finished[1])
    assert weights(store, spec.key)["best.safetensors"] == relearnt(store, spec, tmp_path / "again")
    assert store.result(spec.key).spec == spec


def relearnt(store: Store, spec: RunSpec, folder: Path) -> bytes:
    """The weights that a finished run ends with, trained once more with its teacher."""
    record = ExecutionRecord(**store.result(spec.key).execution)
    folder.mkdir()
    found = fit(
        spec.recipe,
        load(spec.data).exploration,
        seed=spec.seed,
        epochs=spec.epochs,
        record=record,
        folder=folder,
        teacher=teacher_for(store, Job(spec), record, 4),
    )
    assert found is not None
    return found.weights["best"].read_bytes()


@pytest.mark.parametrize("after", [0, 1])
def test_killed_it_goes_on_and_ends_the_same(
    finished: tuple[Store, Plan], tmp_path: Path, after: int
) -> None:
    store, spec = copied(finished, tmp_path / "store"), pupil_of(finished[1])
    shutil.rmtree(store.run_folder(spec.key))
    job, data = Job(spec, teacher="big, seed 0"), load(spec.data)

    class KilledError(Exception):
        pass

    def kill(done: float) -> None:
        if done > after:
            raise KilledError

    with pytest.raises(KilledError):
        run_one(store, job, data, setting=SETTING, on_step=kill)
    torch.manual_seed(7)  # whatever else was drawn
    assert run_one(open_store(store.root), job, data, setting=SETTING)
    assert weights(store, spec.key) == weights(finished[0], spec.key)
    assert store.result(spec.key).exact


# --- when ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_waits_for_its_teacher(store: Store, tmp_path: Path, workers: int) -> None:
    wanted = plan(study())
    events = list(conduct(wanted, store, machine(workers)))
    assert sorted(names(wanted, events, Finished)) == sorted(
        (name, seed) for name in ("base", "big", "pupil") for seed in (0, 1)
    )
    for seed in (0, 1):
        ended = events.index(
            (find(wanted, "big", seed), Finished(find(wanted, "big", seed).key, None))
        )
        begun = [
            at
            for at, (spec, event) in enumerate(events)
            if spec == find(wanted, "pupil", seed) and isinstance(event, Started)
        ]
        assert ended < begun[0]
        spec = find(wanted, "pupil", seed)
        ours = weights(store, spec.key)["best.safetensors"]
        assert ours == relearnt(store, spec, tmp_path / str(seed))


def find(wanted: Plan, name: str, seed: int) -> RunSpec:
    item = wanted.rung(name)
    assert item is not None
    return item.runs[seed]


def test_one_that_waited_is_begun_before_those_that_it_comes_before(store: Store) -> None:
    """Seeds do not fall behind because a run of theirs had to wait."""
    wanted = plan(study(), seeds=4)
    events = list(conduct(wanted, store, machine(1)))
    begun = names(wanted, events, Started)
    assert sorted(begun[:4]) == [("base", 0), ("base", 1), ("big", 0), ("pupil", 0)]


def test_another_engine_brings_the_teacher_to_where_it_trains(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(_ENGINES, "elsewhere", _Entry(Elsewhere))
    wanted = plan(study(), seeds=1, only=("pupil",))
    events = list(conduct(wanted, store, machine(1), engine="elsewhere"))
    assert names(wanted, events, Finished) == [("big", 0), ("pupil", 0)]
    key = pupil_of(wanted).key
    ours = weights(store, key)["best.safetensors"]
    assert ours == relearnt(store, pupil_of(wanted), tmp_path / "again")
    # Also where the teacher was finished before.
    shutil.rmtree(store.run_folder(key))
    events = list(conduct(wanted, open_store(store.root), machine(1), engine="elsewhere"))
    assert names(wanted, events, Finished) == [("pupil", 0)]


def test_a_teacher_that_is_read_off_a_longer_run_frees_those_that_wait(store: Store) -> None:
    """A rung of its recipe that trains longer contains it, and no training of its own is left."""
    rungs = [{"name": "base"}, {"name": "long"}, {**SMALL["rungs"][2], "apply": ["distil(base)"]}]  # type: ignore[index]
    lengths = {"equal": {"base": 1, "long": 3, "pupil": 1}}
    wanted = plan(parse({**SMALL, "rungs": rungs, "budgets": lengths, "seeds": 1}, "mine.toml"))
    todo = jobs(wanted, store)
    assert [job.spec.epochs for job in todo] == [3, 1]
    events = list(conduct(wanted, store, machine(2)))
    assert set(names(wanted, events, Finished)) == {("base", 0), ("long", 0), ("pupil", 0)}


# --- what becomes of it otherwise ----------------------------------------------------------------


def test_with_a_teacher_that_failed_it_fails_and_says_so(store: Store) -> None:
    wanted = plan(study(rate=1e30), seeds=1)
    events = list(conduct(wanted, store, machine(2)))
    failed = {spec.key: e.failed for spec, e in events if isinstance(e, Finished) and e.failed}
    big, pupil = find(wanted, "big", 0), pupil_of(wanted)
    assert set(failed) == {big.key, pupil.key}
    assert failed[pupil.key] == f"its teacher (big, seed 0) failed: {failed[big.key]}"
    assert store.result(pupil.key).failed == failed[pupil.key]
    assert jobs(wanted, store) == ()  # which is its result


class Losing(Elsewhere):
    """Loses every run of a network that was made larger."""

    def submit(self, order: object) -> None:
        super().submit(order)  # type: ignore[arg-type]
        if len(order.job["spec"]["recipe"]["network"]["widths"]) > 1:  # type: ignore[attr-defined]
            self.kill(order.key)  # type: ignore[attr-defined]


def test_with_a_teacher_that_is_lost_it_is_not_begun(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: Callable[[Site], Elsewhere] = Losing
    monkeypatch.setitem(_ENGINES, "losing", _Entry(made))
    wanted = plan(study(), seeds=1)
    events = list(conduct(wanted, store, machine(1), engine="losing"))
    assert names(wanted, events, Lost) == [("big", 0), ("pupil", 0)]
    assert names(wanted, events, Finished) == [("base", 0)]
    spec, event = events[-1]
    assert describe(spec, event, wanted) == (
        "pupil, seed 0: not finished, its teacher (big, seed 0) is not finished"
    )
    again = list(conduct(wanted, store, machine(1)))  # the same command resumes both
    assert names(wanted, again, Finished) == [("big", 0), ("pupil", 0)]


@pytest.fixture
def from_archive(finished: tuple[Store, Plan], tmp_path: Path) -> Store:
    store, wanted = finished
    keep(store, tmp_path / "archive", wanted)
    taken = open_store(tmp_path / "taken")
    take(tmp_path / "archive", taken, wanted)
    return taken


def test_one_that_is_finished_needs_no_weights_of_its_teacher(
    from_archive: Store, finished: tuple[Store, Plan]
) -> None:
    wanted = finished[1]
    assert jobs(wanted, from_archive) == ()
    assert from_archive.result(pupil_of(wanted).key).spec == pupil_of(wanted)


def test_one_that_is_not_cannot_learn_from_an_archive(
    from_archive: Store, finished: tuple[Store, Plan]
) -> None:
    store, wanted = from_archive, finished[1]
    shutil.rmtree(store.run_folder(pupil_of(wanted).key))
    store = open_store(store.root)
    longer = plan(study(), seeds=2)
    events = list(conduct(longer, store, machine(2)))
    ((spec, event),) = [(spec, e) for spec, e in events if isinstance(e, Lost)]
    big = find(longer, "big", 0)
    assert describe(spec, event, longer) == (
        "pupil, seed 0: not finished, its teacher (big, seed 0) came from an archive, which keeps "
        f"no weights that could teach; to train it again, delete {store.run_folder(big.key)} and "
        "run without --archive"
    )
    # All else is done.
    assert len(names(longer, events, Finished)) == 3
    # Done as it says, it can.
    shutil.rmtree(store.run_folder(big.key))
    again = list(conduct(longer, open_store(store.root), machine(2)))
    assert names(longer, again, Finished) == [("big", 0), ("pupil", 0)]


def test_damaged_weights_teach_nobody(finished: tuple[Store, Plan], tmp_path: Path) -> None:
    store, wanted = copied(finished, tmp_path / "store"), finished[1]
    spec = pupil_of(wanted)
    assert spec.teacher_run is not None
    file = store.run_folder(spec.teacher_run.key) / "weights" / "best.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(StoreError, match=r"best\.safetensors is not what was written"):
        needed_weights(store, Job(spec))
    shutil.rmtree(store.run_folder(spec.key))
    events = list(conduct(wanted, open_store(store.root), machine(1)))
    assert names(wanted, events, Lost) == [("pupil", 0)]


def test_a_record_of_another_kind_loads_the_same_teacher(finished: tuple[Store, Plan]) -> None:
    store, wanted = finished
    job = Job(pupil_of(wanted))
    other = replace(RECORD, layout="contiguous", convolutions="library")
    one, two = (teacher_for(store, job, record, 4) for record in (RECORD, other))
    assert one is not None
    assert two is not None
    images = torch.rand(5, 3, 8, 8)
    torch.testing.assert_close(
        one(images.contiguous(memory_format=torch.channels_last)), two(images), rtol=1e-4, atol=1e-5
    )
    assert Setting(other).request.layout == "contiguous"


# --- what is shown -------------------------------------------------------------------------------


def test_forms_name_the_teacher_where_the_recipe_has_a_key(finished: tuple[Store, Plan]) -> None:
    store, wanted = finished
    data = gather(wanted, store, with_test=False)
    rung = next(item for item in data.rungs if item.name == "pupil")
    assert "taught by big" in rung.difference
    (plain,) = [item for item in to_json(data)["rungs"] if item["name"] == "pupil"]
    assert plain["teacher"] == "big"
    shown = shown_recipe(rung, data)
    assert shown.taught_by == "big"
    assert ("teaching.teacher", "", "big") in shown.changed
    assert ("teaching.teacher", "big") in shown.settings
    # Parameters and FLOPs are its own.
    base = next(item for item in data.rungs if item.name == "base")
    assert rung.cost == base.cost
    # The work of training is not: a third of the teacher's forward pass is added to its own.
    assert rung.speed is not None
    assert rung.speed.gflops is not None
    images = rung.speed.images_per_second
    big = next(item for item in data.rungs if item.name == "big")
    assert rung.speed.gflops == pytest.approx(
        (3 * (rung.cost[2] or 0) + (big.cost[2] or 0)) * images / 1e9
    )
