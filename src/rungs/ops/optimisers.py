"""Optimisers at work: torch's kernels, with a learning rate that is given at each update.

The kernels under torch.optim are called, not its classes: those take seconds for their first
update, in which they import torch's compiler. States are named as torch.optim names them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from rungs.foundation.errors import TrainingError

# Coefficients of the quintic iteration that brings singular values near 1 in few steps
# (Jordan et al., Muon, 2024).
_QUINTIC = (3.4445, -4.7750, 2.0315)
_QUINTIC_STEPS = 5

# A learning rate: a number of the host's, or a float32 scalar on the parameters' device.
Rate = float | torch.Tensor


def _trainable(model: nn.Module) -> list[torch.Tensor]:
    return [item for item in model.parameters() if item.requires_grad]


def _is_vector(parameter: torch.Tensor) -> bool:
    """Whether it is a bias or belongs to a normalisation, which weight decay leaves alone."""
    return parameter.ndim < 2


class _Rule:
    """A rule over one list of parameters, and what it remembers of each, by name."""

    def __init__(self, parameters: Sequence[torch.Tensor], *names: str) -> None:
        self._parameters = list(parameters)
        self._memory = {
            name: [
                torch.zeros((), device=item.device) if name == "step" else torch.zeros_like(item)
                for item in parameters
            ]
            for name in names
        }

    def _take_gradients(self) -> list[torch.Tensor]:
        """The gradients, which their parameters lose: the next pass begins without any.

        Raises:
            TrainingError: a parameter has none.
        """
        gradients = []
        for parameter in self._parameters:
            if parameter.grad is None:
                raise TrainingError(
                    f"weights of shape {list(parameter.shape)} took no part in the loss; use them, "
                    "or say requires_grad_(False)"
                )
            gradients.append(parameter.grad)
            parameter.grad = None
        return gradients

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on."""
        rows = zip(*self._memory.values(), strict=True)
        return {
            "state": {
                number: dict(zip(self._memory, row, strict=True)) for number, row in enumerate(rows)
            }
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state of `state_dict`."""
        for number, item in state["state"].items():
            for name, values in self._memory.items():
                values[number].copy_(item[name])


class _AdamRule(_Rule):
    """Adam with decoupled weight decay."""

    def __init__(
        self, parameters: Sequence[torch.Tensor], beta1: float, beta2: float, weight_decay: float
    ) -> None:
        super().__init__(parameters, "step", "exp_avg", "exp_avg_sq")
        self._beta1, self._beta2, self._weight_decay = beta1, beta2, weight_decay

    def step(self, rate: Rate, epsilon: float) -> None:
        """With both means corrected for their start from zero."""
        self._update(rate, epsilon, self._memory["step"])

    def step_uncorrected(self, rate: Rate, epsilon: float) -> None:
        """With both means as they are, to which corrections tend with the number of updates."""
        steps = self._memory["step"]
        if not steps:
            return
        self._update(rate, epsilon, [torch.full_like(steps[0], torch.inf)] * len(steps))
        torch._foreach_add_(steps, 1)

    @torch.no_grad()
    def _update(self, rate: Rate, epsilon: float, steps: list[torch.Tensor]) -> None:
        if not self._parameters:
            return
        adam(
            self._parameters,
            self._take_gradients(),
            self._memory["exp_avg"],
            self._memory["exp_avg_sq"],
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=self._beta1,
            beta2=self._beta2,
            lr=rate,
            weight_decay=self._weight_decay,
            eps=epsilon,
            maximize=False,
            decoupled_weight_decay=True,
        )


class KerasAdam:
    """Adam with epsilon added before bias correction.

    Keras (and section 2 of Kingma and Ba, 2015, "epsilon-hat") computes
    ``rate * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)``; torch divides sqrt(v) by
    sqrt(1 - b2^t) first. The two are equal when torch's epsilon is ``eps / sqrt(1 - b2^t)``.
    """

    def __init__(self, model: nn.Module, beta1: float, beta2: float, epsilon: float) -> None:
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        self._rule = _AdamRule(_trainable(model), beta1, beta2, weight_decay=0.0)

    def step(self, rate: float, update: int) -> None:
        """One update from the gradients at hand, which are dropped."""
        self._rule.step(rate, self._epsilon / (1 - self._beta2**update) ** 0.5)

    def captured_rate(self, rate: float, update: int) -> float:
        """Keras's form, in which the corrections are a factor of the rate."""
        corrected: float = rate * (1 - self._beta2**update) ** 0.5 / (1 - self._beta1**update)
        return corrected

    def captured_step(self, rate: torch.Tensor) -> None:
        """The epsilon of `step` changes with every update; here it is constant."""
        self._rule.step_uncorrected(rate, self._epsilon)

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on."""
        return self._rule.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state of `state_dict`."""
        self._rule.load_state_dict(state)


class _Groups:
    """Rules over several groups of parameters, each with a state of its own."""

    def __init__(self, **groups: Any) -> None:
        self._groups = groups

    def captured_rate(self, rate: float, update: int) -> float:
        """The learning rate itself."""
        return rate

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on."""
        return {name: group.state_dict() for name, group in self._groups.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state of `state_dict`."""
        for name, group in self._groups.items():
            group.load_state_dict(state[name])


class DecoupledAdam(_Groups):
    """AdamW (Loshchilov and Hutter, ICLR 2019); biases and normalisations do not decay."""

    def __init__(
        self, model: nn.Module, beta1: float, beta2: float, epsilon: float, weight_decay: float
    ) -> None:
        parameters = _trainable(model)
        self._epsilon = epsilon
        self._matrices = _AdamRule(
            [item for item in parameters if not _is_vector(item)], beta1, beta2, weight_decay
        )
        self._vectors = _AdamRule(
            [item for item in parameters if _is_vector(item)], beta1, beta2, weight_decay=0.0
        )
        super().__init__(matrices=self._matrices, vectors=self._vectors)

    def step(self, rate: float, update: int) -> None:
        """One update from the gradients at hand, which are dropped."""
        self._step(rate)

    def captured_step(self, rate: torch.Tensor) -> None:
        """The same, with the rate on the device."""
        self._step(rate)

    def _step(self, rate: Rate) -> None:
        self._matrices.step(rate, self._epsilon)
        self._vectors.step(rate, self._epsilon)


class _SgdRule(_Rule):
    """Momentum, and weight decay as a part of the gradient."""

    def __init__(
        self,
        parameters: Sequence[torch.Tensor],
        momentum: float,
        weight_decay: float,
        *,
        nesterov: bool,
    ) -> None:
        super().__init__(parameters, "momentum_buffer")
        self._momentum, self._weight_decay, self._nesterov = momentum, weight_decay, nesterov

    @torch.no_grad()
    def step(self, rate: Rate) -> None:
        if not self._parameters:
            return
        # From zeros: the first step is then the gradient itself, as with torch.optim.SGD.
        sgd(
            self._parameters,
            self._take_gradients(),
            [*self._memory["momentum_buffer"]],
            fused=True,
            weight_decay=self._weight_decay,
            momentum=self._momentum,
            lr=rate,  # type: ignore[arg-type]  # the kernel takes both
            dampening=0.0,
            nesterov=self._nesterov,
            maximize=False,
        )


class MomentumSgd(_Groups):
    """Stochastic gradient descent with momentum; biases and normalisations do not decay."""

    def __init__(
        self,
        model: nn.Module,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
        bias_factor: float,
    ) -> None:
        parameters = _trainable(model)
        self._bias_factor = bias_factor
        self._matrices = _SgdRule(
            [item for item in parameters if not _is_vector(item)],
            momentum,
            weight_decay,
            nesterov=nesterov,
        )
        self._vectors = _SgdRule(
            [item for item in parameters if _is_vector(item)], momentum, 0.0, nesterov=nesterov
        )
        super().__init__(matrices=self._matrices, vectors=self._vectors)

    def step(self, rate: float, update: int) -> None:
        """One update from the gradients at hand, which are dropped."""
        self._step(rate)

    def captured_step(self, rate: torch.Tensor) -> None:
        """The same, with the rate on the device."""
        self._step(rate)

    def _step(self, rate: Rate) -> None:
        self._matrices.step(rate)
        self._vectors.step(rate * self._bias_factor)


def orthogonalised(matrix: torch.Tensor) -> torch.Tensor:
    """The nearest orthogonal matrix, roughly: singular values come to lie between 0.7 and 1.2.

    Newton-Schulz iteration of Jordan et al. (Muon, 2024) in float32.

    Args:
        matrix: [R, C].
    """
    a, b, c = _QUINTIC
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(_QUINTIC_STEPS):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    nearest: torch.Tensor = wide.T if matrix.shape[0] > matrix.shape[1] else wide
    return nearest


class _MuonRule(_Rule):
    """Muon, over the kernels of convolutions."""

    def __init__(
        self, parameters: Sequence[torch.Tensor], momentum: float, weight_decay: float
    ) -> None:
        super().__init__(parameters, "momentum_buffer")
        self._momentum, self._weight_decay = momentum, weight_decay

    @torch.no_grad()
    def step(self, rate: Rate) -> None:
        buffers, gradients = self._memory["momentum_buffer"], self._take_gradients()
        for parameter, buffer, gradient in zip(self._parameters, buffers, gradients, strict=True):
            buffer.lerp_(gradient, 1 - self._momentum)
            ahead = gradient.lerp(buffer, self._momentum)
            step = orthogonalised(ahead.reshape(len(ahead), -1)).view_as(ahead)
            rows, columns = len(ahead), ahead[0].numel()
            parameter.mul_(1 - rate * self._weight_decay)
            # A tall matrix has fewer directions than outputs: its steps are made longer.
            longer = rate * max(1.0, rows / columns) ** 0.5
            if isinstance(longer, torch.Tensor):  # as a factor of the kernel it would be waited for
                parameter.addcmul_(step, longer, value=-1)
            else:
                parameter.sub_(step, alpha=longer)


class MuonUpdates(_Groups):
    """Muon for the kernels of convolutions, SGD with Nesterov's momentum for all else."""

    def __init__(
        self, model: nn.Module, momentum: float, weight_decay: float, sgd_factor: float
    ) -> None:
        parameters = _trainable(model)
        self._sgd_factor = sgd_factor
        self._kernels = _MuonRule(
            [item for item in parameters if item.ndim == 4], momentum, weight_decay
        )
        self._rest = _SgdRule(
            [item for item in parameters if item.ndim != 4], momentum, 0.0, nesterov=True
        )
        super().__init__(kernels=self._kernels, rest=self._rest)

    def step(self, rate: float, update: int) -> None:
        """One update from the gradients at hand, which are dropped."""
        self._step(rate)

    def captured_step(self, rate: torch.Tensor) -> None:
        """The same, with the rate on the device."""
        self._step(rate)

    def _step(self, rate: Rate) -> None:
        self._kernels.step(rate)
        self._rest.step(rate * self._sgd_factor)
