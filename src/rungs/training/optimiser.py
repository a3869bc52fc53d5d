"""Adam as Keras computes it, from torch's fused kernel."""

import torch
from torch import nn

from rungs.recipe import Adam


class KerasAdam:
    """Adam with epsilon added before bias correction, and a rate that is given at each update.

    Keras (and section 2 of Kingma and Ba, 2015, "epsilon-hat") computes
    ``rate * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)``; torch divides sqrt(v) by
    sqrt(1 - b2^t) first. The two are equal when torch's epsilon is ``eps / sqrt(1 - b2^t)``.
    """

    def __init__(self, spec: Adam, model: nn.Module) -> None:
        self._spec = spec
        self._adam = torch.optim.Adam(
            model.parameters(),
            lr=spec.learning_rate,
            betas=(spec.beta1, spec.beta2),
            fused=True,
        )

    def step(self, rate: float, update: int) -> None:
        """One update from the gradients at hand.

        Args:
            rate: learning rate.
            update: its number, from 1.
        """
        for group in self._adam.param_groups:
            group["lr"] = rate
            group["eps"] = self._spec.epsilon / (1 - self._spec.beta2**update) ** 0.5
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, object]:
        """All that the next update depends on."""
        return self._adam.state_dict()

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Goes on from a state of `state_dict`."""
        self._adam.load_state_dict(state)
