"""Images per second in training: ours, plain PyTorch, Keras, and the machine's ceiling.

The base and the final network of the CIFAR-100 study, one run over all cores, all candidates in
turn. Ours compute in a process of their own that is started as those of a study are, since the
allocator's settings are part of why they are quick; it sleeps while the others have their turn.
Where the processor multiplies bfloat16, ours take part in that as well. Run as
``python benchmarks/throughput.py`` on an idle machine: about a quarter of an hour on two cores.
Keras takes part where it is installed (``pip install keras`` and a backend; ``KERAS_BACKEND`` names
it).
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from unittest.mock import patch

import loops
import timing
import torch
import torch.nn.functional as F

from rungs.data.images import Exploration, ImageSet
from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.execution.process import end, hear, say, settings, take_stdout, tell
from rungs.foundation.environment import available_cores, multiplies_bfloat16
from rungs.network.building import cost
from rungs.network.outputs import arithmetic
from rungs.recipe import Recipe, replace
from rungs.study import load
from rungs.training.epoch import fresh_model
from rungs.training.fit import fit
from rungs.training.record import ExecutionRecord, candidates, use
from rungs.training.step import EagerStep, Passed
from rungs.training.throughput import CEILING_SIDE, ceiling, measure, quickest

CLASSES = 100
SHAPE = (3, 32, 32)
QUICK_BATCH = 8
COLUMNS = (
    "network",
    "loop",
    "images/s",
    "times the loader",
    "GFLOP/s",
    "% of float32 ceiling",
    "% of bfloat16 ceiling",
    "own overhead %",
)
OURS, BARE = "rungs", "forward, backward and step alone"
OVERHEAD = "own overhead"
OURS_BFLOAT16 = "rungs, bfloat16"
LOADER = "PyTorch, DataLoader with 2 workers"
IN_MEMORY = "PyTorch, data in memory"


def images(count: int) -> ImageSet:
    """Noise, as many of each class: what an image shows makes no difference to speed."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, *SHAPE), generator=generator, dtype=torch.uint8)
    return ImageSet(pixels, torch.arange(count) % CLASSES)


class TimedStep(EagerStep):
    """Keeps the seconds of each forward pass, backward pass and update of this process."""

    seconds: ClassVar[list[float]] = []

    def __call__(
        self, images: torch.Tensor, targets: torch.Tensor, *, rate: float, number: int
    ) -> Passed:
        """The same; the layout of the images is our own matter, and not counted."""
        images = images.contiguous(memory_format=self.record.memory_format)
        began = time.perf_counter()
        passed = super().__call__(images, targets, rate=rate, number=number)
        self.seconds.append(time.perf_counter() - began)
        return passed


def overhead(epoch: loops.Loop, steps: int) -> float:
    """Share of the seconds of `ours` that is neither forward pass, backward pass nor update.

    Within one epoch: the machine wanders by more than the difference of two loops.
    """
    TimedStep.seconds.clear()
    with patch("rungs.training.epoch.EagerStep", TimedStep):
        whole = epoch()
    return 1 - sum(TimedStep.seconds[-steps:]) / whole


def ours(recipe: Recipe, train: ImageSet, record: ExecutionRecord) -> loops.Loop:
    """The second epoch by `fit`; evaluation and checkpoint are not counted, as in a report.

    The other loops are warm when they are timed: the first epoch, in which memory is taken and
    kernels are prepared, is what warms ours.
    """
    names = tuple(map(str, range(CLASSES)))
    data = Exploration(train, train.subset(torch.arange(2)), names)

    def epoch() -> float:
        with TemporaryDirectory() as folder:
            done = fit(recipe, data, seed=0, epochs=2, record=record, folder=Path(folder))
        assert done is not None
        return done.history[-1].train_seconds

    return epoch


def bare(recipe: Recipe, train: ImageSet, record: ExecutionRecord) -> loops.Loop:
    """What cannot be left out: the steps of `ours` on batches that are ready."""
    names = tuple(map(str, range(CLASSES)))
    model = fresh_model(recipe, Exploration(train, train, names), 0, record).train()
    optimiser = recipe.optimiser.build(model)
    generator = torch.Generator().manual_seed(0)
    ready = []
    for indices in torch.split(torch.arange(len(train)), recipe.batch_size):
        batch, labels = loops.changed(recipe, train, indices, generator, CLASSES)
        ready.append((batch.contiguous(memory_format=record.memory_format), labels))

    def epoch() -> float:
        use(record)
        began = time.perf_counter()
        for number, (batch, labels) in enumerate(ready, start=1):
            with arithmetic(recipe.precision, record.device):
                logits = model(batch)
            F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
            optimiser.step(recipe.optimiser.learning_rate, number)
        return time.perf_counter() - began

    return epoch


def ceilings(record: ExecutionRecord) -> dict[str, Callable[[], float]]:
    """Seconds of a matrix product in each precision that the processor computes in."""
    precisions = ("float32", "bfloat16") if multiplies_bfloat16() else ("float32",)
    return {
        precision: lambda precision=precision: (  # type: ignore[misc]
            2 * CEILING_SIDE**3 / 1e9 / ceiling(record, precision)
        )
        for precision in precisions
    }


def quickest_record(recipe: Recipe) -> ExecutionRecord:
    """The record that a run of this network would have here."""
    data = SyntheticSpec(classes=CLASSES, size=SHAPE[1])
    possible = candidates("cpu", available_cores())
    return quickest(possible, measure(recipe, data, possible))


def answer() -> None:
    """Our own process: says with which record it computes, then the figure that it is asked for.

    A question is a loop's name. Network and batches are asked for once, first.
    """
    pipe = take_stdout()

    def reply(found: object) -> None:
        tell(pipe, json.dumps(found))

    asked = json.loads(sys.stdin.readline())
    recipe = recipes(quick=asked["quick"])[asked["network"]]
    train = images(asked["batches"] * recipe.batch_size)
    record = quickest_record(recipe)
    reply(record.to_dict())
    epoch = ours(recipe, train, record)
    tried: dict[str, loops.Loop] = {
        OURS: epoch,
        BARE: bare(recipe, train, record),
        OVERHEAD: lambda: overhead(epoch, asked["batches"]),
    }
    if multiplies_bfloat16():
        coarse = replace(recipe, precision="bfloat16")
        tried[OURS_BFLOAT16] = ours(coarse, train, quickest_record(coarse))
    for line in sys.stdin:
        reply(tried[json.loads(line)]())


def told(process: "subprocess.Popen[str]") -> Any:
    """What our own process says next."""
    line = hear(process)
    if line is None:
        raise SystemExit("the process that was to be measured has ended")
    return json.loads(line)


def seconds_of(process: "subprocess.Popen[str]", loop: str) -> float:
    """What a loop takes in our own process, or the share of it that is overhead."""
    say(process, json.dumps(loop))
    return float(told(process))


def measured(
    name: str, recipe: Recipe, *, batches: int, repeats: int, quick: bool
) -> tuple[ExecutionRecord, list[dict[str, object]]]:
    """The record that our runs of this network have, and a row for each loop."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--answer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**settings(), **os.environ},
    )
    try:
        say(process, json.dumps({"network": name, "batches": batches, "quick": quick}))
        record = ExecutionRecord(**told(process))
        return record, rows(name, recipe, record, process, batches=batches, repeats=repeats)
    finally:
        end(process)


def rows(
    name: str,
    recipe: Recipe,
    record: ExecutionRecord,
    process: "subprocess.Popen[str]",
    *,
    batches: int,
    repeats: int,
) -> list[dict[str, object]]:
    """A row for each loop, and for the ceiling in each precision."""
    train = images(batches * recipe.batch_size)
    asked = (OURS, BARE, *((OURS_BFLOAT16,) if multiplies_bfloat16() else ()))
    tried: dict[str, loops.Loop] = {
        **{loop: partial(seconds_of, process, loop) for loop in asked},
        LOADER: loops.with_loader(recipe, train, CLASSES),
        IN_MEMORY: loops.in_memory(recipe, train, CLASSES),
    }
    keras = loops.keras_name()
    if keras is not None:
        tried[keras] = loops.with_keras(recipe, train, CLASSES)
    seconds = timing.medians({**tried, **ceilings(record)}, repeats)
    outside = statistics.median(seconds_of(process, OVERHEAD) for _ in range(repeats))
    flops = 3 * (cost(recipe.network, SHAPE, CLASSES).flops or 0) * len(train)
    product = 2 * CEILING_SIDE**3

    def share(loop: str, precision: str) -> float | None:
        if precision not in seconds:
            return None
        return 100 * (flops / seconds[loop]) / (product / seconds[precision])

    found: list[dict[str, object]] = [
        {
            "network": name,
            "loop": loop,
            "images/s": round(len(train) / seconds[loop]),
            "times the loader": seconds[LOADER] / seconds[loop],
            "GFLOP/s": flops / seconds[loop] / 1e9,
            "% of float32 ceiling": share(loop, "float32"),
            "% of bfloat16 ceiling": share(loop, "bfloat16"),
            "own overhead %": 100 * outside if loop == OURS else None,
        }
        for loop in tried
    ]
    for precision in ("float32", "bfloat16"):
        if precision in seconds:
            found.append(
                dict.fromkeys(COLUMNS)
                | {
                    "network": name,
                    "loop": f"ceiling, {precision}",
                    "GFLOP/s": product / seconds[precision] / 1e9,
                }
            )
    return found


def recipes(*, quick: bool) -> dict[str, Recipe]:
    """Base and final of the CIFAR-100 study, the latter augmented in any case."""
    study = load("cifar100")
    augmented = study.rung("augmented").recipe.transforms
    final = study.rung(study.final).recipe
    found = {
        study.base: study.rung(study.base).recipe,
        f"{study.final}, augmented": replace(final, transforms=final.transforms or augmented),
    }
    if quick:
        return {name: replace(recipe, batch_size=QUICK_BATCH) for name, recipe in found.items()}
    return found


def main() -> None:
    """Measures both networks."""
    parser = timing.options(__doc__)
    parser.add_argument("--batches", type=int, default=30, help="of one repeat")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--answer", action="store_true", help="be our own process")
    options = parser.parse_args()
    if options.answer:
        answer()
        return
    batches, repeats = (2, 1) if options.quick else (options.batches, options.repeats)
    every: list[dict[str, object]] = []
    facts: dict[str, object] = {}
    for name, recipe in recipes(quick=options.quick).items():
        facts["batch"] = (
            f"{recipe.batch_size} images of 32x32, {batches} batches a repeat, "
            f"median of {repeats} repeats"
        )
        record, more = measured(name, recipe, batches=batches, repeats=repeats, quick=options.quick)
        facts[f"record of {name}"] = (
            f"{record.threads} threads, {record.layout}, {record.convolutions} convolutions"
        )
        every += more
    command = f"python benchmarks/throughput.py --batches {batches} --repeats {repeats}"
    timing.write("throughput", command, COLUMNS, every, facts=facts, quick=options.quick)


if __name__ == "__main__":
    main()
