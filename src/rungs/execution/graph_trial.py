"""Whether a GPU trains a network sooner by CUDA graphs, tried in a process of its own.

Torch is in no defined state after a capture that raised: the process that tried is then not used
again. One that succeeded is, for to start one takes longer than to try.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Timer

from rungs.execution.probe import question, rate, understood
from rungs.execution.process import end, hear, say, start, take_stdout, tell
from rungs.foundation.errors import CaptureError
from rungs.store.results import RunSpec
from rungs.training import memory, noise
from rungs.training.record import ExecutionRecord
from rungs.training.throughput import quickest

_SECONDS = 1.0
# A capture may hang, and nobody could tell: far more than a start, two measurements and a capture.
_PATIENCE_SECONDS = 600.0


class GraphTrials:
    """Tries networks one after another; as a context, which ends the process that it started."""

    def __init__(self, modules: Sequence[Path] = ()) -> None:
        """Starts nothing yet.

        Args:
            modules: of the user's own, that recipes may name.
        """
        self._modules = modules
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "GraphTrials":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def with_graphs_if_quicker(self, spec: RunSpec, record: ExecutionRecord) -> ExecutionRecord:
        """A record with CUDA graphs where they are clearly quicker, else without; why if they fail.

        Args:
            spec: what is trained.
            record: how, without graphs; on a GPU.
        """
        used = self._process is not None
        without, answer = self._asked(spec, record)
        if used and not isinstance(answer, float):
            # What networks before left behind may be why: a fresh process decides.
            without, answer = self._asked(spec, record)
        if without is None:  # the run itself will say why
            return record
        if isinstance(answer, float):
            return quickest((record, replace(record, graphs="yes")), (without, answer))
        return record.without_graphs(answer or "the process that tried ended")

    def _asked(
        self, spec: RunSpec, record: ExecutionRecord
    ) -> tuple[float | None, float | str | None]:
        """What the process says; it lives on only if graphs could be had."""
        process = self._process = self._process or start("graph_trial", quiet=True)
        patience = Timer(_PATIENCE_SECONDS, process.kill)
        patience.daemon = True
        patience.start()
        try:
            say(process, question(spec, record, self._modules))
            without, answer = hear(process), hear(process)
        finally:
            patience.cancel()
        if not isinstance(answer, float):
            self._end()
        return without, answer

    def _end(self) -> None:
        if self._process is not None:
            end(self._process)
            self._process = None


def main() -> None:
    """For each question prints images per second without graphs, then with, or why there are none.

    After a failure it ends.
    """
    pipe = take_stdout()
    for line in sys.stdin:
        spec, record = understood(json.loads(line))
        for tried in (record, replace(record, graphs="yes")):
            found = _tried(spec, tried)
            if isinstance(found, float):
                memory.give_back(record.device)  # before an answer: others measure from then on
            tell(pipe, found)
            if isinstance(found, str):
                os._exit(0)  # after a capture that failed, tidying up may fail too
    os._exit(0)


def _tried(spec: RunSpec, record: ExecutionRecord) -> float | str:
    """Images per second, or why graphs cannot be had."""
    shape, classes = spec.data.image_shape, spec.data.classes
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
