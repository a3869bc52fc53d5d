"""Optimisers at work: torch's kernels, with a learning rate that is given at each update.

The kernels under torch.optim are called, not its classes: those take seconds for their first
update, in which they import torch's compiler. States are named as torch.optim names them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from rungs.foundation.errors import TrainingError
from rungs.ops.losses import WithLoss

# Coefficients of the quintic iteration that brings singular values near 1 in few steps
# (Jordan et al., Muon, 2024).
_QUINTIC = (3.4445, -4.7750, 2.0315)

# Below this a norm is none: what is divided by it would not be finite.
_LEAST_NORM = 1e-7

# A learning rate: a number of the host's, or a float32 scalar on the parameters' device.
Rate = float | torch.Tensor


def _trainable(model: nn.Module) -> list[torch.Tensor]:
    return [item for item in model.parameters() if item.requires_grad]


def _is_vector(parameter: torch.Tensor) -> bool:
    """Whether it is a bias or belongs to a normalisation, which weight decay leaves alone."""
    return parameter.ndim < 2


# Of weights that belong to no layer: what transformers add to their patches, or put beside them.
_EMBEDDINGS = (
    "pos_embed",
    "position_embed",
    "position_bias",
    "cls_token",
    "class_token",
    "dist_token",
    "reg_token",
)
_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._NormBase, nn.RMSNorm)


def undecayed(model: nn.Module) -> set[str]:
    """Names of the parameters that weight decay leaves alone.

    Those of timm's ``param_groups_weight_decay`` (Wightman, PyTorch Image Models, 2019): vectors,
    biases, and what a network names in ``no_weight_decay()``; also normalisations of any shape, and
    position embeddings and class tokens of networks that name nothing.
    """
    found = set()
    for path, module in model.named_modules():
        before = f"{path}." if path else ""
        named = getattr(module, "no_weight_decay", None)
        if callable(named):
            found |= {before + name for name in named()}
        for name, parameter in module.named_parameters(recurse=False):
            if (
                _is_vector(parameter)
                or name.endswith("bias")
                or isinstance(module, _NORMS)
                or any(part in name for part in _EMBEDDINGS)
            ):
                found.add(before + name)
    return found


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
    """AdamW (Loshchilov and Hutter, ICLR 2019); what `undecayed` names does not decay."""

    def __init__(
        self, model: nn.Module, beta1: float, beta2: float, epsilon: float, weight_decay: float
    ) -> None:
        alone = undecayed(model)
        trained = [(n, item) for n, item in model.named_parameters() if item.requires_grad]
        self._epsilon = epsilon
        self._matrices = _AdamRule(
            [item for name, item in trained if name not in alone], beta1, beta2, weight_decay
        )
        self._vectors = _AdamRule(
            [item for name, item in trained if name in alone], beta1, beta2, weight_decay=0.0
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


def orthogonalised(matrix: torch.Tensor, iterations: int = 5) -> torch.Tensor:
    """The nearest orthogonal matrix, roughly: singular values come to lie between 0.7 and 1.2.

    Newton-Schulz iteration of Jordan et al. (Muon, 2024) in float32.

    Args:
        matrix: [R, C].
        iterations: of them; singular values of fewer are spread further.
    """
    a, b, c = _QUINTIC
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / wide.norm().clamp(min=_LEAST_NORM)
    for _ in range(iterations):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    nearest: torch.Tensor = wide.T if matrix.shape[0] > matrix.shape[1] else wide
    return nearest


_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True, eq=False)
class HiddenMatrix:
    """A weight that maps features to features.

    Attributes:
        weight: [O, ...], counted as a matrix [O, all else].
        blocks: matrices that stand one upon another in it, each with O / blocks rows: those of a
            convolution's groups, or of queries, keys and values.
    """

    weight: torch.Tensor
    blocks: int


def hidden_matrices(model: nn.Module) -> list[HiddenMatrix]:
    """The trainable weights of a network that Muon is for (Jordan et al., 2024).

    Those of dense layers, convolutions and attention, in the network's order, without the layer
    that sees the pixels, the last one, and kernels of a single input channel (depthwise ones).
    The first and last are those by definition; other convolutions of as many input channels as
    the first one see the pixels too, such as a shortcut beside it. A loss's own weights are none.
    """
    model = model.network if isinstance(model, WithLoss) else model
    weighted = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, *_CONVOLUTIONS))
    ]
    if not weighted:
        return []
    (_, first), (_, last) = weighted[0], weighted[-1]
    others = {id(first.weight), id(last.weight)}
    found: dict[int, HiddenMatrix] = {}
    for name, module in model.named_modules():
        weight: torch.Tensor | None = None
        blocks = 1
        if isinstance(module, nn.MultiheadAttention):
            weight, blocks = module.in_proj_weight, 3
        elif isinstance(module, nn.Linear):
            weight = module.weight
            fused = name.rpartition(".")[2] == "qkv" and len(weight) == 3 * weight.shape[1]
            blocks = 3 if fused else 1
        elif isinstance(module, _CONVOLUTIONS):
            sees_pixels = (
                isinstance(first, _CONVOLUTIONS) and module.in_channels == first.in_channels
            )
            depthwise = module.groups > 1 and module.in_channels == module.groups
            weight = None if sees_pixels or depthwise else module.weight
            blocks = module.groups
        if weight is not None and weight.requires_grad and id(weight) not in others:
            found[id(weight)] = HiddenMatrix(weight, blocks)
    return [*found.values()]


class _MuonRule(_Rule):
    """Muon, over hidden matrices."""

    def __init__(
        self,
        matrices: Sequence[HiddenMatrix],
        momentum: float,
        weight_decay: float,
        *,
        normalise: bool,
        iterations: int,
    ) -> None:
        super().__init__([item.weight for item in matrices], "momentum_buffer")
        self._blocks = [item.blocks for item in matrices]
        self._momentum, self._weight_decay = momentum, weight_decay
        self._normalise, self._iterations = normalise, iterations

    @torch.no_grad()
    def step(self, rate: Rate) -> None:
        buffers, gradients = self._memory["momentum_buffer"], self._take_gradients()
        for parameter, blocks, buffer, gradient in zip(
            self._parameters, self._blocks, buffers, gradients, strict=True
        ):
            buffer.lerp_(gradient, 1 - self._momentum)
            ahead = gradient.lerp(buffer, self._momentum)
            matrices = ahead.reshape(len(ahead), -1).chunk(blocks)
            step = torch.cat(
                [orthogonalised(matrix, self._iterations) for matrix in matrices]
            ).view_as(ahead)
            rows, columns = matrices[0].shape
            if self._normalise:
                parameter.mul_(len(parameter) ** 0.5 / parameter.norm().clamp(min=_LEAST_NORM))
            parameter.mul_(1 - rate * self._weight_decay)
            # A tall matrix has fewer directions than outputs: its steps are made longer.
            longer = rate * max(1.0, rows / columns) ** 0.5
            if isinstance(longer, torch.Tensor):  # as a factor of the kernel it would be waited for
                parameter.addcmul_(step, longer, value=-1)
            else:
                parameter.sub_(step, alpha=longer)


class MuonUpdates(_Groups):
    """Muon for `hidden_matrices`, SGD with Nesterov's momentum for all else."""

    def __init__(
        self,
        model: nn.Module,
        momentum: float,
        weight_decay: float,
        sgd_factor: float,
        *,
        normalise: bool,
        iterations: int,
        bias_factor: float,
    ) -> None:
        matrices = hidden_matrices(model)
        hidden = {id(item.weight) for item in matrices}
        others = [item for item in _trainable(model) if id(item) not in hidden]
        self._sgd_factor, self._bias_factor = sgd_factor, bias_factor
        self._matrices = _MuonRule(
            matrices, momentum, weight_decay, normalise=normalise, iterations=iterations
        )
        # One group where all have one rate, as in checkpoints from before there was a choice.
        apart = [item for item in others if bias_factor != 1 and _is_vector(item)]
        found = {id(item) for item in apart}
        self._rest = _SgdRule(
            [item for item in others if id(item) not in found], momentum, 0.0, nesterov=True
        )
        self._vectors = _SgdRule(apart, momentum, 0.0, nesterov=True)
        more = {"vectors": self._vectors} if apart else {}
        super().__init__(matrices=self._matrices, rest=self._rest, **more)

    def step(self, rate: float, update: int) -> None:
        """One update from the gradients at hand, which are dropped."""
        self._step(rate)

    def captured_step(self, rate: torch.Tensor) -> None:
        """The same, with the rate on the device."""
        self._step(rate)

    def _step(self, rate: Rate) -> None:
        self._matrices.step(rate)
        self._rest.step(rate * self._sgd_factor)
        self._vectors.step(rate * self._sgd_factor * self._bias_factor)
