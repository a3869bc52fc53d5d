"""Notes and tags on runs: where they are shown, and what they outlive."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rungs.cli import app
from rungs.evidence.pruning import prune
from rungs.foundation.errors import StoreError, UsageError
from rungs.report.gather.gathering import gather
from rungs.report.trackers.logged import logged
from rungs.store import Store, open_store
from rungs.store.notes import Change, all_notes, change_notes, copy_notes, read_notes
from rungs.store.run_folder import check_manifest
from rungs.study import load
from rungs.study.plan import plan

KEY, OTHER = "0" * 16, "1" * 16


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """As `finished`, of one's own."""
    shutil.copytree(finished, tmp_path / "inside")
    return tmp_path / "inside"


def ran(folder: Path, *words: str, code: int = 0) -> str:
    with contextlib.chdir(folder):
        answer = CliRunner().invoke(app, words, env={"COLUMNS": "160"})
    assert answer.exit_code == code, answer.output
    return answer.stdout if code == 0 else answer.stderr


def plain(folder: Path, *words: str) -> Any:
    return json.loads(ran(folder, *words, "--json"))


def test_notes_come_and_go(store: Store) -> None:
    change_notes(store, [KEY, OTHER], Change(("first", "second"), ("b", "a")))
    found = read_notes(store.root, KEY)
    assert sorted(note.text for note in found.notes) == ["first", "second"]
    assert found.tags == ("a", "b")
    change_notes(store, [KEY], Change(without_notes=("first",), without_tags=("a",)))
    found = read_notes(store.root, KEY)
    assert ([note.text for note in found.notes], found.tags) == (["second"], ("b",))
    assert read_notes(store.root, OTHER).tags == ("a", "b")
    change_notes(store, [KEY], Change(tags=("a",)))
    assert read_notes(store.root, KEY).tags == ("a", "b")
    assert set(all_notes(store.root)) == {KEY, OTHER}
    change_notes(store, [OTHER], Change((), (), ("first", "second"), ("a", "b")))
    assert set(all_notes(store.root)) == {KEY}
    with pytest.raises(UsageError, match="none of these runs has the tag 'c'"):
        change_notes(store, [KEY], Change(without_tags=("c",)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"notes": (" ",)}, "a note is a text of 1 to 2,000 characters"),
        ({"notes": ("x" * 2001,)}, "a note is a text"),
        ({"notes": ("\x1b[31m",)}, "without control characters"),
        ({"tags": ("two words",)}, "a tag is a word"),
        ({"tags": ("",)}, "a tag is a word"),
        ({"tags": ("x" * 65,)}, "a tag is a word"),
    ],
)
def test_what_is_no_note_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Change(**change)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"entries": 3}',
        '{"entries": [{"kind": "tag"}]}',
        '{"entries": [{"kind": "x", "text": "t", "at": "2026-01-01T00:00:00+00:00", '
        '"there": true}]}',
        '{"entries": [{"kind": "tag", "text": "t", "at": "now", "there": true}]}',
        '{"entries": [{"kind": "note", "text": "\\u001b", "at": "2026-01-01T00:00:00+00:00", '
        '"there": true}]}',
    ],
)
def test_a_damaged_file_is_told(store: Store, content: str) -> None:
    (store.root / "notes").mkdir()
    (store.root / "notes" / f"{KEY}.json").write_text(content, encoding="utf-8")
    with pytest.raises(StoreError, match=f"{KEY}.json is damaged: .*; delete it"):
        read_notes(store.root, KEY)


def test_what_was_done_last_holds_in_store_and_archive(store: Store, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    change_notes(store, [KEY, OTHER], Change(("n",), ("kept", "gone")))
    copy_notes(store.root, archive, {KEY}, store)
    assert set(all_notes(archive)) == {KEY}
    change_notes(store, [KEY], Change(without_tags=("gone",)))
    # What the archive still has of a tag does not bring it back.
    copy_notes(archive, store.root, {KEY}, store)
    assert read_notes(store.root, KEY).tags == ("kept",)
    copy_notes(store.root, archive, {KEY}, store)
    assert read_notes(archive, KEY) == read_notes(store.root, KEY)


def test_runs_are_noted_and_stay_as_they_are(folder: Path) -> None:
    store = open_store(folder / "runs")
    keys = [*store.keys()]
    before = {key: (store.run_folder(key) / "manifest.json").read_bytes() for key in keys}
    ran(folder, "note", "first.toml", "stacked", "on the old machine", "--tag", "thesis")
    (found,) = plain(folder, "note", "first.toml", "stacked@0")
    assert (found["name"], found["seed"], found["tags"]) == ("stacked", 0, ["thesis"])
    assert [note["text"] for note in found["notes"]] == ["on the old machine"]
    assert found["key"] in before
    assert read_notes(store.root, found["key"])
    for key, manifest in before.items():
        check_manifest(store.run_folder(key))
        assert (store.run_folder(key) / "manifest.json").read_bytes() == manifest
    assert "on the old machine" in ran(folder, "note", "first.toml", "stacked")
    assert "thesis" not in ran(folder, "note", "first.toml", "base")
    told = ran(folder, "note", "first.toml", "stacked@3", "x", code=1)
    assert "'stacked' has no seed '3'; expected one of 0 to 0" in told
    assert "did you mean 'stacked'?" in ran(folder, "note", "first.toml", "staked", code=1)
    told = ran(folder, "note", "first.toml", "base", "--epochs", "9", code=1)
    assert "base has no run in runs yet at 9 epochs, but it is with `--budget equal`" in told


def test_they_are_shown_wherever_runs_are(folder: Path) -> None:
    ran(folder, "report", "first.toml")
    page = folder / "runs/reports/first/equal/report.html"
    assert plain(folder, "open", "first.toml", "--no-browser")["made"] is True
    assert "Notes on runs" not in page.read_text(encoding="utf-8")
    ran(folder, "note", "first.toml", "base", "<b>odd</b>", "--tag", "thesis", "--tag", "old")
    # A page is older than what was noted since.
    assert plain(folder, "open", "first.toml", "--no-browser")["made"] is True
    html = page.read_text(encoding="utf-8")
    assert "Notes on runs" in html
    assert "&lt;b&gt;odd&lt;/b&gt;" in html
    assert "<b>odd" not in html
    (found,) = json.loads(ran(folder, "report", "first.toml", "--format", "json"))["noted_runs"]
    assert (found["name"], found["seed"], found["tags"]) == ("base", 0, ["old", "thesis"])
    shown = ran(folder, "report", "first.toml")
    assert "old, thesis" in shown
    assert "<b>odd</b>" in shown
    (run,) = [run for run in plain(folder, "status", "first.toml")["runs"] if run["tags"]]
    assert run["name"] == "base"

    (row,) = plain(folder, "list")["studies"]
    assert row["tags"] == ["old", "thesis"]
    assert "old, thesis" in ran(folder, "list")
    (row,) = plain(folder, "list", "--tag", "old")["studies"]
    assert [run["name"] for run in row["noted"]] == ["base"]
    assert "base@0" in ran(folder, "list", "--tag", "old")
    assert plain(folder, "list", "--tag", "new")["studies"] == []
    assert "No run has it" in ran(folder, "list", "--tag", "new")

    study, store = load(folder / "first.toml"), open_store(folder / "runs")
    sent = logged(plan(study), gather(plan(study), store, with_test=False), store, "")
    tags = {run.name: run.tags.get("rungs.tags") for run in sent.runs}
    assert tags["base, seed 0"] == "old, thesis"
    assert tags["stacked, seed 0"] is None


def test_an_archive_carries_them(folder: Path) -> None:
    ran(folder, "run", "first.toml", "--quiet")
    ran(folder, "note", "first.toml", "base", "kept", "--tag", "thesis")
    ran(folder, "report", "first.toml", "--archive", "archive")
    ran(folder, "report", "first.toml", "--archive", "archive", "--store", "elsewhere")
    (found,) = plain(folder, "note", "first.toml", "base", "--store", "elsewhere")
    assert (found["tags"], found["notes"][0]["text"]) == (["thesis"], "kept")


def test_they_go_with_their_run(folder: Path) -> None:
    ran(folder, "report", "first.toml")
    ran(folder, "note", "first.toml", "base", "--tag", "gone")
    ran(folder, "note", "first.toml", "stacked", "--tag", "there")
    store = open_store(folder / "runs")
    (gone,) = [key for key, noted in all_notes(store.root).items() if "gone" in noted.tags]
    prune(store, [gone])
    assert [noted.tags for noted in all_notes(store.root).values()] == [("there",)]
