"""The wall time of a whole study, and how well the time left was foretold.

The equal-budget ladder of the CIFAR-100 study with its ensemble, one seed, in a store of its own.
Run as ``python benchmarks/study.py`` on an idle machine with the data at hand (``RUNGS_DATA``): as
long as ``rungs plan cifar100`` says. With ``--epochs`` and ``--only`` it is a part of that. With
``--store`` what is trained is kept; what was finished there before is neither trained nor counted,
so that ``--seeds 2`` on a store with one seed measures the second.
"""

import shlex
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import timing

from rungs.data.loading import load as load_data
from rungs.execution.choosing import choose_machine, choose_settings
from rungs.execution.conduct import conduct
from rungs.execution.engine import EpochEnded, Lost
from rungs.execution.run_one import keep_labels
from rungs.store import Store, open_store
from rungs.study import load
from rungs.study.costs import costs
from rungs.study.estimate import Machine, rates, seconds_left
from rungs.study.jobs import jobs, missing
from rungs.study.plan import Plan, plan

COLUMNS = ("moment", "seconds gone", "left, foretold", "left indeed", "error %")
# Shares of the whole at which the estimate is looked at again.
MOMENTS = (0.0, 0.1, 0.25, 0.5, 0.75)


def foretold(wanted: Plan, store: Store, machine: Machine) -> float | None:
    """Seconds that the plan's missing runs still take, by what was measured so far."""
    at = [(job.spec, float(store.epochs_done(job.spec.key))) for job in jobs(wanted, store)]
    return seconds_left(
        at, rates(wanted, store, machine, costs(wanted.study, store)), machine.workers
    )


def timed(
    wanted: Plan, store: Store, device: str, workers: int | None, data_dir: Path | None
) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Facts of the whole, and what was foretold from its first step on."""
    runs = missing(wanted, store)
    keep_labels(store, load_data(wanted.study.data, data_dir=data_dir))
    began = time.perf_counter()
    known = costs(wanted.study, store)
    machine = choose_machine(wanted, store, known, device=device, workers=workers)
    choose_settings(wanted, store, jobs(wanted, store), machine)
    chosen = time.perf_counter()
    said = [(0.0, foretold(wanted, store, machine))]
    for _, event in conduct(wanted, store, machine, data_dir=data_dir):
        if isinstance(event, EpochEnded):
            said.append((time.perf_counter() - chosen, foretold(wanted, store, machine)))
        if isinstance(event, Lost):
            raise SystemExit(f"a run was lost: {event.reason}")
    whole = time.perf_counter() - chosen
    results = [store.result(run.key) for run in runs]
    facts: dict[str, object] = {
        "study": f"{wanted.study.name}, budget {wanted.budget}, {wanted.seeds} seed(s)",
        "runs, without those that were finished before": len(runs),
        "machine": str(machine),
        "minutes": (whole + chosen - began) / 60,
        "of these to choose layout, kernels and workers": (chosen - began) / 60,
        "minutes of training, all runs together": sum(one.train_seconds for one in results) / 60,
    }
    return facts, [_row(moment, said, whole) for moment in MOMENTS]


def _row(moment: float, said: list[tuple[float, float | None]], whole: float) -> dict[str, object]:
    """The first estimate at or after a share of the whole time."""
    gone, left = next((one for one in said if one[0] >= moment * whole), said[-1])
    indeed = whole - gone
    return {
        "moment": f"{100 * moment:.0f} %",
        "seconds gone": gone,
        "left, foretold": left,
        "left indeed": indeed,
        "error %": None if left is None else 100 * (left - indeed) / indeed,
    }


def main() -> None:
    """Trains the whole study."""
    parser = timing.options(__doc__)
    parser.add_argument("--study", default="cifar100")
    parser.add_argument("--budget")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--only", action="append", default=[], help="several times for several")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--store", type=Path, help="one of its own, deleted after, if left out")
    options = parser.parse_args()
    if options.quick:
        wanted = plan(load("quickstart"), epochs=1, seeds=1, only=("base",))
    else:
        wanted = plan(
            load(options.study),
            budget=options.budget,
            seeds=options.seeds,
            epochs=options.epochs,
            only=tuple(options.only),
        )
    with TemporaryDirectory() as folder:
        store = open_store(options.store or Path(folder))
        facts, rows = timed(wanted, store, options.device, options.workers, options.data_dir)
    command = shlex.join(["python", "benchmarks/study.py", *sys.argv[1:]])
    name = f"study-{wanted.study.name}"
    timing.write(name, command, COLUMNS, rows, facts=facts, quick=options.quick)


if __name__ == "__main__":
    main()
