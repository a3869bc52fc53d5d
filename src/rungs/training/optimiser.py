"""Adam as Keras computes it, from torch's fused kernel."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim.adam import adam

from rungs.recipe import Adam


class KerasAdam:
    """Adam with epsilon added before bias correction, and a rate that is given at each update.

    Keras (and section 2 of Kingma and Ba, 2015, "epsilon-hat") computes
    ``rate * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)``; torch divides sqrt(v) by
    sqrt(1 - b2^t) first. The two are equal when torch's epsilon is ``eps / sqrt(1 - b2^t)``.
    """

    def __init__(self, spec: Adam, model: nn.Module) -> None:
        self._spec = spec
        self._parameters: list[torch.Tensor] = [
            item for item in model.parameters() if item.requires_grad
        ]
        self._first = [torch.zeros_like(item) for item in self._parameters]
        self._second = [torch.zeros_like(item) for item in self._parameters]
        self._updates = [torch.zeros((), device=item.device) for item in self._parameters]

    @torch.no_grad()
    def step(self, rate: float, update: int) -> None:
        """One update from the gradients at hand, which are dropped.

        Args:
            rate: learning rate.
            update: its number, from 1.
        """
        # The kernel under torch.optim.Adam; the class itself takes seconds for its first update,
        # in which it imports torch's compiler.
        adam(
            self._parameters,
            [_gradient(item) for item in self._parameters],
            self._first,
            self._second,
            [],
            self._updates,
            fused=True,
            amsgrad=False,
            beta1=self._spec.beta1,
            beta2=self._spec.beta2,
            lr=rate,
            weight_decay=0.0,
            eps=self._spec.epsilon / (1 - self._spec.beta2**update) ** 0.5,
            maximize=False,
        )
        for item in self._parameters:
            item.grad = None

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on, as torch.optim.Adam names it."""
        return {
            "state": {
                number: {"step": step, "exp_avg": first, "exp_avg_sq": second}
                for number, (step, first, second) in enumerate(
                    zip(self._updates, self._first, self._second, strict=True)
                )
            }
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state of `state_dict`."""
        for number, item in state["state"].items():
            self._updates[number].copy_(item["step"])
            self._first[number].copy_(item["exp_avg"])
            self._second[number].copy_(item["exp_avg_sq"])


def _gradient(parameter: torch.Tensor) -> torch.Tensor:
    if parameter.grad is None:
        raise ValueError("a parameter took no part in the loss")
    return parameter.grad
