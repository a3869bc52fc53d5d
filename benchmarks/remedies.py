"""What was tried to make a training step on a CPU quicker, each against torch as it is.

One step (forward, backward, Adam) of the base and the final network of the CIFAR-100 study, all
variants in turn in one process. Run as ``python benchmarks/remedies.py`` on an idle machine: about
a quarter of an hour on two cores. Compiling needs a C++ compiler.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import loops
import throughput
import timing
import torch
import torch.nn.functional as F

from rungs.data.images import Exploration
from rungs.foundation.environment import available_cores
from rungs.recipe import Recipe
from rungs.study import load
from rungs.training.epoch import fresh_model
from rungs.training.record import ExecutionRecord, candidates, use

COLUMNS = ("network", "variant", "ms a step", "times as quick", "first step, s")
PLAIN = "torch as it is (NCHW, library convolutions)"


def step(
    recipe: Recipe,
    record: ExecutionRecord,
    *,
    compiled: bool = False,
    pools_first: bool = False,
) -> Callable[[], None]:
    """One update on a batch that is ready."""
    train = throughput.images(recipe.batch_size)
    names = tuple(map(str, range(throughput.CLASSES)))
    model = fresh_model(recipe, Exploration(train, train, names), 0, record).train()
    if not pools_first:
        loops.as_written(model)
    forward = torch.compile(model) if compiled else model
    updates = recipe.optimiser.build(model)
    batch = train.pixels[:].float().div(255).contiguous(memory_format=record.memory_format)
    number = 0

    def update() -> None:
        nonlocal number
        use(record)
        number += 1
        F.cross_entropy(forward(batch), train.labels).backward()  # type: ignore[no-untyped-call]
        updates.step(recipe.optimiser.learning_rate, number)

    return update


def variants(recipe: Recipe, cores: int) -> dict[str, Callable[[], None]]:
    """What is compared, the plain way first."""
    found: dict[str, Callable[[], None]] = {}
    (plain,) = (
        one
        for one in candidates("cpu", cores)
        if one.layout == "contiguous" and one.convolutions == "library"
    )
    last = replace(plain, layout="channels_last")
    minimal = replace(last, convolutions="minimal")
    found[PLAIN] = step(recipe, plain)
    found["channels-last"] = step(recipe, last)
    found["channels-last, Winograd convolution"] = step(recipe, minimal)
    found["channels-last, Winograd convolution, pooling before activation"] = step(
        recipe, minimal, pools_first=True
    )
    found["channels-last, compiled by inductor"] = step(recipe, last, compiled=True)
    found["channels-last, Winograd convolution, compiled"] = step(recipe, minimal, compiled=True)
    return found


def main() -> None:
    """Measures both networks."""
    parser = timing.options(__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    study = load("cifar100")
    rows: list[dict[str, object]] = []
    for name in (study.base, study.final):
        recipe = study.rung(name).recipe
        if options.quick:
            recipe = replace(recipe, batch_size=throughput.QUICK_BATCH)
        tried = variants(recipe, available_cores())
        if options.quick:
            tried = {PLAIN: tried[PLAIN]}
        first = {}
        for variant, update in tried.items():
            began = time.perf_counter()
            update()
            first[variant] = time.perf_counter() - began
        seconds = timing.interleaved(tried, 1 if options.quick else options.repeats)
        rows += [
            {
                "network": name,
                "variant": variant,
                "ms a step": 1000 * seconds[variant],
                "times as quick": seconds[PLAIN] / seconds[variant],
                "first step, s": first[variant],
            }
            for variant in tried
        ]
    command = f"python benchmarks/remedies.py --repeats {options.repeats}"
    timing.write("remedies", command, COLUMNS, rows, quick=options.quick)


if __name__ == "__main__":
    main()
