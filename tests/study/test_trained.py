"""What was trained answers for itself, whatever became of the pictures."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rungs.cli import app
from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.foundation.errors import DataError, StoreError
from rungs.store import Store
from rungs.store.trained_on import copy_labels, keep_trained_on, trained_on
from rungs.study import load
from rungs.study.trained import load_trained
from tests.pictures import drawn, encoded, write_class_folders

STUDY = """
name = "pets"
base = "base"
final = "wide"
budgets = { equal = 1 }
data = { kind = "folder", path = "photos", size = 16 }
recipe = { batch_size = 8, network = { widths = [4], head = { kind = "global_average_pooling" } } }
[[rungs]]
name = "base"
[[rungs]]
name = "wide"
after = "base"
apply = [{ name = "label_smoothing", amount = 0.1 }]
"""


def asked(*words: str, code: int = 0) -> tuple[str, str]:
    """What a command prints, and what it says beside that."""
    result = CliRunner().invoke(app, [*words])
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, a study that was trained on them, its store and its archive."""
    folder = tmp_path_factory.mktemp("trained")
    write_class_folders(folder / "photos", {"cats": 16, "dogs": 14})
    (folder / "pets.toml").write_text(STUDY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        asked("run", "pets.toml", "--workers", "1", "--quiet")
        asked("unseal", "pets.toml", "--yes")
        asked("report", "pets.toml", "--archive", "archive")
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, of which only the pictures and the store are used."""
    for name in ("photos", "runs"):
        shutil.copytree(trained / name, tmp_path / name)
    shutil.copy(trained / "pets.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


# Something that may become of the pictures.
Change = Callable[[Path], None]


def more(folder: Path) -> None:
    (folder / "photos" / "cats" / "new.png").write_bytes(encoded(drawn(77)))


def gone(folder: Path) -> None:
    (folder / "photos").rename(folder / "elsewhere")


def answers(folder: Path) -> tuple[list[str], str]:
    """What the commands print that answer from what was trained, and all that they say of it."""
    picture = next(folder.rglob("dogs/000.png"))
    found = [
        asked("predict", "pets.toml:base", os.path.relpath(picture), "--format", "jsonl"),
        asked("report", "pets.toml", "--format", "json"),
        asked("compare", "pets.toml", "wide", "base", "--json"),
    ]
    said = [out for out, _ in found]
    report = json.loads(said[1])
    said[1] = json.dumps([(rung["name"], rung["seeds"]) for rung in report["rungs"]])
    return said, "\n".join(err for _, err in found)


@pytest.mark.parametrize("what", [more, gone])
def test_a_model_answers_though_its_pictures_changed(folder: Path, what: Change) -> None:
    before, told = answers(folder)
    assert "What follows is about those" not in told
    what(folder)
    shutil.rmtree(folder / "cache")
    after, told = answers(folder)
    assert [line.replace("elsewhere", "photos") for line in after] == before
    assert told.count("What follows is about those") == 3
    assert told.count("22 train, 4 validation, 4 test") == 3
    said, _ = asked("export", "pets.toml:base", "--format", "safetensors")
    assert "of noise, as those of validation are not at hand" in said
    assert (folder / "pets-base.safetensors").exists()


def test_a_folder_that_is_gone_is_told_while_the_cache_has_its_pictures(folder: Path) -> None:
    assert "is not there any more" not in asked("data", "pets.toml")[0]
    gone(folder)
    line = f"{folder / 'photos'} is not there any more; these are its pictures as they were read"
    assert f"warning: {line}" in asked("data", "pets.toml")[0]
    assert f"Warning: {line}" in asked("plan", "pets.toml")[0]
    said, _ = asked("run", "pets.toml", "--workers", "1", "--epochs", "2", "--only", "base")
    assert f"Warning: {line}" in said
    looked = json.loads(CliRunner().invoke(app, ["doctor", "pets.toml", "--json"]).stdout)
    assert line in [item["found"][: len(line)] for item in looked["study"]]


def test_a_folder_that_is_gone_is_one_sentence_where_nothing_is_kept(folder: Path) -> None:
    gone(folder)
    shutil.rmtree(folder / "cache", ignore_errors=True)
    sentence = f"{folder / 'photos'}: there is no such folder or file; expected pictures"
    for command in ("data", "run"):
        assert asked(command, "pets.toml", code=1)[1] == f"rungs: {sentence}\n"
    said, _ = asked("doctor", "pets.toml", "--json", code=1)
    looked = json.loads(said)
    assert looked["machine"]
    assert looked["store"]
    (problem,) = looked["study"]
    assert (problem["level"], problem["what"]) == ("problem", "data")
    assert problem["found"] == sentence


def test_status_says_what_plan_says_of_other_runs(folder: Path) -> None:
    quiet = ("status", "pets.toml")
    assert "finished with" not in asked(*quiet)[0]
    for command in ("status", "plan"):
        said, _ = asked(command, "pets.toml", "--epochs", "3")
        assert "'base', 'wide': finished with 1 epoch, not 3 epochs;" in said
        assert "other pictures" not in said
    more(folder)
    assert "2 finished runs on other pictures (22 train, 4 validation, 4 test;" in asked(*quiet)[0]


def test_an_exported_file_that_takes_the_place_of_another_is_told(folder: Path) -> None:
    export = ("export", "pets.toml:base", "--format", "safetensors")
    assert "replaced" not in asked(*export)[0]
    assert "pets-base.safetensors: the file that was there is replaced\n" in asked(*export)[0]


def test_runs_that_were_deleted_are_told(folder: Path) -> None:
    assert "any more" not in asked("store", "check")[0]
    shutil.rmtree(folder / "runs" / "runs")
    said, _ = asked("store", "check")
    assert "2 runs that the index knew are not in runs/runs any more" in said
    said, _ = asked("store", "check")
    assert "runs/reports has reports, but runs/runs has no run any more" in said


def test_plan_says_which_runs_are_of_which_pictures(folder: Path) -> None:
    assert "other pictures" not in asked("plan", "pets.toml")[0]
    more(folder)
    said, _ = asked("plan", "pets.toml")
    assert "2 finished runs on other pictures (22 train, 4 validation, 4 test;" in said
    assert "until something is trained on those that are there now (21 train, 5 val" in said
    asked("run", "pets.toml", "--workers", "1", "--quiet", "--only", "base")
    said, _ = asked("plan", "pets.toml")
    assert "2 finished runs on other pictures" in said
    assert "reports and models are of those that are there now." in said
    _, told = asked("predict", "pets.toml:base", "photos/dogs/000.png")
    assert "What follows" not in told
    # And back again: both are known, the pictures that are there decide.
    (folder / "photos" / "cats" / "new.png").unlink()
    said, _ = asked("plan", "pets.toml")
    assert "1 finished run on other pictures (21 train" in said
    assert "What follows" not in asked("report", "pets.toml")[1]


def test_a_class_whose_pictures_have_gone_is_told(folder: Path) -> None:
    assert "no pictures any more" not in asked("plan", "pets.toml")[0]
    more(folder)  # other pictures of the same classes
    assert "no pictures any more" not in asked("plan", "pets.toml")[0]
    (folder / "photos" / "dogs").rename(folder / "photos" / "hounds")
    line = "'dogs' has no pictures any more, but had some when the study was trained (22 train, "
    assert f"Warning: {line}" in asked("plan", "pets.toml")[0]
    looked = json.loads(CliRunner().invoke(app, ["doctor", "pets.toml", "--json"]).stdout)
    found = [item["found"] for item in looked["study"] if item["what"] == "classes"]
    assert [said.startswith(line) for said in found].count(True) == 1
    said = "".join(asked("run", "pets.toml", "--workers", "1", "--only", "base"))
    assert f"Warning: {line}" in said
    # What is trained knows its classes: those that are there now are meant.
    assert "no pictures any more" not in asked("plan", "pets.toml")[0]


def test_an_archive_answers_on_another_machine(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(trained / "pets.toml", tmp_path)
    shutil.copytree(trained / "archive", tmp_path / "kept")
    expected = json.loads((trained / "archive" / "equal" / "report.json").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said, told = asked("report", "pets.toml", "--archive", "kept", "--format", "json")
    assert "What follows is about those trained on: 22 train" in told
    assert "labels are missing" not in told
    assert json.loads(said)["rungs"] == expected["rungs"]
    said, _ = asked("compare", "pets.toml", "wide", "base", "--json")  # the store has it now
    assert json.loads(said)["delta"] is not None
    assert str(trained) not in (tmp_path / "kept" / "equal" / "report.json").read_text()


def test_where_nothing_was_trained_missing_pictures_are_an_error(folder: Path) -> None:
    gone(folder)
    shutil.rmtree(folder / "cache", ignore_errors=True)
    with pytest.raises(DataError, match="no such folder"):
        load_trained("pets.toml", (folder / "other",))
    # What another study, or another way to use the pictures, was trained on is no answer.
    for old, new in (('name = "pets"', 'name = "others"'), ("size = 16", "size = 24")):
        (folder / "other.toml").write_text(STUDY.replace(old, new, 1))
        with pytest.raises(DataError, match="no such folder"):
            load_trained("other.toml", (folder / "runs",))


def test_a_store_from_before_it_was_noted_gets_the_note(folder: Path) -> None:
    shutil.rmtree(folder / "runs" / "trained")
    asked("run", "pets.toml", "--workers", "1", "--quiet")  # finds all finished
    more(folder)
    assert "What follows is about those" in asked("report", "pets.toml")[1]


def test_nothing_is_noted_of_data_that_cannot_change(tmp_path: Path) -> None:
    drawn_by_us = SyntheticSpec()
    keep_trained_on(tmp_path, "quickstart", drawn_by_us, drawn_by_us)
    assert list(tmp_path.iterdir()) == []


def test_labels_of_an_archive_are_those_of_its_data(trained: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    shutil.copytree(trained / "archive", archive)
    (record,) = (archive / "trained").iterdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(trained / "cache"))
        study = load(trained / "pets.toml")
    assert study.form is not None
    assert trained_on((archive, trained / "runs"), "pets", study.form) == (study.data,)
    copy_labels(archive, tmp_path / "store", study.data)
    assert Store(tmp_path / "store").has_labels(study.data.fingerprint)
    file = archive / "data" / study.data.fingerprint / "test.npy"
    for wrong in (np.zeros(3, np.int64), np.full(4, 2), np.zeros(4)):
        np.save(file, wrong)
        with pytest.raises(StoreError, match="no labels of"):
            copy_labels(archive, tmp_path / "another", study.data)
    file.unlink()
    file.symlink_to(trained / "pets.toml")
    with pytest.raises(StoreError, match="not a file of labels"):
        copy_labels(archive, tmp_path / "third", study.data)
    record.write_text('{"data": [{"kind": "nothing"}]}')
    with pytest.raises(StoreError, match="is damaged"):
        trained_on((archive,), "pets", study.form)


def test_what_an_archive_brings_is_not_taken_for_the_latest(folder: Path) -> None:
    """The store goes on; what it trained last is what answers when the pictures change again."""
    shutil.copytree(folder / "runs", folder / "store")
    study = load("pets.toml")
    assert study.form is not None
    first = study.data
    more(folder)
    later = load("pets.toml").data
    place = folder / "store"
    keep_trained_on(place, study.name, study.form, later)
    keep_trained_on(place, study.name, study.form, first, latest=False)
    assert trained_on((place,), study.name, study.form) == (first, later)
    elsewhere = folder / "new"
    keep_trained_on(elsewhere, study.name, study.form, later)
    keep_trained_on(elsewhere, study.name, study.form, first, latest=False)
    assert trained_on((elsewhere,), study.name, study.form) == (first, later)
