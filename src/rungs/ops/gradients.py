"""Gradients that take more than one pass."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


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


def sharpness_aware(model: nn.Module, loss: Callable[[], torch.Tensor], radius: float) -> None:
    """Leaves the gradients at w + radius * g / |g| (Foret et al., ICLR 2021, equation 2).

    Args:
        model: in training mode, without gradients; its weights w are put back, bit for bit.
        loss: passes the batch through the model; a scalar.
        radius: distance of the place from the weights.
    """
    loss().backward()  # type: ignore[no-untyped-call]
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
        loss().backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter, weight in zip(parameters, weights, strict=True):
            parameter.copy_(weight)
