"""How fast several processes train side by side, each on its own cores."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rungs.execution.cores import pin, slots
from rungs.execution.gpus import gpus, shared_out
from rungs.execution.process import end, hear, say, start, take_stdout, tell
from rungs.recipe.own_modules import load_modules
from rungs.store.results import RunSpec
from rungs.training import memory, noise
from rungs.training.record import ExecutionRecord, wait
from rungs.training.throughput import training_step, with_real_batches

# From when all are ready; and steps, at least.
_SECONDS = 2.0
_STEPS = 2


@dataclass(frozen=True)
class Together:
    """How processes train that do so at the same time.

    Attributes:
        rate: images per second of one of them, the mean.
        device_bytes: of a GPU's memory that one of them takes, the mean; 0 on a CPU.
    """

    rate: float
    device_bytes: int = 0


def side_by_side(
    spec: RunSpec, record: ExecutionRecord, workers: int, modules: Sequence[Path] = ()
) -> Together | None:
    """Lets so many processes train at the same time.

    Args:
        spec: what they train.
        record: how each of them computes.
        workers: how many there are.
        modules: of the user's own, that the recipe may name.

    Returns:
        What was measured; None if one of them could not do it, as for want of memory.
    """
    asked = {**question(spec, record, modules), "seconds": _SECONDS}
    free = memory.free(record.device)
    places = shared_out(gpus(record.device), workers)
    processes = [start("probe", gpu=gpu, quiet=True) for gpu in places]
    try:
        for process, cores in zip(processes, slots(workers, record.threads), strict=True):
            say(process, {**asked, "cores": cores})
        ready = [hear(process) for process in processes]
        if not all(ready):
            return None
        taken = free - memory.free(record.device)
        for process in processes:
            say(process, "go")
        rates = [hear(process) for process in processes]
        # Of the GPU whose memory was looked at, this process's own: the first.
        sharing = places.count(places[0])
        return Together(sum(rates) / workers, taken // sharing) if all(rates) else None
    finally:
        for process in processes:
            end(process)


def question(spec: RunSpec, record: ExecutionRecord, modules: Sequence[Path]) -> dict[str, object]:
    """What a process has to know of a training that it tries."""
    return {
        "spec": spec.to_dict(),
        "record": record.to_dict(),
        "modules": [str(module) for module in modules],
    }


def understood(asked: Any) -> tuple[RunSpec, ExecutionRecord]:
    """The inverse of `question`, but for batches that are never whole; modules are loaded."""
    load_modules([Path(path) for path in asked["modules"]])
    spec = RunSpec.from_dict(asked["spec"])
    spec = replace(spec, recipe=with_real_batches(spec.recipe, spec.data))
    return spec, ExecutionRecord(**asked["record"])


def rate(step: Callable[[], None], spec: RunSpec, record: ExecutionRecord, seconds: float) -> float:
    """Images per second of a step that is done as often as this time allows."""
    wait(record)
    began, steps = time.perf_counter(), 0
    while steps < _STEPS or time.perf_counter() - began < seconds:
        step()
        steps += 1
    wait(record)
    return steps * spec.recipe.batch_size / (time.perf_counter() - began)


def main() -> None:
    """Gets ready as the first line on stdin says, waits for a second one, and prints its rate."""
    pipe = take_stdout()
    asked = json.loads(sys.stdin.readline())
    pin(asked["cores"])
    spec, record = understood(asked)
    shape, classes = spec.data.image_shape, spec.data.classes
    # A GPU is told more of a step than it does at once: there, all of it is measured.
    prepare = noise.rounds if record.device == "cuda" else training_step
    step = prepare(spec.recipe, shape, classes, record)
    step()
    tell(pipe, "ready")
    if not sys.stdin.readline():
        return  # the one that asked is gone
    tell(pipe, rate(step, spec, record, asked["seconds"]))
