"""Whether a GPU trains a network sooner by CUDA graphs, tried in a process of its own.

Torch is in no defined state after a capture that raised: the process that tried is then not used
again. One that succeeded is, for to start one takes longer than to try.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rungs.execution.messages import Measured, NoGraphs, TryGraphs, parse, spell
from rungs.execution.probe import answer, question, rate, understood
from rungs.execution.process import end, patience, say, start, take_stdout, tell
from rungs.foundation.errors import CaptureError
from rungs.store.results import RunSpec
from rungs.training import memory, noise
from rungs.training.record import ExecutionRecord
from rungs.training.throughput import quickest

_SECONDS = 1.0
# A capture may hang, and nobody could tell: far more than a start, two measurements and a capture.
_PATIENCE_SECONDS = 600.0


@dataclass(frozen=True)
class _Tried:
    """What a trial found; ``without`` is None where not even that could be measured."""

    without: Measured | None
    graphs: Measured | NoGraphs
    hung: bool


class GraphTrials:
    """Tries networks one after another; as a context, which ends the process that it started."""

    def __init__(
        self, modules: Sequence[Path] = (), *, warn: Callable[[str], None] = lambda _: None
    ) -> None:
        """Starts nothing yet.

        Args:
            modules: of the user's own, that recipes may name.
            warn: receives a sentence if a trial is given up because it does not answer.
        """
        self._modules = modules
        self._warn = warn
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
        tried = self._asked(spec, record)
        if used and not isinstance(tried.graphs, Measured) and not tried.hung:
            # What networks before left behind may be why: a fresh process decides.
            tried = self._asked(spec, record)
        if tried.without is None:  # the run itself will say why
            return record
        if isinstance(tried.graphs, Measured):
            rates = (tried.without.rate, tried.graphs.rate)
            return quickest((record, replace(record, graphs="yes")), rates)
        return record.without_graphs(tried.graphs.reason)

    def _asked(self, spec: RunSpec, record: ExecutionRecord) -> _Tried:
        """What the process says; it lives on only if graphs could be had."""
        process = self._process = self._process or start("graph_trial", quiet=True)
        with patience([process], _PATIENCE_SECONDS) as given_up:
            say(process, spell(TryGraphs(question(spec, record, self._modules))))
            without, graphs = answer(process), answer(process)
        if not isinstance(graphs, Measured):
            self._end()
        why = "the process that tried ended"
        if given_up.is_set():
            why = f"no answer within {_PATIENCE_SECONDS:g} s"
            self._warn(f"trying CUDA graphs gave {why}: runs are done without")
        return _Tried(
            without if isinstance(without, Measured) else None,
            graphs if isinstance(graphs, Measured | NoGraphs) else NoGraphs(why),
            given_up.is_set(),
        )

    def _end(self) -> None:
        if self._process is not None:
            end(self._process)
            self._process = None


def main() -> None:
    """For each question tells the rate without graphs, then with, or why there are none.

    After a failure it ends.
    """
    pipe = take_stdout()
    for line in sys.stdin:
        asked = parse(line)
        assert isinstance(asked, TryGraphs)
        spec, record = understood(asked.question)
        for tried in (record, replace(record, graphs="yes")):
            found = _tried(spec, tried)
            if isinstance(found, Measured):
                memory.give_back(record.device)  # before an answer: others measure from then on
            tell(pipe, spell(found))
            if isinstance(found, NoGraphs):
                os._exit(0)  # after a capture that failed, tidying up may fail too
    os._exit(0)


def _tried(spec: RunSpec, record: ExecutionRecord) -> Measured | NoGraphs:
    asked = (spec.recipe, spec.data.image_shape, spec.data.classes, record, spec.teacher_recipe)
    try:
        if record.graphs == "yes":
            noise.check_agreement(*asked)
        step = noise.rounds(*asked)
        return Measured(rate(step, spec, record, _SECONDS))
    except CaptureError as error:
        return NoGraphs(str(error))
    except Exception as error:
        if record.graphs == "yes" and memory.ran_out(error):
            return NoGraphs("not enough memory")
        raise
