"""Whole updates as CUDA graphs: what a step tells the GPU, recorded once and then replayed.

The update of a small network is hundreds of short kernels, and telling a GPU each of them takes the
host longer than the GPU takes to do it. A graph tells it all of them at once.

Captured is the update: forward, loss, backward, clipping and the optimiser, for each shape of
batches (progressive resolution has several, CutMix two). Not captured: drawing and changing
batches, whose chance comes from the CPU on every device; weight averages, whose course is Python's;
counting; and an epoch's last batch where it is smaller. A replay reads what changes from update to
update at places that stay: images, targets and one number of the optimiser's. All else that Python
would decide anew is frozen, so an optimiser must say that it can do with the one number
(`rungs.recipe.components.CapturableUpdates`), and `rungs.training.noise.check_agreement` compares
first losses. Torch registers its default generator with every graph: dropout draws what it would
eagerly.

The reference is `rungs.training.step.EagerStep`. Torch is in no defined state after a capture that
raised (its allocator still serves the capture, and so may its generator), so none is caught here:
capture is tried in a process of its own first (`rungs.execution.graph_trial`).
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch

from rungs.foundation.errors import CaptureError, RungsError
from rungs.recipe.components import CapturableUpdates
from rungs.training import memory
from rungs.training.step import EagerStep, Passed

# Updates of each shape before its capture, as torch asks for: libraries prepare themselves in them.
# They are the run's own first updates, so that none is done for nothing.
_REHEARSALS = 3
_LONGEST_REASON = 160  # characters

Work = Callable[[], Passed]


class Capturer(Protocol):
    """What records work and replays it."""

    def rehearse(self, work: Work) -> Passed:
        """Does the work where it will be captured, without capturing it."""

    def capture(self, work: Work) -> tuple[Callable[[], None], Passed]:
        """Records the work without doing it.

        Returns:
            What does it from then on, and where its results lie after each time.

        Raises:
            CaptureError: it cannot be recorded; nothing is to be computed in this process any more.
        """


class CudaCapturer:
    """CUDA graphs, which share one pool of memory: no two of them are at work at a time."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def rehearse(self, work: Work) -> Passed:
        """On the stream of the captures: libraries prepare themselves for each stream."""
        present = torch.cuda.current_stream()
        self._stream.wait_stream(present)
        with torch.cuda.stream(self._stream):
            passed = work()
        present.wait_stream(self._stream)
        return passed

    def capture(self, work: Work) -> tuple[Callable[[], None], Passed]:
        """See `Capturer`."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                passed = work()
        except RungsError:
            raise
        except Exception as error:
            # What the end of a capture says hides what ended it.
            first = error.__context__ if isinstance(error.__context__, Exception) else error
            # A graph keeps memory to itself: without one there may be enough.
            said = "not enough memory" if memory.ran_out(first) else reason(first)
            raise CaptureError(said) from error
        return graph.replay, passed


def reason(error: Exception) -> str:
    """What an error says, on one short line."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:_LONGEST_REASON]


class GraphedStep:
    """A step that is captured for each shape of whole batches."""

    def __init__(self, eager: EagerStep, capturer: Callable[[], Capturer]) -> None:
        """Prepares it; nothing is captured yet.

        Args:
            eager: the same step without graphs.
            capturer: makes that of the device.

        Raises:
            CaptureError: the optimiser's updates depend on more than a number on the device.
        """
        if not isinstance(eager.updates, CapturableUpdates):
            raise CaptureError(
                f"optimiser '{eager.recipe.optimiser.kind}' takes its learning rate from Python"
            )
        self._eager, self._updates, self._capturer = eager, eager.updates, capturer()
        self._rate = torch.zeros((), device=eager.record.device)
        self._places: dict[object, _Place] = {}

    def __call__(
        self, images: torch.Tensor, targets: torch.Tensor, *, rate: float, number: int
    ) -> Passed:
        """See `rungs.training.step.Step`."""
        if len(images) < self._eager.recipe.batch_size:
            return self._eager(images, targets, rate=rate, number=number)
        shape = (images.shape, targets.shape, targets.dtype)
        if shape not in self._places:
            layout = self._eager.record.memory_format
            self._places[shape] = _Place(
                torch.empty_like(images, memory_format=layout), torch.empty_like(targets)
            )
        self._rate.fill_(self._updates.captured_rate(rate, number))
        return self._places[shape].update(images, targets, self._update, self._capturer)

    def _update(self, images: torch.Tensor, targets: torch.Tensor) -> Passed:
        passed = self._eager.take_gradients(images, targets)
        self._updates.captured_step(self._rate)
        return passed


class _Place:
    """Where batches of one shape are put, and the graph of their update once there is one.

    It holds nothing of the step: in a cycle of references, the memory of a run that has ended would
    stay taken while the next one trains, for torch collects no garbage before a capture.
    """

    def __init__(self, images: torch.Tensor, targets: torch.Tensor) -> None:
        self._images, self._targets = images, targets
        self._rehearsals = 0
        self._graph: tuple[Callable[[], None], Passed] | None = None

    def update(
        self,
        images: torch.Tensor,
        targets: torch.Tensor,
        work: Callable[[torch.Tensor, torch.Tensor], Passed],
        capturer: Capturer,
    ) -> Passed:
        """Does the work on a batch, which is put here first."""
        self._images.copy_(images)
        self._targets.copy_(targets)
        here = partial(work, self._images, self._targets)
        if self._rehearsals < _REHEARSALS:
            self._rehearsals += 1
            return capturer.rehearse(here)
        if self._graph is None:
            self._graph = capturer.capture(here)
        replay, passed = self._graph
        replay()
        return passed
