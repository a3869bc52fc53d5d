"""Images per second in training: ours, plain PyTorch, Keras, and the machine's ceiling.

The base and the final network of the CIFAR-100 study, one run over all cores, all candidates in
turn in one process. Run as ``python benchmarks/throughput.py`` on an idle machine: about half an
hour on two cores. Keras takes part where it is installed (``pip install keras`` and a backend;
``KERAS_BACKEND`` names it).
"""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import loops
import timing
import torch
import torch.nn.functional as F

from rungs.data import Exploration, ImageSet
from rungs.dataspec import SyntheticSpec
from rungs.environment import available_cores
from rungs.network import cost
from rungs.prediction import arithmetic
from rungs.recipe import Recipe, replace
from rungs.study import load
from rungs.training.epoch import fresh_model
from rungs.training.fit import fit
from rungs.training.record import ExecutionRecord, candidates, use
from rungs.training.speed import CEILING_SIDE, ceiling, measure, quickest

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
LOADER = "PyTorch, DataLoader with 2 workers"


def images(count: int) -> ImageSet:
    """Noise: what an image shows makes no difference to speed."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, *SHAPE), generator=generator, dtype=torch.uint8)
    return ImageSet(pixels, torch.randint(0, CLASSES, (count,), generator=generator))


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
        batch, labels = loops.changed(recipe, train, indices, generator)
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
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    precisions = ("float32", "bfloat16") if fast else ("float32",)
    return {
        precision: lambda precision=precision: (  # type: ignore[misc]
            2 * CEILING_SIDE**3 / 1e9 / ceiling(record, precision)
        )
        for precision in precisions
    }


def measured(
    name: str, recipe: Recipe, *, batches: int, repeats: int
) -> tuple[ExecutionRecord, list[dict[str, object]]]:
    """The record that our runs of this network would have, and a row for each loop."""
    train = images(batches * recipe.batch_size)
    data = SyntheticSpec(classes=CLASSES, size=SHAPE[1])
    possible = candidates("cpu", available_cores())
    record = quickest(possible, measure(recipe, data, possible))
    tried = {
        OURS: ours(recipe, train, record),
        BARE: bare(recipe, train, record),
        LOADER: loops.with_loader(recipe, train, CLASSES),
        "PyTorch, data in memory": loops.in_memory(recipe, train, CLASSES),
    }
    keras = loops.keras_name()
    if keras is not None:
        tried[keras] = loops.with_keras(recipe, train, CLASSES)
    seconds = timing.medians({**tried, **ceilings(record)}, repeats)
    flops = 3 * cost(recipe.network, SHAPE, CLASSES).flops * len(train)
    product = 2 * CEILING_SIDE**3

    def share(loop: str, precision: str) -> float | None:
        if precision not in seconds:
            return None
        return 100 * (flops / seconds[loop]) / (product / seconds[precision])

    rows: list[dict[str, object]] = [
        {
            "network": name,
            "loop": loop,
            "images/s": round(len(train) / seconds[loop]),
            "times the loader": seconds[LOADER] / seconds[loop],
            "GFLOP/s": flops / seconds[loop] / 1e9,
            "% of float32 ceiling": share(loop, "float32"),
            "% of bfloat16 ceiling": share(loop, "bfloat16"),
            "own overhead %": 100 * (1 - seconds[BARE] / seconds[OURS]) if loop == OURS else None,
        }
        for loop in tried
    ]
    for precision in ("float32", "bfloat16"):
        if precision in seconds:
            rows.append(
                dict.fromkeys(COLUMNS)
                | {
                    "network": name,
                    "loop": f"ceiling, {precision}",
                    "GFLOP/s": product / seconds[precision] / 1e9,
                }
            )
    return record, rows


def main() -> None:
    """Measures both networks."""
    parser = timing.options(__doc__)
    parser.add_argument("--batches", type=int, default=30, help="of one repeat")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    study = load("cifar100")
    augmented = study.rung("augmented").recipe.transforms
    final = study.rung(study.final).recipe
    recipes = {
        study.base: study.rung(study.base).recipe,
        f"{study.final}, augmented": replace(final, transforms=final.transforms or augmented),
    }
    if options.quick:
        recipes = {
            name: replace(recipe, batch_size=QUICK_BATCH) for name, recipe in recipes.items()
        }
    batches, repeats = (2, 1) if options.quick else (options.batches, options.repeats)
    rows: list[dict[str, object]] = []
    facts: dict[str, object] = {
        "batch": f"{recipes[study.base].batch_size} images of 32x32, {batches} batches a repeat, "
        f"median of {repeats} repeats"
    }
    for name, recipe in recipes.items():
        record, more = measured(name, recipe, batches=batches, repeats=repeats)
        facts[f"record of {name}"] = (
            f"{record.threads} threads, {record.layout}, {record.convolutions} convolutions"
        )
        rows += more
    command = f"python benchmarks/throughput.py --batches {batches} --repeats {repeats}"
    timing.write("throughput", command, COLUMNS, rows, facts=facts, quick=options.quick)


if __name__ == "__main__":
    main()
