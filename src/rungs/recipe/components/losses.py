"""Losses: what training minimises."""

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal

from rungs.foundation.values import NotNegative, Rate
from rungs.recipe.components.core import Component, Surroundings, component

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
        balanced: each class alike: an image's weight is images / (classes * images of its class),
            with a mean of 1 over the training images; that of a blend is the mixture of two.
    """

    version: ClassVar[int | str] = 2  # 1 took balanced means over the weights of each batch
    introduced: ClassVar = {"class_weights": "even"}
    costless: ClassVar[frozenset[str]] = frozenset({"label_smoothing"})

    label_smoothing: Rate = 0.0
    class_weights: ClassWeights = "even"

    def build(self, counts: "torch.Tensor") -> "Criterion":
        """In nats, as torch computes it."""
        from functools import partial

        from torch import nn

        from rungs.ops.losses import weighted_cross_entropy

        weights = _weights(self.class_weights, counts)
        if weights is None:
            return nn.CrossEntropyLoss(label_smoothing=self.label_smoothing)
        return partial(
            weighted_cross_entropy, weights=weights, label_smoothing=self.label_smoothing
        )

    def revised(self, recipe: Surroundings) -> bool:
        """See `rungs.recipe.components.core.PartlyRevised`."""
        return self.class_weights == "balanced"


@component
class Focal(Loss):
    """Cross-entropy weighted by (1 - probability of the true class)^gamma (Lin et al., ICCV 2017).

    Attributes:
        gamma: how much less images count that are answered well; 0 is plain cross-entropy.
        class_weights: how much the images of a class count.

    Values of class_weights:
        even: each image alike.
        balanced: each class alike: an image's weight is images / (classes * images of its class),
            with a mean of 1 over the training images; that of a blend is the mixture of two.
    """

    version: ClassVar[int | str] = 2  # 1 took balanced means over the weights of each batch
    introduced: ClassVar = {"class_weights": "even"}
    costless: ClassVar[frozenset[str]] = frozenset({"gamma"})

    gamma: NotNegative = 2.0
    class_weights: ClassWeights = "even"

    def build(self, counts: "torch.Tensor") -> "Criterion":
        """In nats; with probabilities as targets, class by class."""
        from functools import partial

        from rungs.ops.losses import focal

        return partial(focal, gamma=self.gamma, weights=_weights(self.class_weights, counts))

    def revised(self, recipe: Surroundings) -> bool:
        """See `rungs.recipe.components.core.PartlyRevised`."""
        return self.class_weights == "balanced"


def _weights(wanted: ClassWeights, counts: "torch.Tensor") -> "torch.Tensor | None":
    from rungs.ops.losses import balanced

    return balanced(counts) if wanted == "balanced" else None
