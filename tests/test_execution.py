"""Runs, stores and archives with real processes: what is killed goes on and ends the same."""

import contextlib
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rungs import files
from rungs.archive import export_runs, import_runs
from rungs.components import Convolutional, PoolingHead
from rungs.data import DataSet
from rungs.dataspec import SyntheticSpec
from rungs.errors import StoreError
from rungs.execution.continuing import Beginning
from rungs.execution.cores import pin
from rungs.execution.pool import Event, do_runs
from rungs.execution.probe import side_by_side
from rungs.execution.run_one import keep_labels, run_one
from rungs.jobs import Job
from rungs.modifications import apply
from rungs.own import forget_module, load_module
from rungs.plan import plan
from rungs.predictions import (
    compact,
    read_compact,
    read_members,
    softmax,
    write_compact,
    write_members,
)
from rungs.recipe import Recipe
from rungs.report.planned import describe
from rungs.results import RunSpec
from rungs.run_folder import check_manifest, write_manifest
from rungs.store import PARTS, Store, open_store
from rungs.study import load
from rungs.training.record import ExecutionRecord, Setting

from .conftest import RECORD, SETTING, TINY

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


# --- one run -------------------------------------------------------------------------------------


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
from rungs.data import load
from rungs.execution.run_one import keep_labels, run_one
from rungs.jobs import Job
from rungs.results import RunSpec
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
    said = describe("start", wanted.runs[0], {"done": 0, "exact": True, "anew": True}, wanted)
    assert said.endswith("anew: its checkpoint cannot be read")


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


# --- store and archive ---------------------------------------------------------------------------


def test_index_is_rebuilt_when_it_is_damaged_or_missing(store: Store, tiny: DataSet) -> None:
    done(store, SPEC, tiny)
    rows = store.index.rows()
    assert [row["key"] for row in rows] == [SPEC.key]
    index = store.root / "index.sqlite"
    for damage in (index.unlink, lambda: index.write_bytes(b"no database" * 100)):
        damage()
        assert open_store(store.root).index.rows() == rows


def test_a_run_without_manifest_is_not_finished(store: Store, tiny: DataSet) -> None:
    done(store, SPEC, tiny)
    (store.run_folder(SPEC.key) / "manifest.json").unlink()
    assert not store.is_finished(SPEC.key)
    done(store, SPEC, tiny)
    assert store.is_finished(SPEC.key)


def test_a_damaged_run_is_one_clear_error(store: Store, tiny: DataSet) -> None:
    done(store, SPEC, tiny)
    (store.run_folder(SPEC.key) / "run.json").write_text("{")
    with pytest.raises(StoreError, match="this run cannot be read"):
        Store(store.root).result(SPEC.key)


def test_a_store_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="no store can be made here"):
        open_store(tmp_path / "file" / "store")
    (tmp_path / "runs").write_text("")
    with pytest.raises(StoreError, match="expected a folder of the store"):
        open_store(tmp_path)


def test_archive_keeps_what_evaluation_needs(store: Store, tiny: DataSet, tmp_path: Path) -> None:
    done(store, CYCLES, tiny)
    archive = tmp_path / "archive"
    assert export_runs(store, [CYCLES.key, "0" * 16], archive) == [CYCLES.key]
    assert export_runs(store, [CYCLES.key], archive) == []
    assert not list((archive / "runs" / CYCLES.key).glob("weights/*"))
    other = open_store(tmp_path / "other")
    keep_labels(other, tiny)
    assert import_runs(other, archive) == [CYCLES.key]
    assert import_runs(other, archive) == []
    assert other.result(CYCLES.key) == store.result(CYCLES.key)
    for part in PARTS:
        labels = store.labels(TINY.fingerprint, part)
        assert labels is not None
        ours = store.predictions(CYCLES.key, part, labels)
        theirs = other.predictions(CYCLES.key, part, labels)
        assert (ours.top5 == theirs.top5).all()
        np.testing.assert_allclose(
            ours.true_probability, theirs.true_probability, atol=5e-4, rtol=1e-3
        )
        for name in ("best", "snapshot-1", "snapshot-3", "ensemble-2", "ensemble-3"):
            answers = [each.answers(CYCLES.key, name, part, labels) for each in (store, other)]
            assert (answers[0] == answers[1]).all()
        with pytest.raises(StoreError, match="no answers of ensemble-4"):
            other.answers(CYCLES.key, "ensemble-4", part, labels)


def test_a_damaged_archive_is_refused(store: Store, tiny: DataSet, tmp_path: Path) -> None:
    done(store, SPEC, tiny)
    archive = tmp_path / "archive"
    export_runs(store, [SPEC.key], archive)
    path = archive / "runs" / SPEC.key / "predictions" / "best-test.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    other = open_store(tmp_path / "other")
    with pytest.raises(StoreError, match="its checksum differs"):
        import_runs(other, archive)
    assert not other.is_finished(SPEC.key)


def rewritten(folder: Path) -> None:
    """Makes the manifest fit what somebody has put into a run folder."""
    write_manifest(folder, folder.name)


@pytest.fixture
def foreign(store: Store, tiny: DataSet, tmp_path: Path) -> Path:
    """The run folder of an archive that anybody may have made."""
    done(store, SPEC, tiny)
    export_runs(store, [SPEC.key], tmp_path / "archive")
    return tmp_path / "archive" / "runs" / SPEC.key


def refused(folder: Path, message: str) -> None:
    other = open_store(folder.parents[2] / "other")
    with pytest.raises(StoreError, match=message):
        import_runs(other, folder.parents[1])
    assert not other.is_finished(folder.name)


def test_an_archive_with_a_link_is_refused(foreign: Path) -> None:
    (foreign / "epochs.jsonl").unlink()
    (foreign / "epochs.jsonl").symlink_to("/etc/passwd")
    rewritten(foreign)
    refused(foreign, "is a link or a device")


def test_a_manifest_names_no_file_outside(foreign: Path) -> None:
    manifest = files.read_json(foreign / "manifest.json")
    for name in ("/dev/zero", "../../../secret"):
        changed = {**manifest, "sha256": {**manifest["sha256"], name: "0" * 64}}
        files.write_json(foreign / "manifest.json", changed)
        refused(foreign, "is missing")


def test_a_run_under_anothers_name_is_refused(foreign: Path) -> None:
    (foreign / "run.json").write_text(
        (foreign / "run.json").read_text().replace('"batch_size": 32', '"batch_size": 31')
    )
    rewritten(foreign)
    refused(foreign, "not the one that it is called after")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("run.json", r'"best_epoch": \d+', '"best_epoch": 99'),
        ("run.json", r'"best_epoch": \d+', '"best_epoch": "1"'),
        ("run.json", r'"snapshots": 0', '"snapshots": 1000000000'),
        ("run.json", r'"failed": null', '"failed": 7'),
        ("run.json", r'"ceiling": null', '"ceiling": "much"'),
        ("run.json", r'"execution": ', '"execution": 1, "was": '),
        ("epochs.jsonl", r'"epoch": 2', '"epoch": 3'),
        ("epochs.jsonl", r'"val_loss": [^,]+', '"val_loss": "low"'),
        ("epochs.jsonl", r'"val_loss": [^,]+', '"val_loss": NaN'),
        ("epochs.jsonl", r"\n.*\n", "\n"),
    ],
)
def test_a_run_that_no_training_leaves_is_refused(
    foreign: Path, name: str, old: str, new: str
) -> None:
    text, edits = re.subn(old, new, (foreign / name).read_text())
    assert edits
    (foreign / name).write_text(text)
    rewritten(foreign)
    refused(foreign, "this run cannot be read")


def test_a_run_folder_that_is_a_link_is_refused(foreign: Path, tmp_path: Path) -> None:
    foreign.rename(tmp_path / foreign.name)
    foreign.symlink_to(tmp_path / foreign.name)
    refused(foreign, "is a link or a device")


def test_classes_that_the_data_has_not_are_refused(foreign: Path, store: Store) -> None:
    labels = store.labels(TINY.fingerprint, "test")
    assert labels is not None
    n = len(labels.labels)
    wrong = compact(np.eye(5)[np.full(n, 4)], np.zeros(n, dtype=int))  # a class 4 of 0 to 3
    path = foreign / "predictions" / "best-test.npz"
    write_compact(path, wrong)
    rewritten(foreign)
    other = open_store(foreign.parents[2] / "other")
    import_runs(other, foreign.parents[1])
    for asked in (
        lambda: other.predictions(foreign.name, "test", labels),
        lambda: other.answers(foreign.name, "best", "test", labels),
    ):
        with pytest.raises(StoreError, match="of another data set"):
            asked()


def test_json_without_end_is_refused(foreign: Path) -> None:
    (foreign / "run.json").write_text("[" * 200_000)
    rewritten(foreign)
    refused(foreign, "this run cannot be read")


def test_an_enormous_run_is_refused(foreign: Path) -> None:
    with (foreign / "epochs.jsonl").open("ab") as file:
        file.truncate(300_000_000)  # sparse: takes no space
    refused(foreign, "more than a run can have")


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04 no archive", pickle.dumps({"top5": 1}), b"\x93NUMPY\x01\x00"],
    ids=["empty", "zip", "pickle", "npy"],
)
def test_predictions_that_are_none_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(StoreError, match="cannot be read"):
        read_compact(tmp_path / "x.npz")


def test_predictions_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("top5.npy", "w", force_zip64=True) as member,
    ):
        for _ in range(300):
            member.write(bytes(1_000_000))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(StoreError, match="would unpack to 300,000,000 bytes"):
        read_compact(path)


def test_predictions_of_other_shapes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, top5=np.zeros((3, 5)), true_probability=np.zeros(4))
    with pytest.raises(StoreError, match="other shapes"):
        read_compact(path)
    np.savez(path, top5=np.array([{}], dtype=object), true_probability=np.zeros(4))
    with pytest.raises(StoreError, match="cannot be read"):
        read_compact(path)


def test_compact_predictions_of_15000_images_are_small(tmp_path: Path) -> None:
    """The worst case: probabilities that do not compress, for 100 classes."""
    generator = np.random.default_rng(0)
    total = 0
    for n in (5_000, 10_000):
        probabilities = softmax(generator.normal(size=(n, 100)))
        predictions = compact(probabilities, generator.integers(0, 100, n))
        write_compact(tmp_path / f"{n}.npz", predictions)
        total += (tmp_path / f"{n}.npz").stat().st_size
    assert total < 150_000


@pytest.mark.parametrize("classes", [2, 255, 256, 10_000])
def test_answers_of_members_come_back(tmp_path: Path, classes: int) -> None:
    generator = np.random.default_rng(0)
    best = generator.integers(0, classes, 500)
    best[:2] = (0, classes - 1)
    members = {"snapshot-1": generator.integers(0, classes, 500), "snapshot-2": best}
    write_members(tmp_path / "members.npz", members, best)
    found = read_members(tmp_path / "members.npz", best)
    assert list(found) == list(members)
    for name, predicted in members.items():
        assert (found[name] == predicted).all()
    with pytest.raises(StoreError, match="other shapes"):
        read_members(tmp_path / "members.npz", best[:-1])


def test_written_files_can_be_read_by_whom_the_user_lets(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    files.write_text(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_writes_leave_the_old_file_when_they_fail(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write_text(path, "old")

    def fail(file: object) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# --- processes -----------------------------------------------------------------------------------

CONDUCTOR = """
import json, sys
from pathlib import Path
from rungs.execution.pool import do_runs
from rungs.jobs import Job
from rungs.training.record import Setting, choose_record

store, *jobs = sys.argv[1:]
for event in do_runs(
    [Job.from_dict(json.loads(job)) for job in jobs],
    store=Path(store), setting=lambda _: Setting(choose_record("cpu", 1)), workers=2, data_dir=None,
):
    number = event.values.get("epoch", event.values.get("done"))
    print(event.kind, event.spec.key, number, flush=True)
"""


def conduct(store: Store, specs: list[RunSpec]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CONDUCTOR, str(store.root)]
        + [json.dumps(Job(spec).to_dict()) for spec in specs],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def do(store: Store, specs: list[RunSpec], modules: Sequence[Path] = ()) -> list[Event]:
    """The runs in worker processes, two side by side."""
    return list(
        do_runs(
            [Job(spec) for spec in specs],
            store=store.root,
            setting=lambda _: SETTING,
            workers=2,
            data_dir=None,
            modules=modules,
        )
    )


def workers_of(conductor: int) -> list[int]:
    """Process ids of a conductor's workers."""
    text = Path(f"/proc/{conductor}/task/{conductor}/children").read_text()
    return [int(pid) for pid in text.split()]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def runs_of(epochs: int) -> list[RunSpec]:
    recipe = Recipe(
        network=Convolutional(widths=(4, 8), head=PoolingHead(), dropout=(0.1, 0.1)), batch_size=32
    )
    recipe = apply(recipe, "affine", {"rotation": 0.2})
    return [RunSpec(recipe, epochs, DRAWN, seed) for seed in (0, 1)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with the runs of `runs_of` as they end when nobody kills anything."""
    store = open_store(tmp_path_factory.mktemp("undisturbed"))
    events = do(store, runs_of(8))
    assert [event.kind for event in events].count("done") == 2
    assert not any(event.values["done"] for event in events if event.kind == "start")
    return store


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes through /proc")
@pytest.mark.parametrize("victim", ["conductor", "worker", "all"])
def test_killed_runs_go_on_and_end_with_the_same_weights(
    store: Store, undisturbed: Store, victim: str
) -> None:
    specs = runs_of(8)
    process = conduct(store, specs)
    assert process.stdout is not None
    for line in process.stdout:  # until some epochs are done
        kind, _, number = line.split()
        if kind == "epoch" and int(number) >= 3:
            break
    workers = workers_of(process.pid)
    if victim == "conductor":
        process.kill()
    elif victim == "worker":
        os.kill(workers[0], signal.SIGKILL)
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait(timeout=60)
    deadline = time.monotonic() + 30
    while not all(gone(pid) for pid in workers):  # orphaned workers end themselves
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert not all(store.is_finished(spec.key) for spec in specs)
    todo = [spec for spec in specs if not store.is_finished(spec.key)]
    events = do(store, todo)
    assert max(event.values["done"] for event in events if event.kind == "start") >= 2
    for spec in specs:
        assert weights(store, spec.key) == weights(undisturbed, spec.key)
        assert [e.val_loss for e in store.result(spec.key).history] == [
            e.val_loss for e in undisturbed.result(spec.key).history
        ]


def test_more_runs_than_workers_are_all_done(store: Store) -> None:
    specs = [RunSpec(RECIPE, 1, DRAWN, seed) for seed in range(3)]
    events = do(store, specs)
    assert {event.spec.seed for event in events if event.kind == "done"} == {0, 1, 2}
    assert all(store.is_finished(spec.key) for spec in specs)


@pytest.fixture
def two_cores() -> Iterator[set[int]]:
    """This process on two cores."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores, and a system that lets a process choose")
    before = os.sched_getaffinity(0)
    cores = set(sorted(before)[:2])
    os.sched_setaffinity(0, cores)
    yield cores
    pin(before)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes through /proc")
def test_a_worker_has_cores_of_its_own_unless_its_run_began_with_more_threads(
    store: Store, tiny: DataSet, two_cores: set[int]
) -> None:
    begun, other = RunSpec(RECIPE, 2, DRAWN, 0), RunSpec(RECIPE, 1, DRAWN, 1)
    began = ExecutionRecord(**{**SETTING.record.to_dict(), "threads": 2})
    files.write_json(store.work_folder(begun.key) / "execution.json", began.to_dict())
    found: dict[RunSpec, set[int]] = {}
    jobs = [Job(begun), Job(other)]
    for event in do_runs(
        jobs, store=store.root, setting=lambda _: SETTING, workers=2, data_dir=None
    ):
        if event.kind == "epoch" and event.spec not in found:
            for pid in workers_of(os.getpid()):
                mask = os.sched_getaffinity(pid)
                found.setdefault(begun if mask == two_cores else other, mask)
    assert found[begun] == two_cores
    assert len(found[other]) == 1
    assert store.result(begun.key).execution["threads"] == 2


def test_threads_that_were_begun_before_are_kept_on_the_cores_too(two_cores: set[int]) -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        core = {min(two_cores)}
        pin(core)
        assert os.sched_getaffinity(0) == core
        assert os.sched_getaffinity(thread.native_id or 0) == core
    finally:
        pin(two_cores)
        over.set()
        thread.join()


LOUD = """
import os

from rungs.components import Activation, component

print("a module that is read")


@component
class Loud(Activation):
    \"\"\"max(x, 0), and says so.\"\"\"

    def build(self):
        from torch import nn

        print("a network that is built")
        os.write(1, b"past Python, as a library does\\n")
        return nn.ReLU()
"""


def test_what_a_users_module_prints_is_no_message_of_a_worker(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "loud.py"
    path.write_text(LOUD, encoding="utf-8")
    load_module(path)
    try:
        recipe = apply(RECIPE, "activation", {"to": {"kind": "loud:loud"}})
        spec = RunSpec(recipe, 1, DRAWN, 0)
        events = do(store, [spec], modules=(path,))
        assert [event.kind for event in events if event.kind != "step"] == [
            "start",
            "epoch",
            "done",
        ]
        assert side_by_side(spec, SETTING.record, 1, (path,))
    finally:
        forget_module("loud")


def test_an_error_in_a_worker_is_ours_to_show(store: Store) -> None:
    too_small = Recipe(network=Convolutional(widths=(4, 4, 4, 4, 4), head=PoolingHead()))
    with pytest.raises(Exception, match="would have no pixels left"):
        do(store, [RunSpec(too_small, 1, DRAWN, 0)])
