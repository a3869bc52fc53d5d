"""What one run on two devices (DDP, gloo) costs against one run on each: CPU time of an image.

Updates on random images by one process with one thread, by one with two, and by two processes of
DDP with one thread each, which share out the batch. The first is how Rungs shares out cores among
runs. What counts is the processors' time: cores that are all at work do as many images a second as
that allows, whoever else is there. BatchNorm's statistics are not exchanged, which flatters DDP.
Run as ``python benchmarks/devices.py``; it takes minutes.
"""

import json
import os
import shlex
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

import timing
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from rungs.foundation.environment import WAITING
from rungs.network.building import build, cost
from rungs.recipe.components import Convolutional, PoolingHead

COLUMNS = ("GFLOP an image", "parameters", "processes", "threads", "CPU ms an image", "of one run")
SHAPE, CLASSES = (3, 32, 32), 100
BATCH = 32
WIDTHS = ((16, 32), (64, 128), (128, 256, 512))
# Processes, and threads of each.
WAYS = ((1, 1), (1, 2), (2, 1))
REPEATS = 2
UPDATES = 5


def network(widths: Sequence[int]) -> Convolutional:
    """A plain stack of convolutions."""
    return Convolutional(widths=tuple(widths), head=PoolingHead())


def train(rank: int, world: int, threads: int, port: int, widths: Sequence[int]) -> float:
    """Seconds of this process's CPU in an update, the median after two that are not counted."""
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    made: nn.Module = build(network(widths), SHAPE, CLASSES).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if world > 1:
        torch.distributed.init_process_group(
            "gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=world
        )
        made = DistributedDataParallel(made)
    optimiser = torch.optim.SGD(made.parameters(), 0.01, momentum=0.9)
    images = torch.rand(BATCH // world, *SHAPE).to(memory_format=torch.channels_last)
    labels = torch.arange(BATCH // world) % CLASSES
    taken = []
    for _ in range(UPDATES + 2):
        began = time.process_time()
        optimiser.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(made(images), labels))
        optimiser.step()
        taken.append(time.process_time() - began)
    return statistics.median(taken[2:])


def measured(world: int, threads: int, widths: Sequence[int]) -> float:
    """The same of all processes, which are fresh ones."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, "--one", json.dumps([rank, world, threads, port, widths])],
            stdout=subprocess.PIPE,
            text=True,
            env={**WAITING, **os.environ},
        )
        for rank in range(world)
    ]
    return sum(float(process.communicate()[0]) for process in processes)


def main() -> None:
    """Measures everything, or is one of the processes."""
    parser = timing.options(__doc__)
    parser.add_argument("--one", help="for its own use: what this process is to do")
    options = parser.parse_args()
    if options.one:
        print(train(*json.loads(options.one)), flush=True)
        os._exit(0)  # where gloo would wait for the other process, which may have ended
    rows: list[dict[str, object]] = []
    for widths in WIDTHS[:1] if options.quick else WIDTHS:
        found: dict[tuple[int, int], list[float]] = {way: [] for way in WAYS}
        for _ in range(1 if options.quick else REPEATS):  # in turn
            for way, seconds in found.items():
                seconds.append(measured(*way, widths))
        known = cost(network(widths), SHAPE, CLASSES)
        alone = statistics.median(found[1, 1])
        for (world, threads), seconds in found.items():
            rows.append(
                {
                    "GFLOP an image": round((known.flops or 0) / 1e9, 3),
                    "parameters": known.parameters,
                    "processes": world,
                    "threads": threads,
                    "CPU ms an image": round(1000 * statistics.median(seconds) / BATCH, 3),
                    "of one run": round(statistics.median(seconds) / alone, 2),
                }
            )
    command = shlex.join(["python", "benchmarks/devices.py", *sys.argv[1:]])
    facts: dict[str, object] = {
        "batch": f"{BATCH} images in all",
        "updates": f"{UPDATES} counted, {REPEATS} times in turn",
    }
    timing.write("devices", command, COLUMNS, rows, facts=facts, quick=options.quick)


if __name__ == "__main__":
    main()
