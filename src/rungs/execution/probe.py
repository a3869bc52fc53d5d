"""How fast several processes train side by side, each on its own cores."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rungs.execution.cores import pin, slots
from rungs.execution.gpus import gpus, shared_out
from rungs.execution.messages import (
    Go,
    Measured,
    Message,
    Prepare,
    Question,
    Ready,
    parse,
    spell,
)
from rungs.execution.process import end, hear, patience, say, start, take_stdout, tell
from rungs.recipe.own_modules import Source
from rungs.store.results import RunSpec
from rungs.training import memory, noise
from rungs.training.record import ExecutionRecord, Setting, wait
from rungs.training.throughput import training_step, with_real_batches

# From when all are ready; and steps, at least.
_SECONDS = 2.0
_STEPS = 2
# Until the last process has answered: far more than a start, a few steps and the seconds above.
_PATIENCE_SECONDS = 600.0


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
    spec: RunSpec,
    record: ExecutionRecord,
    workers: int,
    modules: Sequence[Path] = (),
    *,
    warn: Callable[[str], None] = lambda _: None,
) -> Together | None:
    """Lets so many processes train at the same time.

    Args:
        spec: what they train.
        record: how each of them computes.
        workers: how many there are.
        modules: of the user's own, that the recipe may name.
        warn: receives a sentence if they are given up because they do not answer.

    Returns:
        What was measured; None if one of them could not do it, as for want of memory or time.
    """
    asked = question(spec, record, modules)
    free = memory.free(record.device)
    places = shared_out(gpus(record.device), workers)
    processes = [start("probe", gpu=gpu, quiet=True) for gpu in places]
    try:
        with patience(processes, _PATIENCE_SECONDS) as given_up:
            for process, cores in zip(processes, slots(workers, record.threads), strict=True):
                say(process, spell(Prepare(asked, cores, _SECONDS)))
            if all(isinstance(answer(process), Ready) for process in processes):
                taken = free - memory.free(record.device)
                for process in processes:
                    say(process, spell(Go()))
                found = [answer(process) for process in processes]
                rates = [item.rate for item in found if isinstance(item, Measured)]
                if len(rates) == workers:
                    # Of the GPU whose memory was looked at, this process's own: the first.
                    sharing = places.count(places[0])
                    return Together(sum(rates) / workers, taken // sharing)
        if given_up.is_set():
            warn(
                f"{workers} processes that were to train side by side did not answer within "
                f"{_PATIENCE_SECONDS:g} s: what they were to measure is not known"
            )
        return None
    finally:
        for process in processes:
            end(process)


def question(spec: RunSpec, record: ExecutionRecord, modules: Sequence[Path]) -> Question:
    """What a process has to know of a training that it tries.

    Raises:
        OwnModuleError: a module cannot be read.
    """
    sources = tuple(map(Source.read, modules))
    return Question(spec.to_dict(), Setting(record).request, sources)


def understood(asked: Question) -> tuple[RunSpec, ExecutionRecord]:
    """The inverse of `question`, but for batches that are never whole; modules are loaded."""
    for module in asked.modules:
        module.load()
    spec = RunSpec.from_dict(asked.spec)
    spec = replace(spec, recipe=with_real_batches(spec.recipe, spec.data))
    return spec, Setting.here(asked.request).record


def answer(process: "subprocess.Popen[str]") -> Message | None:
    """What a process says next; None if it has ended.

    Raises:
        MessageError: it cannot be understood.
    """
    line = hear(process)
    return None if line is None else parse(line)


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
    """Gets ready as it is told, waits for the others, and tells its rate."""
    pipe = take_stdout()
    asked = parse(sys.stdin.readline())
    assert isinstance(asked, Prepare)
    pin(asked.cores)
    spec, record = understood(asked.question)
    shape, classes = spec.data.image_shape, spec.data.classes
    # A GPU is told more of a step than it does at once: there, all of it is measured.
    prepare = noise.rounds if record.device == "cuda" else training_step
    step = prepare(spec.recipe, shape, classes, record, spec.teacher_recipe)
    step()
    tell(pipe, spell(Ready()))
    if not sys.stdin.readline():
        return  # the one that asked is gone
    tell(pipe, spell(Measured(rate(step, spec, record, asked.seconds))))
