"""How fast several processes train side by side, each on its own cores."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rungs.execution.cores import pin, slots
from rungs.execution.process import start, take_stdout
from rungs.own import load_modules
from rungs.results import RunSpec
from rungs.training.record import ExecutionRecord
from rungs.training.speed import training_step

# From when all are ready; and steps, at least.
_SECONDS = 2.0
_STEPS = 2


def side_by_side(
    spec: RunSpec, record: ExecutionRecord, workers: int, modules: Sequence[Path] = ()
) -> float | None:
    """Images per second of one of so many processes that train at the same time.

    Args:
        spec: what they train.
        record: how each of them computes.
        workers: how many there are.
        modules: of the user's own, that the recipe may name.

    Returns:
        The mean over them; None if one of them could not do it, as for want of memory.
    """
    asked = {
        "spec": spec.to_dict(),
        "record": record.to_dict(),
        "modules": [str(module) for module in modules],
        "seconds": _SECONDS,
    }
    processes = [start("probe", quiet=True) for _ in range(workers)]
    try:
        for process, cores in zip(processes, slots(workers, record.threads), strict=True):
            _say(process, {**asked, "cores": cores})
        if not all(_hear(process) for process in processes):
            return None
        for process in processes:
            _say(process, "go")
        rates = [_hear(process) for process in processes]
        return sum(map(float, rates)) / workers if all(rates) else None
    finally:
        for process in processes:
            _end(process)


def _say(process: "subprocess.Popen[str]", message: object) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # noticed where its answer is missing
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()


def _hear(process: "subprocess.Popen[str]") -> str:
    """Its next line; empty if it has ended."""
    assert process.stdout is not None
    return process.stdout.readline()


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def main() -> None:
    """Gets ready as the first line on stdin says, waits for a second one, and prints its rate."""
    pipe = take_stdout()
    asked = json.loads(sys.stdin.readline())
    pin(asked["cores"])
    load_modules([Path(path) for path in asked["modules"]])
    spec = RunSpec.from_dict(asked["spec"])
    shape, classes = spec.data.image_shape, spec.data.classes
    step = training_step(spec.recipe, shape, classes, ExecutionRecord(**asked["record"]))
    step()
    print("ready", file=pipe, flush=True)
    if not sys.stdin.readline():
        return  # the one that asked is gone
    began, steps = time.perf_counter(), 0
    while steps < _STEPS or time.perf_counter() - began < asked["seconds"]:
        step()
        steps += 1
    rate = steps * spec.recipe.batch_size / (time.perf_counter() - began)
    print(rate, file=pipe, flush=True)
