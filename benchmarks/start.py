"""How long the commands that only show something take to start and to answer.

Each as a process of its own, from its start to its end, with costs known and with bytecode compiled
beforehand, as an installed program has it. Run as ``python benchmarks/start.py`` on an idle
machine. The report is that of ``results/cifar100``; with its labels, and so with test figures, if
the data is at hand (``RUNGS_DATA``). Beside each command as it is stands the same with one remedy
undone, in the same process that answers: what the remedy is worth.
"""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import timing

from rungs.foundation.errors import DataError

ARCHIVE = timing.RESULTS.parent / "cifar100"
LIMIT_SECONDS = 0.5
ANSWER = "from rungs.cli import main; main()"
REPORT = "rungs report cifar100 --format text"
# What undoes each remedy, before the command is read.
WITHOUT = {
    "imports where they are used": "import filelock, numpy, rungs.report.show.rendering",
    "schemas on first use": (
        "import pydantic; pydantic.ConfigDict = lambda **options: options | {'defer_build': False}"
    ),
    "kept shares": (
        "import rungs.report.gather.classes as classes; "
        "classes.remembered = lambda path, parse, make, plain: make()"
    ),
    "no softmax of a lone model": (
        "import numpy, rungs.statistics.predictions as found; found.together = lambda logits: "
        "numpy.mean([found.softmax(one) for one in logits], axis=0).argmax(axis=1)"
    ),
}
# These two would load what no other command loads.
OF_THE_REPORT = ("kept shares", "no softmax of a lone model")
COLUMNS = ("command", "limit", "seconds", *(f"without {name}" for name in WITHOUT))


def commands(store: Path) -> dict[str, list[str]]:
    """What is timed, by what a user types; nothing of it trains."""
    of_store = ["--store", str(store)]
    return {
        "rungs --help": ["--help"],
        "rungs plan quickstart": ["plan", "quickstart", *of_store],
        "rungs status quickstart": ["status", "quickstart", *of_store],
        REPORT: ["report", "cifar100", "--format", "text", *of_store],
    }


def filled(store: Path) -> bool:
    """Takes the archive's runs into a store; whether the labels for test figures are there too."""
    from rungs.data.loading import load as load_data
    from rungs.evidence.archives import take
    from rungs.execution.run_one import keep_labels
    from rungs.store import open_store
    from rungs.study import load
    from rungs.study.plan import plan

    study = load("cifar100")
    opened = open_store(store)
    take(ARCHIVE, opened, plan(study))
    try:
        keep_labels(opened, load_data(study.data, allow_download=False))
    except DataError:
        return False
    return True


def answer(arguments: list[str], bytecode: Path, before: str = "") -> None:
    """Does one command to its end, after some statements."""
    surroundings = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(
        [sys.executable, "-c", f"{before}\n{ANSWER}", *arguments],
        env=surroundings,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def main() -> None:
    """Times every command."""
    quick = timing.options(__doc__).parse_args().quick
    with TemporaryDirectory() as folder:
        store, bytecode = Path(folder) / "runs", Path(folder) / "bytecode"
        labels = filled(store)
        ways = {"": "", **WITHOUT}
        candidates = {
            (typed, name): partial(answer, arguments, bytecode, before)
            for typed, arguments in commands(store).items()
            for name, before in ways.items()
            if typed == REPORT or name not in OF_THE_REPORT
        }
        for candidate in candidates.values():  # measures costs, writes bytecode
            candidate()
        found = timing.interleaved(candidates, 1 if quick else 15)
    rows = [
        {"command": typed, "limit": LIMIT_SECONDS}
        | {column: found.get((typed, name)) for column, name in zip(COLUMNS[2:], ways, strict=True)}
        for typed in commands(store)
    ]
    timing.write(
        "start",
        "python benchmarks/start.py",
        COLUMNS,
        rows,
        facts={"the report shows test figures": "yes" if labels else "no"},
        quick=quick,
    )


if __name__ == "__main__":
    main()
