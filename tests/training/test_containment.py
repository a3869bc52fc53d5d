"""A long run contains the shorter ones: bit for bit what they are when they are trained alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rungs.data.images import DataSet, Exploration, ImageSet
from rungs.execution.conduct import conduct
from rungs.execution.engine import Finished
from rungs.execution.run_one import keep_labels, run_one
from rungs.foundation.environment import processor
from rungs.recipe import Recipe, replace
from rungs.recipe.components import Convolutional, PoolingHead
from rungs.recipe.learning_rates import depends_on_length
from rungs.recipe.modifications import Modification, apply, catalogue, example_recipe
from rungs.report.gather.runs import run_states
from rungs.store import Store, open_store
from rungs.store.results import RunSpec
from rungs.store.run_folder import check_manifest
from rungs.study import parse
from rungs.study.estimate import Machine
from rungs.study.jobs import Job, in_order, jobs
from rungs.study.plan import Plan, PlannedRung, plan
from rungs.training.fit import fit
from rungs.training.teaching import fresh_teacher
from tests.conftest import RECORD, SETTING, TINY
from tests.studies import edited

RECIPE = apply(
    Recipe(network=Convolutional(widths=(4,), head=PoolingHead(), dropout=(0.2,)), batch_size=32),
    "affine",
    {"rotation": 0.2},
)
LONG = RunSpec(RECIPE, 4, TINY, 0)
SHORT = LONG.lasting(2)
HERE = Machine("cpu", processor(), 1, 1)
BOTH = Job(LONG, (SHORT,), (SHORT,))
ALONE = Job(SHORT, (), (LONG,))


def do(store: Store, data: DataSet, *todo: Job, **more: Any) -> None:
    keep_labels(store, data)
    for job in todo:
        run_one(store, job, data, setting=SETTING, **more)


def contents(store: Store, spec: RunSpec) -> dict[str, object]:
    """All that a run found, without seconds."""
    folder = store.run_folder(spec.key)
    check_manifest(folder)
    found: dict[str, object] = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for part in ("weights", "predictions")
        for path in sorted((folder / part).iterdir())
    }
    result = store.result(spec.key)
    history = [(e.train_loss, e.val_loss, e.val_accuracy, e.learning_rate) for e in result.history]
    return found | {"history": history, "best": result.best_epoch, "spec": result.spec}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store that is filled with both runs, each trained by itself, by the first who needs it."""
    return open_store(tmp_path_factory.mktemp("apart"))


def same_as_apart(store: Store, apart: Store, data: DataSet) -> None:
    do(apart, data, Job(SHORT), Job(LONG))
    for spec in (SHORT, LONG):
        assert contents(store, spec) == contents(apart, spec)
    assert not list((store.root / "work").glob("*/*"))


# --- what is contained ---------------------------------------------------------------------------


def test_a_long_run_is_the_shorter_one_too(store: Store, apart: Store, tiny: DataSet) -> None:
    told: list[RunSpec] = []
    do(store, tiny, BOTH, on_read_off=lambda run, _: told.append(run))
    same_as_apart(store, apart, tiny)
    assert told == [SHORT]
    assert store.result(SHORT.key).read_off == LONG.key
    assert store.result(LONG.key).read_off is None


def test_a_longer_run_goes_on_from_a_shorter_one(store: Store, apart: Store, tiny: DataSet) -> None:
    begun: list[int] = []
    do(store, tiny, ALONE, BOTH, on_start=lambda done, _: begun.append(done))
    assert begun == [0, 2]
    same_as_apart(store, apart, tiny)
    assert store.result(LONG.key).extends == SHORT.key
    assert store.result(SHORT.key).extends is None


def test_nothing_is_kept_to_go_on_with_if_no_longer_run_is_known(
    store: Store, tiny: DataSet
) -> None:
    do(store, tiny, Job(SHORT))
    assert not list((store.root / "work").glob("*/*"))


@pytest.mark.parametrize(("first", "second"), [(BOTH, ALONE), (ALONE, BOTH)])
def test_what_another_length_has_done_is_not_done_again(
    store: Store, apart: Store, tiny: DataSet, first: Job, second: Job
) -> None:
    begun: list[int] = []
    do(store, tiny, first, should_stop=lambda: True)
    do(store, tiny, second, BOTH, on_start=lambda done, _: begun.append(done))
    assert begun[0] == 1
    same_as_apart(store, apart, tiny)


def test_a_long_run_past_the_end_of_the_shorter_one_is_left_alone(
    store: Store, apart: Store, tiny: DataSet
) -> None:
    done: list[int] = []
    do(
        store,
        tiny,
        Job(LONG),
        on_epoch=lambda entry: done.append(entry.epoch),
        should_stop=lambda: len(done) == 3,
    )
    do(store, tiny, ALONE, BOTH, on_epoch=lambda entry: done.append(entry.epoch))
    assert done == [1, 2, 3, 1, 2, 4]
    same_as_apart(store, apart, tiny)


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("todo", [(BOTH,), (ALONE, BOTH)], ids=["read off", "extended"])
def test_killed_at_any_file_operation_both_end_the_same(
    tiny: DataSet, apart: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, todo: list[Job]
) -> None:
    call = count = 0
    for name in ("replace", "rename"):
        real = getattr(Path, name)

        def counted(path: Path, target: Path, real: Callable[..., Path] = real) -> Path:
            nonlocal count
            count += 1
            if count == call:
                raise _KilledError
            return real(path, target)

        monkeypatch.setattr(Path, name, counted)
    do(apart, tiny, Job(SHORT), Job(LONG))
    killed = 0
    while True:
        call, count = call + 4, 0  # every fourth place, so that the test stays short
        store = open_store(tmp_path / str(call))
        try:
            do(store, tiny, *todo)
            break
        except _KilledError:
            killed += 1
        count = call  # none is killed again
        do(store, tiny, *todo)
        same_as_apart(store, apart, tiny)
    assert killed >= 4


def test_a_failure_before_the_shorter_one_ends_is_that_of_both(store: Store, tiny: DataSet) -> None:
    deep = Recipe(network=Convolutional(widths=(4, 8)), batch_size=32)
    long = RunSpec(apply(deep, "learning_rate", {"value": 1e30}), 3, TINY, 0)
    short = long.lasting(2)
    told: list[tuple[RunSpec, str | None]] = []
    job = Job(long, (short,), (short,))
    do(store, tiny, job, on_read_off=lambda run, failed: told.append((run, failed)))
    for spec in (long, short):
        assert "no longer finite at epoch 1" in str(store.result(spec.key).failed)
    assert told == [(short, store.result(short.key).failed)]


def test_a_model_made_beside_the_training_is_contained_too(tiny: DataSet, tmp_path: Path) -> None:
    recipe = apply(apply(RECIPE, "ema", {}), "renewed_statistics", {"images": 90})
    long = RunSpec(recipe, 4, TINY, 0)
    short = long.lasting(2)
    together, alone = open_store(tmp_path / "together"), open_store(tmp_path / "alone")
    do(together, tiny, Job(long, (short,), (short,)))
    do(alone, tiny, Job(short), Job(long))
    for spec in (short, long):
        assert contents(together, spec) == contents(alone, spec)


# --- what of a plan is contained -----------------------------------------------------------------

# Budgets: equal: 4 for both rungs; own: 2 and 4.
STUDY = parse(
    edited(
        ("data/train", 60),
        ("data/validation", 20),
        ("data/test", 20),
        ("data/size", 16),
        ("recipe", {"batch_size": 30, "network": {"widths": [2, 2]}}),
    ),
    "mine.toml",
)


def kinds(wanted: Plan, store: Store) -> list[tuple[int, list[int], list[int]]]:
    return [
        (job.spec.epochs, [run.epochs for run in job.contained], [run.epochs for run in job.kin])
        for job in jobs(wanted, store)
    ]


def test_the_study_says_which_lengths_are_worth_keeping(store: Store) -> None:
    whole, own = plan(STUDY), plan(STUDY, budget="own")
    assert kinds(whole, store) == [(4, [2], [2]), (4, [], []), (4, [], [])]
    assert kinds(own, store) == [(2, [], [4]), (4, [], []), (4, [], [])]
    assert kinds(plan(STUDY, epochs=6), store)[:2] == [(6, [2, 4], [2, 4]), (6, [4], [4])]


def test_the_place_of_a_half_done_run_decides(store: Store) -> None:
    base = plan(STUDY).runs[0]
    epochs = store.work_folder(base.key) / "epochs.jsonl"
    for done, contained in ((2, [2]), (3, [])):
        epochs.write_text("{}\n" * done)
        assert kinds(plan(STUDY), store)[0] == (4, contained, [2])


def test_no_length_is_left_to_one_that_is_not_trained(store: Store) -> None:
    """Six epochs, past two, contain four; four, which would contain two, are then no training."""
    (rung,) = plan(STUDY, only=("first",)).rungs
    lengths = [
        PlannedRung(rung.rung, epochs, (rung.runs[0].lasting(epochs),)) for epochs in (2, 4, 6)
    ]
    wanted = Plan(STUDY, "own", 1, rungs=tuple(lengths), ensembles=())
    assert kinds(wanted, store) == [(6, [2, 4], [2, 4])]
    longest = lengths[2].runs[0]
    (store.work_folder(longest.key) / "epochs.jsonl").write_text("{}\n" * 3)
    assert kinds(wanted, store) == [(2, [], [4, 6]), (6, [4], [2, 4])]


def test_the_longest_comes_first_but_first_seeds_before_second() -> None:
    todo = [Job(RunSpec(RECIPE, epochs, TINY, seed)) for seed in (0, 1) for epochs in (2, 9, 4)]
    ordered = in_order(todo, lambda job: job.spec.seed, lambda job: float(job.spec.epochs))
    assert [(job.spec.seed, job.spec.epochs) for job in ordered] == [
        *((0, 9), (0, 4), (0, 2)),
        *((1, 9), (1, 4), (1, 2)),
    ]


def test_a_job_travels_as_plain_types() -> None:
    assert Job.from_dict(BOTH.to_dict()) == BOTH


def test_a_budget_is_done_by_a_longer_one(store: Store) -> None:
    wanted = plan(STUDY, only=("first",))
    two = Machine("cpu", processor(), 2, 1)  # but there is one training alone
    events = list(conduct(wanted, store, two))
    assert [spec.epochs for spec, event in events if isinstance(event, Finished)] == [4]
    assert store.result(wanted.runs[0].key).workers == 1
    own = plan(STUDY, budget="own", only=("first",))
    assert jobs(own, store) == ()
    assert list(conduct(own, store, HERE)) == []
    (state,) = run_states(own, store)
    assert state.origin == f"read off from run {wanted.runs[0].key}"
    assert store.index.keys() == {run.key for run in (*wanted.runs, *own.runs)}


# --- which recipes contain their shorter runs ----------------------------------------------------


# A network knows nothing of the run that trains it.
OTHERS = [entry for entry in catalogue() if entry.family != "architecture"]


@pytest.mark.parametrize("entry", OTHERS, ids=lambda entry: entry.name)
def test_what_is_said_not_to_depend_on_length_does_not(entry: Modification, tmp_path: Path) -> None:
    recipe = replace(apply(example_recipe(entry), entry.name, entry.example), batch_size=6)
    if depends_on_length(recipe):
        return
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (12, 3, 16, 16), dtype=torch.uint8)
    images = ImageSet(pixels, torch.arange(12) % 4)
    data = Exploration(images, images, ("a", "b", "c", "d"))
    teacher = None
    if recipe.teaching.teacher:  # any network will do
        teacher = fresh_teacher(recipe, (3, 16, 16), 4, RECORD)
    states = []
    for epochs in (2, 5):
        folder = tmp_path / str(epochs)
        folder.mkdir()
        done: list[int] = []
        fit(
            recipe,
            data,
            seed=0,
            epochs=epochs,
            record=RECORD,
            folder=folder,
            teacher=teacher,
            on_epoch=lambda entry, done=done: done.append(entry.epoch),  # type: ignore[misc]
            should_stop=lambda done=done: len(done) == 2,  # type: ignore[misc]
        )
        states.append(torch.load(folder / "checkpoint.pt", weights_only=True)["model"])
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
