"""How long the commands that only show something take to start and to answer.

Each as a process of its own, from its start to its end, with costs known and with bytecode compiled
beforehand, as an installed program has it. Run as ``python benchmarks/start.py`` on an idle
machine. The report is that of ``results/cifar100``; with its labels, and so with test figures, if
the data is at hand (``RUNGS_DATA``).
"""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import timing

from rungs.errors import DataError

ARCHIVE = timing.RESULTS.parent / "cifar100"
COLUMNS = ("command", "seconds", "limit")
LIMIT_SECONDS = 0.5


def commands(store: Path) -> dict[str, list[str]]:
    """What is timed, by what a user types; nothing of it trains."""
    of_store = ["--store", str(store)]
    return {
        "rungs --help": ["--help"],
        "rungs plan quickstart": ["plan", "quickstart", *of_store],
        "rungs status quickstart": ["status", "quickstart", *of_store],
        "rungs report cifar100 --format text": [
            *("report", "cifar100", "--format", "text"),
            *of_store,
        ],
    }


def filled(store: Path) -> bool:
    """Takes the archive's runs into a store; whether the labels for test figures are there too."""
    from rungs.data import load as load_data
    from rungs.execution.run_one import keep_labels
    from rungs.plan import plan
    from rungs.publishing import take
    from rungs.store import open_store
    from rungs.study import load

    study = load("cifar100")
    opened = open_store(store)
    take(ARCHIVE, opened, plan(study))
    try:
        keep_labels(opened, load_data(study.data, allow_download=False))
    except DataError:
        return False
    return True


def answer(arguments: list[str], bytecode: Path) -> None:
    """Does one command to its end."""
    surroundings = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(
        [sys.executable, "-m", "rungs", *arguments],
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
        candidates = {
            typed: partial(answer, arguments, bytecode)
            for typed, arguments in commands(store).items()
        }
        for candidate in candidates.values():  # measures costs, writes bytecode
            candidate()
        found = timing.interleaved(candidates, 1 if quick else 15)
    rows = [
        {"command": typed, "seconds": seconds, "limit": LIMIT_SECONDS}
        for typed, seconds in found.items()
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
