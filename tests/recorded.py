"""A stand-in for CUDA graphs that freezes what a graph freezes: it needs no GPU."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rungs.foundation.errors import CaptureError
from rungs.training.graphs import Work
from rungs.training.step import Passed

# What a GPU's host could only do by waiting for it, or by a copy from memory that is not pinned.
_NOT_CAPTURED = {
    *("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::bincount"),
    *("aten::lift_fresh", "aten::equal"),
}
# An operation, its arguments and its results.
Done = tuple[Any, tuple[Any, ...], dict[str, Any], Any]


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Keeps every operation of torch's that is done, those of the backward pass too."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.done: list[Done] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func._schema.name in _NOT_CAPTURED:
            raise CaptureError(f"{func} is not permitted when a stream is capturing")
        results = func(*args, **(kwargs or {}))
        self.done.append((func, args, kwargs or {}, results))
        return results


class Recorded:
    """Records torch's operations and does them again, on the same tensors: Python is not asked.

    Recording does the work once; so the first replay does nothing.
    """

    def __init__(self) -> None:
        self.rehearsed = self.captured = self.replayed = 0

    def rehearse(self, work: Work) -> Passed:
        self.rehearsed += 1
        return work()

    def capture(self, work: Work) -> tuple[Callable[[], None], Passed]:
        self.captured += 1
        with _Recorder() as recorder:
            passed = work()
        runs = 0

        @torch.no_grad()
        def replay() -> None:
            nonlocal runs
            runs += 1
            self.replayed += 1
            if runs > 1:
                for operation in recorder.done:
                    _do_again(*operation)

        return replay, passed


def _do_again(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], results: Any) -> None:
    """Does an operation anew and puts what comes of it where its results were."""
    if func.is_view:  # still shows what it showed
        return
    for old, new in zip(tree_leaves(results), tree_leaves(func(*args, **kwargs)), strict=True):
        if isinstance(old, torch.Tensor) and new.data_ptr() != old.data_ptr():
            old.copy_(new)
