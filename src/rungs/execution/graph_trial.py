"""Whether a GPU trains a network sooner by CUDA graphs, tried in a process of its own.

Torch is in no defined state after a capture that raised: the process that tried is not used again.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Timer

from rungs.errors import CaptureError
from rungs.execution.probe import question, rate, understood
from rungs.execution.process import end, hear, say, start, take_stdout
from rungs.results import RunSpec
from rungs.training import memory, noise
from rungs.training.record import ExecutionRecord
from rungs.training.speed import quickest

_SECONDS = 1.0
# A capture may hang, and nobody could tell: far more than a start, two measurements and a capture.
_PATIENCE_SECONDS = 600.0


def with_graphs_if_quicker(
    spec: RunSpec, record: ExecutionRecord, modules: Sequence[Path] = ()
) -> ExecutionRecord:
    """A record with CUDA graphs where they are clearly quicker, else without; and why if they fail.

    Args:
        spec: what is trained.
        record: how, without graphs; on a GPU.
        modules: of the user's own, that the recipe may name.
    """
    process = start("graph_trial", quiet=True)
    patience = Timer(_PATIENCE_SECONDS, process.kill)
    patience.daemon = True
    patience.start()
    try:
        say(process, question(spec, record, modules))
        without, answer = hear(process), hear(process)
    finally:
        patience.cancel()
        end(process)
    if without is None:  # the run itself will say why
        return record
    if not isinstance(answer, float):
        return record.without_graphs(answer or "the process that tried ended")
    return quickest((record, replace(record, graphs="yes")), (without, answer))


def main() -> None:
    """Prints images per second without graphs, then those with, or why there are none."""
    pipe = take_stdout()
    spec, record = understood(json.loads(sys.stdin.readline()))
    shape, classes = spec.data.image_shape, spec.data.classes

    def answer(record: ExecutionRecord) -> float | str:
        try:
            if record.graphs == "yes":
                noise.check_agreement(spec.recipe, shape, classes, record)
            step = noise.rounds(spec.recipe, shape, classes, record)
            return rate(step, spec, record, _SECONDS)
        except CaptureError as error:
            return str(error)
        except Exception as error:
            if record.graphs == "yes" and memory.ran_out(error):
                return "not enough memory"
            raise

    for tried in (record, replace(record, graphs="yes")):
        print(json.dumps(answer(tried)), file=pipe, flush=True)
    os._exit(0)  # after a capture that failed, tidying up may fail too
