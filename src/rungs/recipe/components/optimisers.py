"""Optimisers: how the weights follow the gradients."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, runtime_checkable

from pydantic import Field

from rungs.foundation.values import Flag, NotNegative, Positive, Rate
from rungs.recipe.components.core import Component, Surroundings, component
from rungs.recipe.components.networks import Network, is_ours

if TYPE_CHECKING:
    import torch
    from torch import nn


Iterations = Annotated[int, Field(strict=True, ge=1, le=20)]


class Updates(Protocol):
    """An optimiser at work on a model."""

    def step(self, rate: float, update: int) -> None:
        """One update from the gradients at hand, which are dropped.

        Args:
            rate: learning rate.
            update: its number, from 1.
        """

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on: numbers, texts and tensors only."""

    def load_state_dict(self, state: Any) -> None:
        """Goes on from a state of `state_dict`."""


@runtime_checkable
class CapturableUpdates(Updates, Protocol):
    """An optimiser whose updates differ in nothing but one number, which may lie on the device.

    So that one of them can be recorded as a CUDA graph and replayed for all.
    """

    def captured_rate(self, rate: float, update: int) -> float:
        """The number of an update.

        Args:
            rate: learning rate.
            update: its number, from 1.
        """

    def captured_step(self, rate: "torch.Tensor") -> None:
        """What `step` does, up to rounding, without a word to or from the host.

        Args:
            rate: what `captured_rate` gives, a float32 scalar on the device.
        """


class Optimiser(Component, seam=True):
    """An optimiser's rule.

    Attributes:
        learning_rate: from which the schedule starts.
        adaptive: whether steps do not grow with the gradient, whose size is divided out; the rate
            then goes with the square root of the batch size.
    """

    adaptive: ClassVar[bool] = False
    costless: ClassVar[frozenset[str]] = frozenset({"learning_rate"})

    learning_rate: float

    @abstractmethod
    def build(self, model: "nn.Module") -> Updates:
        """Puts it to work on the trainable parameters of a model."""


@component
class Adam(Optimiser):
    """Adam (Kingma and Ba, 2015) as Keras computes it.

    Attributes:
        learning_rate: from which the schedule starts.
        beta1: decay of the gradient's moving mean, per update.
        beta2: decay of the squared gradient's moving mean, per update.
        epsilon: added before bias correction ("epsilon-hat" of the paper's section 2).
    """

    adaptive: ClassVar[bool] = True

    learning_rate: Positive = 1e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    epsilon: Positive = 1e-7

    def build(self, model: "nn.Module") -> Updates:
        """Torch's fused kernel."""
        from rungs.ops.optimisers import KerasAdam

        return KerasAdam(model, self.beta1, self.beta2, self.epsilon)


@component
class AdamW(Optimiser):
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019), as in PyTorch.

    Attributes:
        learning_rate: from which the schedule starts.
        beta1: decay of the gradient's moving mean, per update.
        beta2: decay of the squared gradient's moving mean, per update.
        epsilon: added to the root of the corrected squared mean.
        weight_decay: share of each matrix and kernel that is taken off, times the rate, per update;
            biases, normalisations, position embeddings and class tokens keep theirs, and what a
            network names in ``no_weight_decay()``, as in timm (Wightman, PyTorch Image Models,
            2019, ``optim/_param_groups.py``).
    """

    version: ClassVar[int | str] = 2  # 1 took embeddings and tokens for matrices
    kind = "adamw"
    adaptive: ClassVar[bool] = True

    learning_rate: Positive = 1e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 0.01

    def build(self, model: "nn.Module") -> Updates:
        """Torch's fused kernel."""
        from rungs.ops.optimisers import DecoupledAdam

        return DecoupledAdam(model, self.beta1, self.beta2, self.epsilon, self.weight_decay)

    def revised(self, recipe: Surroundings) -> bool:
        """See `rungs.recipe.components.core.PartlyRevised`: described networks have neither."""
        network = recipe.network
        return not isinstance(network, Network) or not is_ours(network)


@component
class Sgd(Optimiser):
    """Stochastic gradient descent with momentum (Sutskever et al., ICML 2013), as in PyTorch.

    Attributes:
        learning_rate: from which the schedule starts.
        momentum: share of the last step that is kept.
        nesterov: look ahead along the step before the gradient is added.
        weight_decay: added to the gradient, times the weight; biases and normalisations have none.
        bias_factor: the rate of biases and normalisations is this many times higher.
    """

    learning_rate: Positive = 0.05
    momentum: Rate = 0.9
    nesterov: Flag = True
    weight_decay: NotNegative = 5e-4
    bias_factor: Positive = 1.0

    def __post_init__(self) -> None:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")

    def build(self, model: "nn.Module") -> Updates:
        """Torch's fused kernel."""
        from rungs.ops.optimisers import MomentumSgd

        return MomentumSgd(model, self.momentum, self.nesterov, self.weight_decay, self.bias_factor)


@component
class Muon(Optimiser):
    """Momentum steps of hidden matrices made orthogonal (Jordan et al., Muon, 2024); SGD elsewhere.

    Hidden matrices are the weights of dense layers, attention and convolutions, but for the layer
    that sees the pixels and the classifier. A kernel [O, I, H, W] counts as a matrix
    [O, I * H * W], and those of each group and of queries, keys and values count alone; a few
    steps of a Newton-Schulz iteration bring singular values near 1, and steps are sqrt(max(1,
    rows / columns)) times as long. The rest are those two, depthwise kernels, biases,
    normalisations, embeddings and tokens.

    Attributes:
        learning_rate: of the matrices, from which the schedule starts.
        momentum: share of the last step that is kept, Nesterov's way.
        weight_decay: share of each matrix that is taken off, times the rate, per update.
        sgd_factor: the rate of all else is this many times that of the matrices.
        normalise: each matrix or kernel is scaled before each step so that its norm, the root of
            the sum of its squares, is sqrt(outputs): the rate is then a share of the weights
            whatever their size, as in airbench94_muon (Jordan, cifar10-airbench, 2024).
        iterations: Newton-Schulz steps; airbench94_muon does with 3.
        bias_factor: of all else, the rate of biases and normalisations is this many times higher.
    """

    version: ClassVar[int | str] = 2  # 1 took all kernels of convolutions, and nothing else
    introduced: ClassVar = {"normalise": False, "iterations": 5, "bias_factor": 1.0}

    learning_rate: Positive = 0.02
    momentum: Rate = 0.95
    weight_decay: NotNegative = 0.0
    sgd_factor: Positive = 5.0
    normalise: Flag = False
    iterations: Iterations = 5
    bias_factor: Positive = 1.0

    def build(self, model: "nn.Module") -> Updates:
        """Matrices and the rest each with their own rule."""
        from rungs.ops.optimisers import MuonUpdates

        return MuonUpdates(
            model,
            self.momentum,
            self.weight_decay,
            self.sgd_factor,
            normalise=self.normalise,
            iterations=self.iterations,
            bias_factor=self.bias_factor,
        )
