"""`rungs audit` as a user types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rungs.cli import app
from rungs.data.audit.findings import audit_path
from rungs.study import load
from tests.pictures import write_class_folders

STUDY = """
name = "small"
base = "base"
final = "base"
[data]
kind = "synthetic"
classes = 3
train = 90
validation = 30
test = 30
size = 16
[budgets]
equal = 1
[[rungs]]
name = "base"
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def audit(*options: str) -> Result:
    return CliRunner().invoke(app, ["audit", "small.toml", *options], catch_exceptions=False)


def test_what_was_found_is_kept_and_shown_again(study: Path) -> None:
    fingerprint = load(str(study)).data.fingerprint
    first = audit("--no-label-errors", "--archive", "kept")
    assert first.exit_code == 0, first.stderr
    assert "Audit of synthetic shapes" in first.stdout
    assert "Not searched for." in first.stdout
    assert "150 pictures, which are 11,175 pairs" in first.stderr
    for folder in ("runs", "kept"):
        assert audit_path(Path(folder), fingerprint).with_suffix(".md").exists()
    again = audit("--no-label-errors", "--json")
    assert "looking for" not in again.stderr
    plain = json.loads(again.stdout)
    assert plain["fingerprint"] == fingerprint
    assert plain["twins"] == []
    assert plain["label_errors"] is None
    assert plain["balance"]["test"] == dict.fromkeys(plain["balance"]["test"], 10)
    # What an archive holds needs no data and no search.
    taken = audit("--no-label-errors", "--json", "--store", "other", "--archive", "kept")
    assert "looking for" not in taken.stderr
    assert json.loads(taken.stdout) == plain
    assert "looking for" in audit("--no-label-errors", "--again").stderr


def test_files_that_are_left_out_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_class_folders(tmp_path / "photos", {"cats": 6, "dogs": 6})
    (tmp_path / "photos" / "cats" / "broken.jpg").write_bytes(b"no picture")
    table = STUDY.partition("[data]\n")[2].partition("[budgets]")[0]
    own = STUDY.replace(table, 'kind = "folder"\npath = "photos"\nsize = 16\n')
    (tmp_path / "small.toml").write_text(own, encoding="utf-8")
    said = audit("--no-label-errors")
    assert "Files left out" in said.stdout
    assert "cats/broken.jpg: no picture of a known kind" in said.stdout
    # What an audit of before did not know is told by a later call.
    (tmp_path / "photos" / "dogs" / "empty.png").write_bytes(b"")
    plain = json.loads(audit("--no-label-errors", "--json").stdout)
    assert [line.partition(":")[0] for line in plain["unreadable"]] == [
        "cats/broken.jpg",
        "dogs/empty.png",
    ]


def test_duplicates_in_ones_own_pictures_are_named_by_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photos = write_class_folders(tmp_path / "photos", {"cats": 8, "dogs": 8})
    for name in ("first", "again"):
        (photos / "dogs" / f"{name}.png").write_bytes((photos / "dogs/000.png").read_bytes())
    table = STUDY.partition("[data]\n")[2].partition("[budgets]")[0]
    own = STUDY.replace(table, 'kind = "folder"\npath = "photos"\nsize = 16\n')
    (tmp_path / "small.toml").write_text(own, encoding="utf-8")
    plain = json.loads(audit("--no-label-errors", "--json").stdout)
    exact = [pair for pair in plain["twins"] if pair["kind"] == "exact"]
    assert {pair[side]["picture"] for pair in exact for side in "ab"} == {
        *("dogs/000.png", "dogs/again.png", "dogs/first.png"),
    }
    assert len({(pair[side]["split"], pair[side]["index"]) for pair in exact for side in "ab"}) == 3


def test_a_damaged_audit_is_one_sentence(study: Path) -> None:
    path = audit_path(Path("runs"), load(str(study)).data.fingerprint)
    path.parent.mkdir(parents=True)
    path.write_text("{", encoding="utf-8")
    said = audit("--no-label-errors")
    assert said.exit_code == 1
    assert "is damaged" in said.stderr
    assert "delete it, and `rungs audit` makes it again" in said.stderr


def test_an_unknown_study_is_one_sentence(study: Path) -> None:
    said = CliRunner().invoke(app, ["audit", "cifar10"], catch_exceptions=False)
    assert said.exit_code == 1
    assert "cifar100" in said.stderr
