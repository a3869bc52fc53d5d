"""Gradients: where the loss is looked at before an update."""

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from rungs.foundation.values import Positive
from rungs.recipe.components.core import Component, component

if TYPE_CHECKING:
    import torch
    from torch import nn


class Gradient(Component, seam=True):
    """How the gradients of one update come about."""

    @abstractmethod
    def take(self, model: "nn.Module", loss: "Callable[[], torch.Tensor]") -> None:
        """Leaves a gradient at each trainable parameter, and the weights as they were.

        Args:
            model: in training mode, without gradients.
            loss: passes the batch through the model; a scalar. May be called several times.
        """


@component
class PlainGradient(Gradient):
    """The slope at the weights themselves."""

    kind = "plain"

    def take(self, model: "nn.Module", loss: "Callable[[], torch.Tensor]") -> None:
        """One pass forward and back."""
        loss().backward()  # type: ignore[no-untyped-call]


@component
class SharpnessAware(Gradient):
    """The slope at the worst place nearby: sharpness-aware minimisation (Foret et al., ICLR 2021).

    The place is w + radius * g / |g|, with weights w, their gradient g and |g| over all of them
    (equation 2 of the paper). An update costs two passes; the second leaves the moving statistics
    of batch normalisation alone, and drops out what the first did: both look at one function.

    Attributes:
        radius: distance of that place from the weights, the paper's rho.
    """

    version: ClassVar[int | str] = 2  # 1 drew other masks of dropout in its second pass

    radius: Positive = 0.05

    def take(self, model: "nn.Module", loss: "Callable[[], torch.Tensor]") -> None:
        """Two passes forward and back."""
        from rungs.ops.gradients import sharpness_aware

        sharpness_aware(model, loss, self.radius)
