"""Losses: what training minimises."""

from abc import abstractmethod
from typing import TYPE_CHECKING

from rungs.components.core import Component, component
from rungs.values import NotNegative, Rate

if TYPE_CHECKING:
    import torch


class Loss(Component, seam=True):
    """A number for a batch, the smaller the better."""

    @abstractmethod
    def compute(self, logits: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        """The mean over a batch.

        Args:
            logits: float [N, K].
            targets: class indices int64 [N], or probabilities float [N, K].

        Returns:
            A scalar.
        """


@component
class CrossEntropy(Loss):
    """Categorical cross-entropy, optionally with label smoothing (Szegedy et al., 2016).

    Attributes:
        label_smoothing: share of the target's probability that goes to all classes evenly.
    """

    label_smoothing: Rate = 0.0

    def compute(self, logits: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        """In nats."""
        import torch.nn.functional as F

        return F.cross_entropy(logits, targets, label_smoothing=self.label_smoothing)


@component
class Focal(Loss):
    """Cross-entropy weighted by (1 - probability of the true class)^gamma (Lin et al., ICCV 2017).

    Attributes:
        gamma: how much less images count that are answered well; 0 is plain cross-entropy.
    """

    gamma: NotNegative = 2.0

    def compute(self, logits: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        """In nats; with probabilities as targets, class by class."""
        from rungs.ops.losses import focal

        return focal(logits, targets, self.gamma)
