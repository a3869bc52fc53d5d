"""Losses: what training minimises."""

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal

from rungs.foundation.values import NotNegative, Rate
from rungs.recipe.components.core import Component, component

if TYPE_CHECKING:
    import torch

    # Logits float [N, K] and targets (class indices int64 [N], or probabilities float [N, K]) to
    # the mean over the batch, a scalar.
    Criterion = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

ClassWeights = Literal["even", "balanced"]


class Loss(Component, seam=True):
    """A number for a batch, the smaller the better."""

    @abstractmethod
    def build(self, counts: "torch.Tensor") -> "Criterion":
        """A function of logits and targets; an ``nn.Module`` of torch's losses will do.

        A module may have weights of its own: they are trained with the network's, by the same
        optimiser, and its state is kept with every epoch. No average is taken of them.

        Args:
            counts: training images of each class, int64 [K], on the device of the training.

        Returns:
            From logits float [N, K] and targets, which are class indices int64 [N] or probabilities
            float [N, K], to the mean over the batch, a scalar.
        """


@component
class CrossEntropy(Loss):
    """Categorical cross-entropy, optionally with label smoothing (Szegedy et al., 2016).

    Attributes:
        label_smoothing: share of the target's probability that goes to all classes evenly.
        class_weights: how much the images of a class count.

    Values of class_weights:
        even: each image alike.
        balanced: each class alike: images are weighed by images / (classes * images of their
            class), and the batch's mean is over the weights; over its images where they are mixed.
    """

    introduced: ClassVar = {"class_weights": "even"}
    costless: ClassVar[frozenset[str]] = frozenset({"label_smoothing"})

    label_smoothing: Rate = 0.0
    class_weights: ClassWeights = "even"

    def build(self, counts: "torch.Tensor") -> "Criterion":
        """In nats, as torch computes it."""
        from torch import nn

        return nn.CrossEntropyLoss(
            weight=_weights(self.class_weights, counts), label_smoothing=self.label_smoothing
        )


@component
class Focal(Loss):
    """Cross-entropy weighted by (1 - probability of the true class)^gamma (Lin et al., ICCV 2017).

    Attributes:
        gamma: how much less images count that are answered well; 0 is plain cross-entropy.
        class_weights: how much the images of a class count.

    Values of class_weights:
        even: each image alike.
        balanced: each class alike: images are weighed by images / (classes * images of their
            class), and the batch's mean is over the weights; over its images where they are mixed.
    """

    introduced: ClassVar = {"class_weights": "even"}
    costless: ClassVar[frozenset[str]] = frozenset({"gamma"})

    gamma: NotNegative = 2.0
    class_weights: ClassWeights = "even"

    def build(self, counts: "torch.Tensor") -> "Criterion":
        """In nats; with probabilities as targets, class by class."""
        from functools import partial

        from rungs.ops.losses import focal

        return partial(focal, gamma=self.gamma, weights=_weights(self.class_weights, counts))


def _weights(wanted: ClassWeights, counts: "torch.Tensor") -> "torch.Tensor | None":
    from rungs.ops.losses import balanced

    return balanced(counts) if wanted == "balanced" else None
