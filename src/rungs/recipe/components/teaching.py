"""Teaching: what a network learns from another that was trained before it."""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from rungs.foundation.values import Fraction, Positive, Text
from rungs.recipe.components.core import Component, component

if TYPE_CHECKING:
    import torch


class Teaching(Component, seam=True):
    """How a teacher's answers to the very images of a batch enter its loss.

    Attributes:
        teacher: key of the recipe of the rung that teaches, by `rungs.recipe.recipe_key`; empty
            where nobody does. A modification whose parameter is a
            `rungs.foundation.values.RungName` is given it.
    """

    teacher: str

    @abstractmethod
    def loss(
        self, alone: "torch.Tensor", logits: "torch.Tensor", answers: "torch.Tensor"
    ) -> "torch.Tensor":
        """What is minimised.

        Args:
            alone: the recipe's loss of the batch, by its labels, a scalar.
            logits: of the network that is trained, float [N, K].
            answers: the teacher's logits, float [N, K], without gradients.

        Returns:
            A scalar.
        """


@component
class NoTeaching(Teaching):
    """Labels alone say what is right."""

    kind = "none"
    teacher = ""

    def loss(
        self, alone: "torch.Tensor", logits: "torch.Tensor", answers: "torch.Tensor"
    ) -> "torch.Tensor":
        """The recipe's own."""
        return alone


@component
class Distillation(Teaching):
    """Labels, and a teacher's softened answers (Hinton, Vinyals and Dean, 2015).

    Minimised is weight * T^2 * KL(teacher_T || student_T) + (1 - weight) * loss, where both
    networks' logits are divided by the temperature T; T^2 keeps the slope of the first part as
    large as it is at T = 1 (section 2.1 of the paper). The teacher answers to the images as the
    network is given them, changed, resized and mixed (Beyer et al., CVPR 2022), in evaluation mode
    and in this recipe's precision.

    Attributes:
        teacher: key of its recipe; the change `distil` writes it.
        temperature: by which logits are divided; the higher, the more wrong classes say.
        weight: share of the teacher's part.
    """

    costless: ClassVar[frozenset[str]] = frozenset({"temperature", "weight"})

    teacher: Text = ""
    temperature: Positive = 4.0
    weight: Fraction = 0.9

    def loss(
        self, alone: "torch.Tensor", logits: "torch.Tensor", answers: "torch.Tensor"
    ) -> "torch.Tensor":
        """In nats."""
        from rungs.ops.losses import softened_divergence

        taught = softened_divergence(logits, answers, self.temperature)
        return self.weight * taught + (1 - self.weight) * alone
