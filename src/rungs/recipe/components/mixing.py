"""Mixing: training on blends of two images and their labels."""

from abc import abstractmethod
from typing import TYPE_CHECKING

from rungs.foundation.values import Fraction, Positive
from rungs.recipe.components.core import Component, component

if TYPE_CHECKING:
    import torch


class Mixing(Component, seam=True):
    """What is done with images and their labels together."""

    @abstractmethod
    def apply(
        self,
        images: "torch.Tensor",
        labels: "torch.Tensor",
        classes: int,
        generator: "torch.Generator",
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Images and what the loss shall aim at.

        Args:
            images: float [N, C, H, W].
            labels: int64 [N].
            classes: number of classes K.
            generator: on the CPU whatever the device.

        Returns:
            Images of the same shape, and targets: int64 [N], or probabilities float [N, K].
        """


@component
class NoMixing(Mixing):
    """Every image stays alone."""

    kind = "none"

    def apply(
        self,
        images: "torch.Tensor",
        labels: "torch.Tensor",
        classes: int,
        generator: "torch.Generator",
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """As they are."""
        return images, labels


@component
class Mixup(Mixing):
    """Each image is blended with another of its batch, and so are their labels.

    The share is drawn from Beta(alpha, alpha) once a batch (Zhang et al., ICLR 2018).

    Attributes:
        alpha: of the Beta distribution; small values rarely blend much.
    """

    alpha: Positive = 0.2

    def apply(
        self,
        images: "torch.Tensor",
        labels: "torch.Tensor",
        classes: int,
        generator: "torch.Generator",
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Partners come from one random order of the batch."""
        from rungs.ops.mixing import mixup

        return mixup(images, labels, classes, self.alpha, generator)


@component
class CutMix(Mixing):
    """A rectangle of each image is replaced by that of another; labels mix by area.

    The share that is kept is drawn from Beta(alpha, alpha) once a batch (Yun et al., ICCV 2019).

    Attributes:
        alpha: of the Beta distribution; 1 makes every share as likely.
        probability: that a batch is mixed at all.
    """

    kind = "cutmix"

    alpha: Positive = 1.0
    probability: Fraction = 0.5

    def apply(
        self,
        images: "torch.Tensor",
        labels: "torch.Tensor",
        classes: int,
        generator: "torch.Generator",
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Partners come from one random order of the batch."""
        from rungs.ops.mixing import cutmix

        return cutmix(images, labels, classes, self.alpha, self.probability, generator)
