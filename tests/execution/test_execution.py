"""One run: what it leaves, and that it goes on and ends the same wherever it was killed."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rungs.data.images import DataSet
from rungs.execution.continuing import Beginning
from rungs.execution.display import describe
from rungs.execution.engine import Started
from rungs.execution.run_one import keep_labels, run_one
from rungs.foundation import files
from rungs.foundation.errors import StoreError
from rungs.recipe import Recipe
from rungs.recipe.components import Convolutional
from rungs.recipe.modifications import apply
from rungs.store import Store, open_store
from rungs.store.results import RunSpec
from rungs.store.run_folder import check_manifest
from rungs.study import load
from rungs.study.jobs import Job
from rungs.study.plan import plan
from rungs.training.record import Setting
from tests.conftest import RECORD, SETTING, TINY
from tests.runs import CYCLES, DRAWN, RECIPE, SPEC, done, weights


def test_a_finished_run_has_all_its_parts(store: Store, tiny: DataSet) -> None:
    done(store, CYCLES, tiny)
    folder = store.run_folder(CYCLES.key)
    names = ["best", "snapshot-1", "snapshot-2", "snapshot-3"]
    assert sorted(weights(store, CYCLES.key)) == [f"{name}.safetensors" for name in names]
    for name in names:
        for part, n in (("validation", 60), ("test", 80)):
            logits = np.load(folder / "predictions" / f"{name}-{part}.npy", allow_pickle=False)
            assert logits.shape == (n, 4)
            assert logits.dtype == np.float32
    assert len((folder / "epochs.jsonl").read_text().splitlines()) == 3
    assert not list(folder.glob("checkpoint*"))
    check_manifest(folder)
    result = store.result(CYCLES.key)
    assert result.spec == CYCLES
    assert result.snapshots == 3
    assert result.exact
    assert result.execution["threads"] == 1
    assert not (store.root / "work" / CYCLES.key).exists()


def test_predictions_of_the_best_epoch_are_those_that_were_measured(
    store: Store, tiny: DataSet
) -> None:
    done(store, SPEC, tiny)
    result = store.result(SPEC.key)
    labels = store.labels(TINY.fingerprint, "validation")
    assert labels is not None
    predictions = store.predictions(SPEC.key, "validation", labels)
    best = result.history[result.best_epoch - 1]
    assert (predictions.predicted == labels.labels).mean() == pytest.approx(best.val_accuracy)
    assert -np.log(predictions.true_probability).mean() == pytest.approx(best.val_loss, rel=1e-5)


def test_an_ensemble_is_the_mean_of_the_last_softmax_outputs(store: Store, tiny: DataSet) -> None:
    done(store, CYCLES, tiny)
    folder = store.run_folder(CYCLES.key) / "predictions"
    labels = store.labels(TINY.fingerprint, "test")
    assert labels is not None
    members = [
        torch.softmax(torch.from_numpy(np.load(folder / f"snapshot-{i}-test.npy")).double(), 1)
        for i in (2, 3)
    ]
    expected = torch.stack(members).mean(0).numpy()
    ours = store.answers(CYCLES.key, "ensemble-2", "test", labels)
    assert (ours == expected.argmax(1)).all()


def test_a_run_needs_nothing_of_torchs_compiler(store: Store) -> None:
    """Its import would take longer than all else that a worker does before its first step."""
    code = """
import json, sys
from pathlib import Path
from rungs.data.loading import load
from rungs.execution.display import describe
from rungs.execution.engine import Started
from rungs.execution.run_one import keep_labels, run_one
from rungs.study.jobs import Job
from rungs.store.results import RunSpec
from rungs.store import Store
from rungs.training.record import Setting, choose_record

store, spec = Store(Path(sys.argv[1])), RunSpec.from_dict(json.loads(sys.argv[2]))
data = load(spec.data)
keep_labels(store, data)
run_one(store, Job(spec), data, setting=Setting(choose_record("cpu", 1)))
found = sorted({"torch._dynamo", "torch._inductor", "sympy"} & set(sys.modules))
sys.exit(f"imported: {found}" if found else 0)
"""
    spec = RunSpec(RECIPE, 1, DRAWN, 0)
    arguments = [str(store.root), json.dumps(spec.to_dict())]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 0, done.stderr
    assert store.is_finished(spec.key)


def test_failure_is_a_result(store: Store, tiny: DataSet) -> None:
    deep = Recipe(network=Convolutional(widths=(4, 8)), batch_size=32)
    spec = RunSpec(apply(deep, "learning_rate", {"value": 1e30}), 2, TINY, 0)
    done(store, spec, tiny)
    result = store.result(spec.key)
    assert result.failed is not None
    assert "no longer finite at epoch 1" in result.failed
    assert store.index.rows()[0]["failed"] == result.failed


def test_a_second_process_at_the_same_run_is_refused(
    store: Store, tiny: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rungs.execution.continuing._ORPHAN_SECONDS", 0.1)

    def second(_: object) -> None:
        with pytest.raises(StoreError, match="another process is doing run"):
            run_one(store, Job(SPEC), tiny, setting=SETTING)

    keep_labels(store, tiny)
    assert run_one(store, Job(SPEC), tiny, setting=SETTING, on_epoch=second)


@pytest.mark.parametrize("other", [{"torch": "1.0"}, {"instructions": "AVX1024"}])
def test_an_execution_record_that_cannot_be_honoured_is_marked(
    store: Store, tiny: DataSet, other: dict[str, str]
) -> None:
    run_one(store, Job(SPEC), tiny, setting=SETTING, should_stop=lambda: True)
    path = store.work_folder(SPEC.key) / "execution.json"
    files.write_json(path, {**files.read_json(path), **other})
    done(store, SPEC, tiny)
    result = store.result(SPEC.key)
    assert not result.exact
    assert result.execution == RECORD.to_dict()


@pytest.mark.parametrize(("threads", "ceiling"), [(1, 50.0), (2, None)])
def test_a_run_is_held_against_no_ceiling_of_other_threads(
    store: Store, tiny: DataSet, threads: int, ceiling: float | None
) -> None:
    began = replace(RECORD, threads=threads)
    run_one(store, Job(SPEC), tiny, setting=Setting(began), should_stop=lambda: True)
    run_one(store, Job(SPEC), tiny, setting=Setting(RECORD, ceiling=50.0))
    assert store.result(SPEC.key).execution["threads"] == threads
    assert store.result(SPEC.key).ceiling == ceiling


@pytest.mark.parametrize(
    ("first", "then", "kept"), [(1, 1, 1), (2, 1, 2), (1, 3, 3), (None, 1, None), (1, None, None)]
)
def test_a_run_says_how_many_shared_the_machine_in_any_part_of_it(
    store: Store, tiny: DataSet, first: int | None, then: int | None, kept: int | None
) -> None:
    job = Job(SPEC)
    run_one(store, job, tiny, setting=SETTING, workers=first, should_stop=lambda: True)
    run_one(store, job, tiny, setting=SETTING, workers=then)
    result = store.result(SPEC.key)
    assert result.workers == kept
    assert result.exact  # it moves no bit
    assert result.execution == RECORD.to_dict()


def test_a_run_from_before_workers_were_noted_does_not_know_them(
    store: Store, tiny: DataSet
) -> None:
    run_one(store, Job(SPEC), tiny, setting=SETTING, workers=1, should_stop=lambda: True)
    path = store.work_folder(SPEC.key) / "execution.json"
    began = files.read_json(path)
    assert began.pop("workers") == 1
    files.write_json(path, began)
    run_one(store, Job(SPEC), tiny, setting=SETTING, workers=1)
    path = store.run_folder(SPEC.key) / "run.json"
    plain = files.read_json(path)
    assert plain.pop("workers") is None
    files.write_json(path, plain)
    assert store.result(SPEC.key).workers is None


def test_a_longer_run_goes_on_with_what_shared_the_machine_before(
    store: Store, tiny: DataSet
) -> None:
    long = SPEC.lasting(3)
    keep_labels(store, tiny)
    run_one(store, Job(SPEC, kin=(long,)), tiny, setting=SETTING, workers=2)
    run_one(store, Job(long, kin=(SPEC,)), tiny, setting=SETTING, workers=1)
    assert store.result(long.key).extends == SPEC.key
    assert store.result(long.key).workers == 2


def test_a_run_from_before_instructions_were_noted_goes_on_as_it_was(
    store: Store, tiny: DataSet
) -> None:
    run_one(store, Job(SPEC), tiny, setting=SETTING, should_stop=lambda: True)
    path = store.work_folder(SPEC.key) / "execution.json"
    began = files.read_json(path)
    assert began.pop("instructions")
    files.write_json(path, began)
    done(store, SPEC, tiny)
    result = store.result(SPEC.key)
    assert result.exact
    assert "instructions" not in result.execution


@pytest.mark.parametrize("choice", ["library", None])  # None: written before there was a choice
def test_a_run_goes_on_with_the_convolutions_that_it_began_with(
    store: Store, tiny: DataSet, choice: str | None
) -> None:
    run_one(store, Job(SPEC), tiny, setting=SETTING, should_stop=lambda: True)
    path = store.work_folder(SPEC.key) / "execution.json"
    began = files.read_json(path)
    assert began.pop("convolutions") == "minimal"
    files.write_json(path, began | ({"convolutions": choice} if choice else {}))
    done(store, SPEC, tiny)
    result = store.result(SPEC.key)
    assert result.exact
    assert result.execution["convolutions"] == "library"


@pytest.mark.parametrize("damaged", ["", "{}", '{"weight_gradients": "products"}'])
def test_a_run_whose_record_is_lost_or_of_another_version_is_marked(
    store: Store, tiny: DataSet, damaged: str
) -> None:
    run_one(store, Job(SPEC), tiny, setting=SETTING, should_stop=lambda: True)
    (store.work_folder(SPEC.key) / "execution.json").write_text(damaged, encoding="utf-8")
    done(store, SPEC, tiny)
    assert not store.result(SPEC.key).exact


@pytest.mark.parametrize("damage", [b"", b"no checkpoint"])
def test_a_damaged_checkpoint_is_told_and_the_run_begins_anew(
    store: Store, tiny: DataSet, tmp_path: Path, damage: bytes
) -> None:
    whole = open_store(tmp_path / "whole")
    done(whole, SPEC, tiny)
    keep_labels(store, tiny)
    began: list[tuple[int, bool]] = []

    def start(epochs: int, beginning: Beginning) -> None:
        began.append((epochs, beginning.anew))

    def once(*, stop: bool) -> None:
        run_one(store, Job(SPEC), tiny, setting=SETTING, on_start=start, should_stop=lambda: stop)

    once(stop=True)
    (store.work_folder(SPEC.key) / "checkpoint.pt").write_bytes(damage)
    once(stop=False)
    assert began == [(0, False), (0, True)]
    assert weights(store, SPEC.key) == weights(whole, SPEC.key)
    wanted = plan(load("quickstart"))
    started = Started(wanted.runs[0].key, 0, exact=True, anew=True)
    said = describe(wanted.runs[0], started, wanted)
    assert said.endswith("from the first epoch: its checkpoint cannot be read")


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("call", range(1, 25))
def test_killed_at_any_file_operation_ends_the_same(
    store: Store, tiny: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """A stop before each rename, in turn: written files, moved weights and the run's completion."""
    whole = open_store(tmp_path / "whole")
    done(whole, CYCLES, tiny)
    keep_labels(store, tiny)
    count = 0
    for name in ("replace", "rename"):
        real = getattr(Path, name)

        def counted(path: Path, target: Path, real: Callable[..., Path] = real) -> Path:
            nonlocal count
            count += 1
            if count == call:
                raise _KilledError
            return real(path, target)

        monkeypatch.setattr(Path, name, counted)
    epochs: list[int] = []
    for _ in range(2):
        with contextlib.suppress(_KilledError):
            run_one(
                store,
                Job(CYCLES),
                tiny,
                setting=SETTING,
                on_epoch=lambda entry: epochs.append(entry.epoch),
            )
    assert count >= call, "the run has fewer file operations: lower the range"
    assert weights(store, CYCLES.key) == weights(whole, CYCLES.key)
    assert sorted(set(epochs)) in ([1, 2, 3], [2, 3], [3])
    assert len(epochs) <= 3  # at most the epoch that was not yet kept is trained twice
    check_manifest(store.run_folder(CYCLES.key))
