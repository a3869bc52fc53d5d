"""Processes as a user starts them: whatever lies in the current folder, whatever is closed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rungs.foundation.startup import child_environment
from tests.pictures import write_class_folders

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a POSIX shell")

STUDY = """
name = "small"
title = "Small"
base = "base"
final = "{final}"
budget = "short"
seeds = 1

[data]
{data}

[budgets]
short = 1

[recipe]
batch_size = 8

[recipe.network]
widths = {widths}
{head}

[[rungs]]
name = "base"
"""
DRAWN = 'kind = "synthetic"\nclasses = 4\ntrain = 64\nvalidation = 32\ntest = 32\nsize = 8'
POOLED = 'head = { kind = "global_average_pooling" }'
WILD = """
[[rungs]]
name = "wild"
after = "base"
apply = [{ name = "learning_rate", value = 1e30 }]
"""


def shell(words: str, cwd: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-c", f"{sys.executable} -m rungs {words}"],
        cwd=cwd,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_no_file_of_the_current_folder_or_of_the_data_is_imported(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    write_class_folders(photos, {"cats": 30, "dogs": 30})
    for name in ("random", "torch", "json", "typing", "numpy", "sitecustomize"):
        for folder in (tmp_path, photos):
            (folder / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')\n")
    data = 'kind = "folder"\npath = "photos"\nsize = 8'
    text = STUDY.format(final="base", data=data, widths="[4]", head=POOLED)
    (tmp_path / "small.toml").write_text(text)
    # As `PYTHONPATH=$PYTHONPATH:more` leaves it, this would be the current folder to workers.
    done = shell("run small.toml --json", tmp_path)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert "done" in events
    assert "lost" not in events


def test_empty_entries_of_the_path_are_no_folder_to_import_from() -> None:
    join = os.pathsep.join
    given = {"PYTHONPATH": join(["", "/a", "", "/b"]), "HOME": "/h"}
    assert child_environment(given) == {"PYTHONPATH": join(["/a", "/b"]), "HOME": "/h"}
    assert child_environment({"PYTHONPATH": ""}) == {}
    assert child_environment({"PYTHONPATH": "."}) == {"PYTHONPATH": "."}  # the user's own word


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where a study was trained of which one run of two failed, with a closed stdin."""
    folder = tmp_path_factory.mktemp("trained")
    text = STUDY.format(final="wild", data=DRAWN, widths="[4, 8]", head="") + WILD
    (folder / "small.toml").write_text(text)
    done = shell("run small.toml <&-", folder)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    said = "rungs: 1 of 2 runs failed; that is their result, and only another recipe has another:\n"
    assert said + "  wild, seed 0: the loss is no longer finite" in done.stderr
    assert "base, seed 0: finished" in done.stdout
    return folder


def test_a_run_that_failed_is_told_by_the_exit_code_each_time(trained: Path) -> None:
    again = shell("run small.toml --no-pictures", trained)
    assert again.returncode == 1
    assert "wild, seed 0: the loss is no longer finite" in again.stderr
    assert "the page:" in again.stdout  # the others are shown all the same
    events = shell("run small.toml --no-pictures --json", trained).stdout.splitlines()
    (told,) = [one for one in map(json.loads, events) if one["event"] == "failed before"]
    assert told["run"] == "wild, seed 0"
    assert told["failed"].startswith("the loss is no longer finite")
    only = shell("run small.toml --only base --no-pictures --json", trained)
    assert only.returncode == 0
    assert "failed before" not in only.stdout


@pytest.mark.parametrize(
    ("closed", "code"),
    [
        ("report small.toml >&-", 0),
        ("report small.toml 2>&-", 0),
        ("report small.toml <&- >&- 2>&-", 0),
        ("report missing.toml 2>&-", 1),
        ("status small.toml >&-", 0),
    ],
)
def test_a_stream_that_is_closed_is_no_error(trained: Path, closed: str, code: int) -> None:
    done = shell(closed, trained)
    assert "Traceback" not in done.stderr
    assert done.returncode == code
    assert "Error" not in done.stderr


FAILING = """
from rungs.extend import Network, component
from torch import nn


class Narrow(nn.Module):
    def __init__(self, classes, strict):
        super().__init__()
        self.one = nn.Linear(3, classes)
        self.strict = strict

    def forward(self, images):
        if self.training or self.strict:
            return self.one(images)  # of another width
        return self.one(images.mean((2, 3)))


class Anything(Network):
    any_size = True


@component
class Unbuilt(Anything):
    \"\"\"Cannot be built.\"\"\"

    def build(self, image_shape, classes):
        return [][classes]


@component
class Failing(Anything):
    \"\"\"Fails in every mode.\"\"\"

    def build(self, image_shape, classes):
        return Narrow(classes, True)


@component
class Late(Anything):
    \"\"\"Fails in training alone.\"\"\"

    def build(self, image_shape, classes):
        return Narrow(classes, False)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_networks_that_fail_lose_their_own_runs_alone(tmp_path: Path, workers: int) -> None:
    (tmp_path / "mine.py").write_text(FAILING)
    text = STUDY.format(final="base", data=DRAWN, widths="[4]", head=POOLED)
    text = text.replace("seeds = 1", 'seeds = 1\nmodules = ["mine.py"]')
    names = ("unbuilt", "failing", "late")
    text += "".join(
        f'[[rungs]]\nname = "{name}"\nafter = "base"\nkeep = false\n'
        f'apply = [{{ name = "network", to = "mine:{name}" }}]\n'
        for name in names
    )
    (tmp_path / "small.toml").write_text(text)
    planned = shell("plan small.toml", tmp_path)
    assert planned.returncode == 0, planned.stderr
    for name, why in (("unbuilt", "be built"), ("failing", "answer")):
        said = f"Warning: {name} cannot be trained: network 'mine:{name}' cannot {why}"
        assert said in planned.stdout
    done = shell(f"run small.toml --workers {workers}", tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "base, seed 0: finished" in done.stdout
    assert "the page:" in done.stdout
    lost = done.stderr.splitlines()[1:]
    assert sorted(line.split(",")[0].strip() for line in lost) == sorted(names)
    assert all("mine.py, line" in line for line in lost)
    page = json.loads((tmp_path / "runs/reports/small/short/report.json").read_text())
    assert [rung["parameters"] is None for rung in page["rungs"]] == [False, True, True, False]
    assert shell("status small.toml", tmp_path).returncode == 0


def test_runs_are_trained_with_all_streams_closed(tmp_path: Path) -> None:
    text = STUDY.format(final="base", data=DRAWN, widths="[4]", head=POOLED)
    (tmp_path / "small.toml").write_text(text)
    done = shell("run small.toml <&- >&- 2>&-", tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "runs" / "reports" / "small" / "short" / "report.html").exists()
    assert len(list((tmp_path / "runs" / "runs").glob("*/manifest.json"))) == 1
