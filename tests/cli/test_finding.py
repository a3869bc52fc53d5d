"""Studies are listed, their pages opened, and what nobody needs is deleted."""

import contextlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from rungs.cli import app
from rungs.foundation.browser import show_page
from rungs.report.show.kept import size
from tests.studies import FIRST


@pytest.fixture
def folder(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished study in a folder that may be changed; no browser is there."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    copied = tmp_path / "work"
    shutil.copytree(finished, copied)
    return copied


def asked(folder: Path, *arguments: str) -> Result:
    with contextlib.chdir(folder):
        return CliRunner().invoke(app, arguments, env={"COLUMNS": "160"})


def plain(folder: Path, *arguments: str) -> Any:
    answer = asked(folder, *arguments, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def test_without_a_store_the_built_in_studies_are_listed(tmp_path: Path) -> None:
    shown = asked(tmp_path, "list")
    assert shown.exit_code == 0
    assert "there is no store yet" in shown.stdout
    assert " quickstart  Four rungs on synthetic pictures\n" in shown.stdout
    found = plain(tmp_path, "list")
    assert (found["store"], found["studies"]) == (None, [])
    assert "cifar100" in [one["name"] for one in found["builtin"]]
    assert list(tmp_path.iterdir()) == []


def test_studies_are_listed_with_runs_sizes_and_when_they_were_touched(folder: Path) -> None:
    assert plain(folder, "list")["studies"] == []  # trained by the fixture, which notes nothing
    assert asked(folder, "report", "first.toml", "--output", "page").exit_code == 0
    (study,) = plain(folder, "list")["studies"]
    assert (study["name"], study["budget"]) == ("first", "equal")
    assert (study["finished"], study["failed"], study["runs"]) == (3, 0, 3)
    runs = [path for path in (folder / "runs" / "runs").rglob("*") if path.is_file()]
    assert study["bytes"] == sum(path.stat().st_size for path in runs)
    assert study["touched"]
    assert "first  equal   3 of 3" in asked(folder, "list").stdout.replace("   first", "first")
    (folder / "first.toml").rename(folder / "second.toml")
    assert "Not there any more: " in asked(folder, "list").stdout


def test_a_page_is_made_where_it_is_missing_or_stale_and_else_left_alone(folder: Path) -> None:
    made = plain(folder, "open", "first.toml", "--no-pictures")
    page = folder / made["page"]
    assert page == folder / "runs" / "reports" / "first" / "equal" / "report.html"
    assert (made["made"], made["opened"]) == (True, False)
    written = page.stat().st_mtime_ns
    again = asked(folder, "open", "first.toml", "--no-pictures")
    assert again.stdout == "runs/reports/first/equal/report.html\n"
    assert "no browser can be started here" in again.stderr
    assert page.stat().st_mtime_ns == written

    def changed() -> bool:
        found: bool = plain(folder, "open", "first.toml", "--no-pictures")["made"]
        return found

    assert not changed()
    os.utime(folder / "first.toml")
    assert changed()
    assert not changed()
    # Opened under another study, the same test images count as seen here too.
    assert asked(folder, "unseal", "first.toml", "--yes").exit_code == 0
    assert changed()
    assert not changed()
    # Of a run that is gone, the page is the last that is known.
    (run, *_) = (folder / "runs" / "runs").iterdir()
    shutil.rmtree(run)
    os.utime(folder / "first.toml")
    kept = asked(folder, "open", "first.toml", "--no-pictures")
    assert "left as it is, since it is of finished runs that are not there any more" in kept.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a browser needs no screen")
def test_a_page_is_opened_in_the_users_browser(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/seen\n', encoding="utf-8")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    opened = plain(folder, "open", "first.toml", "--no-pictures")
    assert opened["opened"]
    seen = (tmp_path / "seen").read_text(encoding="utf-8").strip()
    assert seen == (folder / opened["page"]).as_uri()
    (tmp_path / "seen").unlink()
    assert not plain(folder, "open", "first.toml", "--no-pictures", "--no-browser")["opened"]
    assert not (tmp_path / "seen").exists()
    monkeypatch.delenv("BROWSER")
    assert not show_page(folder / opened["page"])


def test_a_study_is_opened_by_the_name_that_the_store_knows(folder: Path) -> None:
    assert asked(folder, "report", "first.toml").exit_code == 0
    (folder / "elsewhere").mkdir()
    shown = asked(folder / "elsewhere", "open", "first", "--store", "../runs", "--no-pictures")
    assert shown.stdout == "../runs/reports/first/equal/report.html\n"
    assert "no such file" in asked(folder, "open", "second").stderr


def test_nothing_finished_is_no_page(folder: Path) -> None:
    shown = asked(folder, "open", "first.toml", "--epochs", "7")
    assert shown.exit_code == 1
    assert "nothing of study 'first' is finished in runs at 7 epochs" in shown.stderr
    nowhere = asked(folder, "open", "first.toml", "--store", "nowhere")
    assert "nowhere: there is no store" in nowhere.stderr
    assert not (folder / "runs" / "reports").exists()


def test_what_nobody_needs_is_shown_and_deleted_only_when_that_is_said(folder: Path) -> None:
    assert asked(folder, "report", "first.toml").exit_code == 0
    stray = folder / "runs" / "damaged" / ("a" * 16)
    stray.mkdir(parents=True)
    (stray / "weights").write_bytes(bytes(2_000_000))
    shown = asked(folder, "store", "prune")
    assert "1 damaged run: 2.0 MB. Nothing is deleted without --yes." in shown.stdout
    assert stray.is_dir()
    found = plain(folder, "store", "prune")
    assert (found["deleted"], found["bytes"]) == (False, 2_000_000)
    assert [item["kind"] for item in found["going"]] == ["damaged"]
    gone = asked(folder, "store", "prune", "--yes")
    assert "Deleted: 1 damaged run; 2.0 MB freed." in gone.stdout
    assert not stray.exists()
    assert "Nothing in runs can go." in asked(folder, "store", "prune").stdout
    refused = asked(folder, "store", "prune", "frist")
    assert refused.exit_code == 2
    assert "did you mean 'first'?" in refused.stderr
    assert "3 finished runs: " in asked(folder, "store", "prune", "first").stdout
    assert "3 of 3" in asked(folder, "list").stdout
    assert asked(folder, "store", "prune", "first", "--yes").exit_code == 0
    assert plain(folder, "list")["studies"] == []


def test_what_is_trained_is_noted(tmp_path: Path) -> None:
    (tmp_path / "first.toml").write_text(FIRST, encoding="utf-8")
    options = ("--epochs", "1", "--quiet")
    assert asked(tmp_path, "run", "first.toml", "--only", "base", *options).exit_code == 0
    assert asked(tmp_path, "try", "first.toml", "label_smoothing(0.1)", *options).exit_code == 0
    (study,) = plain(tmp_path, "list")["studies"]
    assert (study["budget"], study["finished"], study["runs"]) == ("1 epoch", 2, 2)
    going = plain(tmp_path, "store", "prune")["going"]
    assert [(one["kind"], one["why"]) for one in going if one["kind"] == "run"] == [
        ("run", "only tried: label_smoothing(0.1) on stacked")
    ]


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (99_960, "100 kB"), (2.5e9, "2.5 GB")],
)
def test_sizes_have_words(count: int, words: str) -> None:
    assert size(int(count)) == words
