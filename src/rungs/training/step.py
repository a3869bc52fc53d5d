"""One update of the weights: the reference for every other way of doing it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import nn

from rungs.network.outputs import arithmetic
from rungs.recipe import Recipe
from rungs.recipe.components import Updates
from rungs.training.record import ExecutionRecord

if TYPE_CHECKING:
    from rungs.recipe.components.losses import Criterion

# The loss of a batch, a scalar, and its logits [N, K], both before the update, without gradients.
Passed = tuple[torch.Tensor, torch.Tensor]


class Step(Protocol):
    """Does one update of a model's weights from one batch."""

    def __call__(
        self, images: torch.Tensor, targets: torch.Tensor, *, rate: float, number: int
    ) -> Passed:
        """One update.

        Args:
            images: float [N, C, H, W], as `training_batch` gives them.
            targets: class indices [N], or probabilities [N, K].
            rate: learning rate.
            number: of the update, from 1.

        Returns:
            Loss and logits, which hold until the next update.
        """


@dataclass(frozen=True, eq=False)
class EagerStep:
    """The step as Python tells it, operation by operation.

    Attributes:
        recipe: what is trained.
        record: how to compute.
        model: the network, which is changed.
        criterion: the loss, told how many images each class has.
        trained: the network, with the loss where that has weights of its own.
        updates: the optimiser at work on what is trained.
        teacher: whose answers the recipe's `teaching` learns from, in evaluation mode; or None.
    """

    recipe: Recipe
    record: ExecutionRecord
    model: nn.Module
    criterion: "Criterion"
    trained: nn.Module
    updates: Updates
    teacher: nn.Module | None = None

    def __call__(
        self, images: torch.Tensor, targets: torch.Tensor, *, rate: float, number: int
    ) -> Passed:
        """See `Step`."""
        passed = self.take_gradients(images, targets)
        self.updates.step(rate, number)
        return passed

    def take_gradients(self, images: torch.Tensor, targets: torch.Tensor) -> Passed:
        """All of an update but the optimiser's part: leaves gradients at the parameters."""
        images = images.contiguous(memory_format=self.record.memory_format)
        passes: list[Passed] = []
        # Once a batch, however often the gradient asks for the loss.
        answers = None if self.teacher is None else self._answers(self.teacher, images)

        def loss() -> torch.Tensor:
            with arithmetic(self.recipe.precision, self.record.device):
                logits = self.model(images)
            value = self.criterion(logits.float(), targets)
            if answers is not None:
                value = self.recipe.teaching.loss(value, logits.float(), answers)
            passes.append((value.detach(), logits.detach()))
            return value

        self.recipe.gradient.take(self.trained, loss)
        if self.recipe.clipping:
            nn.utils.clip_grad_norm_(self.trained.parameters(), self.recipe.clipping)
        return passes[0]

    @torch.no_grad()
    def _answers(self, teacher: nn.Module, images: torch.Tensor) -> torch.Tensor:
        """Logits float [N, K] of a teacher for the images that the network sees."""
        with arithmetic(self.recipe.precision, self.record.device):
            logits: torch.Tensor = teacher(images)
        return logits.float()
