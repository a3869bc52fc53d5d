"""Images per second through each batch transform with its defaults.

Run as ``python benchmarks/augmentation.py``.
"""

import argparse
from functools import partial

import timing
import torch
from pydantic import TypeAdapter

from rungs.recipe.components import Batch, Transform, kinds
from rungs.training.record import choose_record, use

BATCH = 128
SIZE = 32
CALLS = 20
COLUMNS = ("transform", "images per second")


def through(transform: Transform, images: torch.Tensor) -> None:
    """Some batches, one after the other."""
    chance = torch.Generator().manual_seed(0)
    for _ in range(CALLS):
        transform.apply(images, Batch(torch.arange(len(images)), 1, chance))


def main() -> None:
    """Times all and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="of torch's operators")
    parser.add_argument("--repeats", type=int, default=7, help="how often each is timed")
    arguments = parser.parse_args()
    use(choose_record("cpu", arguments.threads))
    images = torch.rand(BATCH, 3, SIZE, SIZE)
    specs = TypeAdapter(Transform)
    candidates = {
        kind: partial(through, specs.validate_python({"kind": kind}), images)
        for kind in kinds(Transform)
    }
    seconds = timing.interleaved(candidates, arguments.repeats)
    rows = [
        {"transform": kind, "images per second": round(CALLS * BATCH / time)}
        for kind, time in seconds.items()
    ]
    command = f"python benchmarks/augmentation.py --threads {arguments.threads}"
    timing.write("augmentation", command, COLUMNS, rows)


if __name__ == "__main__":
    main()
