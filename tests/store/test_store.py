"""Stores and archives of runs: made again, checked, and refused where they are damaged."""

import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rungs.data.images import DataSet
from rungs.execution.run_one import keep_labels
from rungs.foundation import files
from rungs.foundation.errors import StoreError
from rungs.statistics.predictions import (
    compact,
    read_compact,
    read_members,
    softmax,
    write_compact,
    write_members,
)
from rungs.store import PARTS, Store, open_store
from rungs.store.archive import export_runs, import_runs
from rungs.store.mixtures import mixture
from rungs.store.results import RunSpec
from rungs.store.run_folder import write_manifest
from tests.conftest import TINY
from tests.runs import CYCLES, SPEC, done


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


def test_what_was_computed_of_a_damaged_run_goes_with_it(store: Store, tiny: DataSet) -> None:
    done(store, CYCLES, tiny)
    key, fingerprint = CYCLES.key, TINY.fingerprint
    members = ((key, "snapshot-1"), (key, "snapshot-2"))

    def computed() -> tuple[object, list[int]]:
        fresh = Store(store.root)
        validation, test = (
            fresh.labels(fingerprint, "validation"),
            fresh.labels(fingerprint, "test"),
        )
        assert validation is not None
        assert test is not None
        answers = mixture(fresh, members, "test", test)
        assert answers is not None
        return fresh.calibration(key, validation, test), answers.tolist()

    whole = computed()
    for path in store.run_folder(key).glob("predictions/*-test.npy"):
        np.save(path, -np.load(path))
    damaged = computed()
    assert damaged[0] != whole[0]
    assert damaged[1] != whole[1]
    store.run_folder(key).rename(store.root / "damaged")
    done(store, CYCLES, tiny)
    assert computed() == whole


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


def test_a_damaged_run_is_not_archived(store: Store, tiny: DataSet, tmp_path: Path) -> None:
    done(store, SPEC, tiny)
    history = store.run_folder(SPEC.key) / "epochs.jsonl"
    history.write_text(history.read_text("utf-8").replace("1", "2", 1), encoding="utf-8")
    with pytest.raises(StoreError, match="is not what was written: its checksum differs"):
        export_runs(store, [SPEC.key], tmp_path / "archive")
    assert not (tmp_path / "archive" / "runs" / SPEC.key).exists()


def test_a_run_that_ends_while_an_archive_is_taken_keeps_its_weights(
    store: Store, tiny: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(store, SPEC, tiny)
    archive, other = tmp_path / "archive", open_store(tmp_path / "other")
    export_runs(store, [SPEC.key], archive)
    monkeypatch.setattr("rungs.store.archive.check_manifest", lambda _: done(other, SPEC, tiny))
    assert import_runs(other, archive) == []
    assert list(other.run_folder(SPEC.key).glob("weights/*"))


def test_a_run_that_another_process_has_archived_meanwhile_is_left_alone(
    store: Store, tiny: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(store, SPEC, tiny)
    archive = tmp_path / "archive"

    def slowly(folder: Path, key: str) -> None:
        monkeypatch.undo()
        write_manifest(folder, key)
        assert export_runs(store, [key], archive) == [key]

    monkeypatch.setattr("rungs.store.archive.write_manifest", slowly)
    assert export_runs(store, [SPEC.key], archive) == []
    assert [path.name for path in (archive / "runs").iterdir()] == [SPEC.key]


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


def test_a_run_of_a_former_version_is_taken_under_its_name(
    foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(SPEC.recipe.optimiser), "version", 3)
    monkeypatch.setattr("rungs.recipe.keys._remembered", {})  # of the version before
    assert RunSpec(SPEC.recipe, SPEC.epochs, SPEC.data, SPEC.seed).key != foreign.name
    other = open_store(foreign.parents[2] / "other")
    assert import_runs(other, foreign.parents[1]) == [foreign.name]
    assert [row["key"] for row in open_store(other.root).index.rows()] == [foreign.name]
    assert other.result(foreign.name).spec == SPEC


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("run.json", r'"best_epoch": \d+', '"best_epoch": 99'),
        ("run.json", r'"best_epoch": \d+', '"best_epoch": "1"'),
        ("run.json", r'"snapshots": 0', '"snapshots": 1000000000'),
        ("run.json", r'"failed": null', '"failed": 7'),
        ("run.json", r'"ceiling": null', '"ceiling": "much"'),
        ("run.json", r'"workers": null', '"workers": 0'),
        ("run.json", r'"workers": null', '"workers": "two"'),
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
