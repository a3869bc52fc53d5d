"""Gradients that take more than one pass."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._python_dispatch import TorchDispatchMode


@contextmanager
def _statistics_kept(model: nn.Module) -> Iterator[None]:
    """While it lasts, batch normalisation takes no batch into its moving statistics."""
    counting = [
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]
    for module in counting:
        module.track_running_stats = False
    try:
        yield
    finally:
        for module in counting:
            module.track_running_stats = True


# Operations whose results are drawn without regard to values that have a slope; those that draw in
# place are told by their names.
_DRAWS = {"rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like"}
_DRAWS |= {"bernoulli", "multinomial"}


class _Drawn(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers what a pass draws, or gives a later pass what the first one drew.

    The state of a generator cannot be put back while a CUDA graph is captured; what was drawn can
    be used once more anywhere. What a kernel draws for itself alone, as in fused attention with
    dropout, is drawn anew.
    """

    def __init__(self, before: "deque[tuple[Any, torch.Tensor]] | None" = None) -> None:
        """Gives what was drawn ``before``, in its order; None to remember."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.drawn: deque[tuple[Any, torch.Tensor]] = deque() if before is None else before
        self._remembers = before is None

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Does an operation, or what it would have drawn is taken from before."""
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **(kwargs or {}))
        name = func._schema.name.removeprefix("aten::")
        if name == "native_dropout":  # a GPU's: the values that are left, and which they are
            return self._dropout(func, *args)
        in_place = name.endswith("_")
        if not in_place and name not in _DRAWS:
            return func(*args, **(kwargs or {}))
        if self._remembers:
            found = func(*args, **(kwargs or {}))
            self.drawn.append((func, found.clone()))
            return found
        if in_place and self._is_next(func, args[0].shape):
            return args[0].copy_(self.drawn.popleft()[1])
        # The shape that it would have is told by drawing it, which costs little.
        found = func(*args, **(kwargs or {}))
        if not in_place and self._is_next(func, found.shape):
            return self.drawn.popleft()[1]
        return found

    def _dropout(self, func: Any, values: torch.Tensor, rate: float, train: bool | None) -> Any:
        if self._remembers or not self._is_next(func, values.shape):
            left, mask = func(values, rate, train)
            if self._remembers:
                self.drawn.append((func, mask))
            return left, mask
        mask = self.drawn.popleft()[1]
        scale = 1 / (1 - rate) if rate < 1 else 0.0
        return values * mask * scale, mask

    def _is_next(self, func: Any, shape: torch.Size) -> bool:
        """Whether the first pass drew the same here; it need not have, where Python decides."""
        if not self.drawn:
            return False
        before, found = self.drawn[0]
        return before is func and found.shape == shape


def sharpness_aware(model: nn.Module, loss: Callable[[], torch.Tensor], radius: float) -> None:
    """Leaves the gradients at w + radius * g / |g| (Foret et al., ICLR 2021, equation 2).

    Both are slopes of one function: what the first pass draws, such as dropout's masks, the second
    uses again.

    Args:
        model: in training mode, without gradients; its weights w are put back, bit for bit.
        loss: passes the batch through the model; a scalar.
        radius: distance of the place from the weights.
    """
    with _Drawn() as first:
        value = loss()
    value.backward()  # type: ignore[no-untyped-call]
    parameters = [item for item in model.parameters() if item.grad is not None]
    gradients = [item.grad for item in parameters if item.grad is not None]
    weights = [item.detach().clone() for item in parameters]
    # A gradient of nothing has no direction: the place is then the weights themselves.
    length = nn.utils.get_total_norm(gradients).clamp(min=1e-12)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.add_(gradient * (radius / length))
            parameter.grad = None
    with _statistics_kept(model):
        with _Drawn(first.drawn):
            value = loss()
        value.backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter, weight in zip(parameters, weights, strict=True):
            parameter.copy_(weight)
