"""What to run first on a machine with a GPU: whether the way there is right, and what it gains.

The base and the final network of the CIFAR-100 study in both precisions, and the last rung of
`speed`; updates on noise, augmentation included, as they are and as CUDA graphs, each in a process
of its own. Whether losses agree, whether an update waits for the device, milliseconds, memory, and
how fast several processes train side by side. Run as ``python benchmarks/gpu_check.py`` on an idle
machine: a few minutes.
"""

import itertools
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import timing
import torch

from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.execution.probe import side_by_side
from rungs.recipe import Recipe
from rungs.recipe.modifications import apply
from rungs.store.results import RunSpec
from rungs.study import load
from rungs.training import noise
from rungs.training.record import ExecutionRecord, candidates, wait

CLASSES, SHAPE = 100, (3, 32, 32)
WARM_UP, WAITS = 20, 20  # updates; in so many of noise, every shape is captured
COLUMNS = (
    "network",
    "graphs",
    "ms an update",
    "images/s",
    "seconds until warm",
    "GPU MiB",
    "losses differ by %",
    "waits for the device",
    "failed",
)


@dataclass(frozen=True)
class Case:
    """What is measured in one process: names, by which it finds its recipe again.

    Attributes:
        study: a built-in study.
        rung: one of its rungs.
        precision: in place of the rung's own.
        record: how it computes.
    """

    study: str
    rung: str
    precision: str
    record: ExecutionRecord

    @property
    def recipe(self) -> Recipe:
        """The rung's recipe in this precision; without a transform it gets that of the ladder."""
        recipe = load(self.study).rung(self.rung).recipe
        if self.study == "cifar100" and self.rung != load(self.study).base:
            augmented = load(self.study).rung("augmented").recipe.transforms
            recipe = replace(recipe, transforms=recipe.transforms or augmented)
        same = recipe.precision == self.precision
        return recipe if same else apply(recipe, "precision", {"to": self.precision})


def cases(record: ExecutionRecord) -> list[Case]:
    """Networks in the order in which they are shown, eager and as graphs."""
    study, speed = load("cifar100"), load("speed")
    last = speed.rung(speed.final)
    networks = [
        *itertools.product(["cifar100"], [study.base, study.final], ["float32", "bfloat16"]),
        ("speed", last.name, last.recipe.precision),
    ]
    return [
        Case(*network, replace(record, graphs=graphs))
        for network in networks
        for graphs in ("no", "yes")
    ]


def measured(case: Case, updates: int) -> dict[str, object]:
    """A row of the table, whatever goes wrong."""
    row: dict[str, object] = dict.fromkeys(COLUMNS)
    row |= {"network": f"{case.rung}, {case.precision}", "graphs": case.record.graphs}
    try:
        return row | _measured(case, updates)
    except Exception as error:
        return row | {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}


def _measured(case: Case, updates: int) -> dict[str, object]:
    recipe, record = case.recipe, case.record
    eager = noise.first_losses(recipe, SHAPE, CLASSES, replace(record, graphs="no"))
    # Of two eager runs this is what a GPU's own disorder does.
    again = noise.first_losses(recipe, SHAPE, CLASSES, record)
    if record.device == "cuda":  # what comes next is to be measured without the trainings before
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    losses = noise.updates(recipe, SHAPE, CLASSES, record)
    for _ in range(WARM_UP):
        next(losses)
    wait(record)
    prepared = time.perf_counter() - began
    seconds = _seconds(losses, record, updates)
    return {
        "ms an update": 1000 * seconds / updates,
        "images/s": round(updates * recipe.batch_size / seconds),
        "seconds until warm": prepared,
        "GPU MiB": torch.cuda.max_memory_reserved() / 2**20 if record.device == "cuda" else None,
        "losses differ by %": 100 * noise.largest_difference(again, eager),
        "waits for the device": _waits(losses),
    }


def _seconds(losses: Iterator[torch.Tensor], record: ExecutionRecord, n: int) -> float:
    began = time.perf_counter()
    for _ in range(n):
        next(losses)
    wait(record)
    return time.perf_counter() - began


def _waits(losses: Iterator[torch.Tensor]) -> str:
    """Whether one of the next updates makes the host wait, as far as torch notices that."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(WAITS):
            next(losses)
    except RuntimeError as error:
        return str(error).splitlines()[0]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return "never"


def together(case: Case) -> dict[str, object]:
    """Images per second of all processes that share the GPU, by their number."""
    spec = RunSpec(case.recipe, 1, SyntheticSpec(classes=CLASSES, size=SHAPE[1]), 0)
    found = {}
    for workers in (1, 2, 4, 8):
        heard = side_by_side(spec, case.record, workers)
        if heard is None:
            break
        found[workers] = f"{workers * heard.rate:.0f} ({heard.device_bytes / 2**20:.0f} MiB each)"
    name = f"{case.rung}, {case.precision}, graphs {case.record.graphs}: images/s of"
    return {f"{name} {workers} side by side": rate for workers, rate in found.items()}


def main() -> None:
    """Measures all cases, or says that there is no GPU."""
    parser = timing.options(__doc__)
    parser.add_argument("--updates", type=int, default=200, help="that are timed")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("There is no CUDA GPU here that torch can use: nothing was checked.")
    updates = 5 if options.quick else options.updates
    record = candidates("cuda", 1)[0]
    tried = cases(record)[:2] if options.quick else cases(record)
    # A process for each: torch is in no defined state after a capture that failed.
    context = multiprocessing.get_context("spawn")
    command = f"python benchmarks/gpu_check.py --updates {updates}"
    facts: dict[str, object] = {
        "GPU": torch.cuda.get_device_name(),
        "update": f"on noise of 32x32, {updates} timed after {WARM_UP}",
        "losses": f"of {WARM_UP} updates against those without graphs (there: of two runs)",
    }
    keep = partial(timing.write, "gpu_check", command, COLUMNS, quick=options.quick)
    rows: list[dict[str, object]] = []
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as processes:
        for row in processes.map(measured, tried, itertools.repeat(updates)):
            rows.append(row)
            keep(rows, facts=facts, silent=True)
    for case in tried[-2:]:
        facts |= together(case)
        keep(rows, facts=facts, silent=True)
    keep(rows, facts=facts)


if __name__ == "__main__":
    main()
