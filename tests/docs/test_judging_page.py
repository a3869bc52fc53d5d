"""The page about judging does what it says, and so do its training loops where their library is."""

import os
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.zoo import timm

from .test_tutorial import do_what_it_says

LOOPS = Path(__file__).parents[2] / "docs" / "judging"


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    _, languages = do_what_it_says("judging.md", tmp_path)
    assert languages == {"python", "sh", "text"}


def check(output: str, *recipes: str) -> None:
    """That there is a verdict for each recipe but the first, on three seeds."""
    rows = [line.split() for line in output.split("Verdicts:")[1].splitlines()]
    for name, below in zip(recipes[1:], recipes, strict=False):
        (row,) = [row for row in rows if row[:2] == [name, below]]
        assert {"helps", "hurts", "undecided", "difference"} & {*row}
        assert "3" in row


@pytest.mark.filterwarnings("ignore")  # of the library, on its way to being imported
def test_the_loop_of_timm_ends_in_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    timm()
    runpy.run_path(str(LOOPS / "timm_loop.py"), run_name="__main__")
    check(capsys.readouterr().out, "base", "smoothed", "longer")


@pytest.mark.parametrize("library", ["keras", "lightning"])
def test_the_loops_of_other_libraries_end_in_verdicts(library: str, tmp_path: Path) -> None:
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed: pip install {library}")
    ran = subprocess.run(
        [sys.executable, str(LOOPS / f"{library}_loop.py")],
        cwd=tmp_path,
        # Torch is there wherever Rungs is; Keras would look for another backend first.
        env={**os.environ, "KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    check(ran.stdout, "base", "normalised", "longer")


def test_the_page_about_recording_does_what_it_says(tmp_path: Path) -> None:
    text = (LOOPS.parent / "recording.md").read_text(encoding="utf-8")
    before = text.index("## What `rungs.record` takes")
    page = tmp_path / "recording.md"  # what follows is of files that nobody has
    page.write_text(text[:before], encoding="utf-8")
    _, languages = do_what_it_says(str(page), tmp_path)
    assert languages == {"toml", "python", "sh", "text"}


@pytest.mark.filterwarnings("ignore")
def test_the_loop_of_timm_is_recorded(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timm()
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(LOOPS.parent / "recording" / "timm_loop.py"), run_name="__main__")
    shown = capsys.readouterr().out
    assert shown.count(": recorded (") == 4
    assert "recorded: label smoothing" in shown
