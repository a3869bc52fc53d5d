"""What it costs that threads look for work before they sleep, on an idle and on a busy machine.

A step (forward and backward pass) over all cores, with GNU OpenMP's own count of looks, with that
of `rungs.foundation.environment.WAITING` and with others, alone and beside a busy process for each
core. Run as ``python benchmarks/waiting.py`` on an idle machine: about ten minutes on two cores.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median

import timing

from rungs.foundation.environment import WAITING, available_cores
from rungs.study import load
from rungs.training.record import choose_record
from rungs.training.throughput import training_step

COLUMNS = ("machine", "network", "looks", "ms a step", "times as quick as OpenMP's own")
NETWORKS = {"quickstart": "base", "cifar100": "final"}
OWN = 300_000  # GNU OpenMP's, with no more threads than cores
COUNTS = (10_000, 30_000, 100_000)
SECONDS = 2.0
_BUSY = "while True: pass"


def step_seconds(study: str, rung: str) -> float:
    """The median step, in this process."""
    asked = load(study)
    record = choose_record("cpu", available_cores())
    step = training_step(
        asked.rung(rung).recipe, asked.data.image_shape, asked.data.classes, record
    )
    step()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - began < SECONDS:
        at = time.perf_counter()
        step()
        times.append(time.perf_counter() - at)
    return median(times)


def measured(study: str, rung: str, count: int) -> Callable[[], float]:
    """`step_seconds` in a process whose threads look so often."""
    (name,) = WAITING
    surroundings = {**os.environ, name: str(count)}

    def run() -> float:
        asked = [sys.executable, __file__, "--one", study, rung]
        done = subprocess.run(
            asked, env=surroundings, stdout=subprocess.PIPE, text=True, check=True
        )
        return float(json.loads(done.stdout))

    return run


def main() -> None:
    """Measures everything, or one step in its own process."""
    parser = timing.options(__doc__)
    parser.add_argument("--one", nargs=2, help="for its own use: a study and a rung")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(step_seconds(*options.one)))
        return
    (chosen,) = map(int, WAITING.values())
    counts = sorted({OWN, chosen, *COUNTS}, reverse=True)
    candidates = {
        (study, count): measured(study, rung, count)
        for study, rung in NETWORKS.items()
        for count in counts
    }
    rows = []
    for machine, others in (("idle", 0), ("busy", available_cores())):
        with ExitStack() as stack:
            for _ in range(others):
                busy = stack.enter_context(subprocess.Popen([sys.executable, "-c", _BUSY]))
                stack.callback(busy.kill)
            found = timing.medians(candidates, 1 if options.quick else 5)
        for study, count in candidates:
            seconds = found[study, count]
            network = f"{NETWORKS[study]} of {study}"
            values = (machine, network, count, 1000 * seconds, found[study, OWN] / seconds)
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    timing.write(
        "waiting",
        "python benchmarks/waiting.py",
        COLUMNS,
        rows,
        facts={"OpenMP's own": OWN, "ours": chosen},
        quick=options.quick,
    )


if __name__ == "__main__":
    main()
