"""Images per second in training on a GPU: ours and plain PyTorch.

The base and the final network of the CIFAR-100 study, one run at a time, all candidates in turn on
noise. Ours by the record that a run of theirs would have on this machine, in float32 and in
bfloat16; the plain loops in float32 as torch is, which lets convolutions round to TF32, and where
the data lies on the device in bfloat16 too. Run as
``python benchmarks/gpu_throughput.py`` on an idle machine: a few minutes.
"""

from functools import partial

import loops
import throughput
import timing
import torch

from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.execution.graph_trial import GraphTrials
from rungs.foundation.environment import available_cores
from rungs.network.building import cost
from rungs.recipe import Recipe, replace
from rungs.store.results import RunSpec
from rungs.training.record import ExecutionRecord, candidates, resolve_device
from rungs.training.throughput import measure, quickest

COLUMNS = ("network", "loop", "graphs", "images/s", "times the loader", "GFLOP/s")


def quickest_record(recipe: Recipe, device: str) -> ExecutionRecord:
    """The record that a run of this recipe would have here."""
    data = SyntheticSpec(classes=throughput.CLASSES, size=throughput.SHAPE[1])
    possible = candidates(device, 1)
    layout = quickest(possible, measure(recipe, data, possible))
    with GraphTrials() as trials:
        return trials.with_graphs_if_quicker(RunSpec(recipe, 1, data, 0), layout)


def rows(
    name: str, recipe: Recipe, device: str, *, batches: int, repeats: int
) -> list[dict[str, object]]:
    """A row for each loop."""
    train, classes = throughput.images(batches * recipe.batch_size), throughput.CLASSES
    workers = available_cores()
    tried: dict[str, loops.Loop] = {}
    graphs: dict[str, str] = {}
    for precision in ("float32", "bfloat16"):
        ours = replace(recipe, precision=precision)
        record = quickest_record(ours, device)
        loop = f"rungs, {precision}"
        graphs[loop] = record.graphs
        # As in a run, all images are on the device before the first step.
        tried[loop] = throughput.ours(ours, train.to(device), record)
    loader = f"PyTorch, DataLoader with {workers} workers"
    tried[loader] = loops.with_loader(recipe, train, classes, device=device, workers=workers)
    for precision in ("float32", "bfloat16"):
        tried[f"PyTorch, data on the device, {precision}"] = loops.in_memory(
            recipe, train, classes, device=device, precision=precision
        )
    seconds = timing.medians(tried, repeats)
    flops = 3 * (cost(recipe.network, throughput.SHAPE, classes).flops or 0) * len(train)
    return [
        {
            "network": name,
            "loop": loop,
            "graphs": graphs.get(loop),
            "images/s": round(len(train) / seconds[loop]),
            "times the loader": seconds[loader] / seconds[loop],
            "GFLOP/s": flops / seconds[loop] / 1e9,
        }
        for loop in tried
    ]


def main() -> None:
    """Measures both networks, or says that there is no GPU."""
    parser = timing.options(__doc__)
    parser.add_argument("--batches", type=int, default=350, help="of one repeat")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if not torch.cuda.is_available() and not options.quick:
        raise SystemExit("There is no CUDA GPU here that torch can use: nothing was measured.")
    device = resolve_device("auto")
    batches, repeats = (2, 1) if options.quick else (options.batches, options.repeats)
    facts = {
        "GPU": torch.cuda.get_device_name() if device == "cuda" else "none",
        "an epoch": f"{batches} batches, median of {repeats} repeats",
    }
    command = f"python benchmarks/gpu_throughput.py --batches {batches} --repeats {repeats}"
    keep = partial(
        timing.write, "gpu_throughput", command, COLUMNS, facts=facts, quick=options.quick
    )
    found: list[dict[str, object]] = []
    for name, recipe in throughput.recipes(quick=options.quick).items():
        found += rows(name, recipe, device, batches=batches, repeats=repeats)
        keep(found, silent=True)
    keep(found)


if __name__ == "__main__":
    main()
