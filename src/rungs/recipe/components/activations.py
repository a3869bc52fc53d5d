"""Activations of the convolutional layers."""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from rungs.foundation.values import Positive
from rungs.recipe.components.core import Component, component

if TYPE_CHECKING:
    from torch import nn


class Activation(Component, seam=True):
    """A function of every single value.

    Attributes:
        rises: whether it never falls: a larger value gives one that is no smaller. Then it may be
            taken of the largest values alone, after max pooling.
    """

    rises: ClassVar[bool] = False

    @abstractmethod
    def build(self) -> "nn.Module":
        """A module of any shape -> the same shape; it may overwrite its input."""


@component
class Relu(Activation):
    """max(x, 0)."""

    rises: ClassVar[bool] = True

    def build(self) -> "nn.Module":
        """In place."""
        from torch import nn

        return nn.ReLU(inplace=True)


@component
class Elu(Activation):
    """x for x > 0, else alpha * (exp(x) - 1) (Clevert et al., ICLR 2016).

    Attributes:
        alpha: minus the value that it falls to.
    """

    rises: ClassVar[bool] = True

    alpha: Positive = 1.0

    def build(self) -> "nn.Module":
        """In place: the gradient comes from the result, without a second exponential."""
        from torch import nn

        return nn.ELU(self.alpha, inplace=True)


@component
class Gelu(Activation):
    """x times the normal distribution function of x (Hendrycks and Gimpel, 2016)."""

    def build(self) -> "nn.Module":
        """Exact, not the approximation by tanh."""
        from torch import nn

        return nn.GELU()


@component
class Silu(Activation):
    """x times the logistic function of x (Elfwing et al., 2018; Ramachandran et al., 2017)."""

    def build(self) -> "nn.Module":
        """Not in place: its gradient needs x."""
        from torch import nn

        return nn.SiLU()


@component
class Mish(Activation):
    """x * tanh(softplus(x)) (Misra, BMVC 2020)."""

    def build(self) -> "nn.Module":
        """Not in place: its gradient needs x."""
        from torch import nn

        return nn.Mish()


@component
class LeakyRelu(Activation):
    """x for x > 0, else slope * x (Maas et al., ICML 2013).

    Attributes:
        slope: of the negative part.
    """

    rises: ClassVar[bool] = True

    slope: Positive = 0.1

    def build(self) -> "nn.Module":
        """In place."""
        from torch import nn

        return nn.LeakyReLU(self.slope, inplace=True)
