"""What a study of many short runs costs besides training, and what it takes to look at it.

Runs of one epoch over a few tiny pictures train next to nothing: what `rungs run` takes for each
is the price of a run. It should not rise with their number. `rungs status` and `rungs plan` are
timed on a store of many finished runs that are made up. Each is a process of its own, with its
start. Run as ``python benchmarks/many_runs.py`` on an idle machine; it takes minutes.
"""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import timing

from rungs.store.results import Epoch
from rungs.study import load
from rungs.study.plan import plan

COLUMNS = ("command", "runs", "seconds", "ms a run")
_RUNGS = 20
_HEAD = """
name = "many"
title = "Many"
base = "rung-0"
final = "rung-{last}"
seeds = {seeds}
[data]
kind = "synthetic"
classes = 4
train = 64
validation = 32
test = 32
size = 8
[budgets]
equal = 1
[recipe]
batch_size = 32
[recipe.network]
widths = [4]
head = {{ kind = "global_average_pooling" }}
[[rungs]]
name = "rung-0"
"""
_RUNG = """
[[rungs]]
name = "rung-{number}"
after = "rung-{before}"
apply = [{{ name = "learning_rate", value = {rate} }}]
"""


def study(folder: Path, runs: int) -> Path:
    """The file of a study of so many runs, a multiple of 20."""
    rungs = (
        _RUNG.format(number=number, before=number - 1, rate=0.001 + number / 10_000)
        for number in range(1, _RUNGS)
    )
    path = folder / "many.toml"
    head = _HEAD.format(last=_RUNGS - 1, seeds=runs // _RUNGS)
    path.write_text(head + "".join(rungs), encoding="utf-8")
    return path


def make_up(path: Path) -> None:
    """Puts every run of a study beside it as if it were finished."""
    entry = Epoch(1, 1.0, 0.5, 1.0, 0.5, 0.001, 1.0, 0.1)
    execution = {
        "device": "cpu",
        "processor": "made up",
        "threads": 1,
        "layout": "channels_last",
        "torch": "2",
    }
    for spec in plan(load(path)).runs:
        folder = path.parent / "runs" / "runs" / spec.key
        folder.mkdir(parents=True)
        run = {
            "format": 1,
            "spec": spec.to_dict(),
            "best_epoch": 1,
            "snapshots": 0,
            "execution": execution,
            "exact": True,
            "failed": None,
        }
        (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
        (folder / "epochs.jsonl").write_text(json.dumps(entry.to_dict()) + "\n", encoding="utf-8")
        (folder / "manifest.json").write_text("{}", encoding="utf-8")


def seconds(path: Path, *words: str) -> float:
    """What a command takes."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "rungs", *words, path.name],
        cwd=path.parent,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began


def row(command: str, runs: int, taken: float) -> dict[str, object]:
    """A row of the table."""
    return {"command": command, "runs": runs, "seconds": taken, "ms a run": 1000 * taken / runs}


def main() -> None:
    """Times all commands."""
    options = timing.options(__doc__).parse_args()
    rows: list[dict[str, object]] = []
    for runs in (20,) if options.quick else (20, 80, 200, 1000):
        with TemporaryDirectory() as folder:
            rows.append(row("run", runs, seconds(study(Path(folder), runs), "run")))
    many = 200 if options.quick else 10_000
    with TemporaryDirectory() as folder:
        path = study(Path(folder), many)
        make_up(path)
        rows.append(row("status, without an index", many, seconds(path, "status")))
        rows += [row(command, many, seconds(path, command)) for command in ("status", "plan")]
    command = shlex.join(["python", "benchmarks/many_runs.py", *sys.argv[1:]])
    timing.write("many-runs", command, COLUMNS, rows, quick=options.quick)


if __name__ == "__main__":
    main()
