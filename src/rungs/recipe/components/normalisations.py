"""Normalisations, one after each convolution."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from rungs.foundation.errors import RecipeError
from rungs.foundation.values import Flag, Positive, Rate
from rungs.recipe.components.core import Component, component

if TYPE_CHECKING:
    from torch import nn

# Images of a batch that are normalised together; 0 for all of it.
GhostSize = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Groups = Annotated[int, Field(strict=True, ge=1, le=1024)]


class Normalisation(Component, seam=True):
    """Brings a layer's outputs to a common scale."""

    @abstractmethod
    def build(self, channels: int) -> "nn.Module":
        """A module [N, channels, H, W] -> the same shape."""

    @abstractmethod
    def build_dense(self, units: int) -> "nn.Module":
        """The same for a dense layer: a module [N, units] -> the same shape."""


@component
class BatchNorm(Normalisation):
    """Batch normalisation (Ioffe and Szegedy, 2015), with Keras's defaults.

    Attributes:
        keep: share of the old moving statistic that is kept at each update: Keras's momentum, and
            1 - momentum of torch's, whose is the share that is new. Called momentum before.
        epsilon: added to the variance.
        scale: whether each channel has a weight of its own; the bias stays.
        ghost: in training, so many images of a batch are normalised together, by their own mean and
            variance ("ghost" batches: Hoffer et al., NeurIPS 2017, algorithm 1); 0 for all of it.
            Where it does not divide the batch, parts are larger. Moving statistics follow the mean
            over the parts, once an update.
    """

    kind = "batch_norm"
    introduced: ClassVar = {"scale": True, "ghost": 0}
    former: ClassVar = {"keep": "momentum"}

    keep: Rate = 0.99
    epsilon: Positive = 1e-3
    scale: Flag = True
    ghost: GhostSize = 0

    def __post_init__(self) -> None:
        if self.ghost == 1:
            raise ValueError("ghost needs 2 images at least: a single one has no variance")

    def build(self, channels: int) -> "nn.Module":
        """With a bias for each channel, and a weight if ``scale``."""
        from torch import nn

        from rungs.ops.layers import GhostBatchNorm2d

        kind = GhostBatchNorm2d if self.ghost else nn.BatchNorm2d
        return self._set(kind(channels, eps=self.epsilon, momentum=self._new()))

    def build_dense(self, units: int) -> "nn.Module":
        """The same for dense outputs."""
        from torch import nn

        from rungs.ops.layers import GhostBatchNorm1d

        kind = GhostBatchNorm1d if self.ghost else nn.BatchNorm1d
        return self._set(kind(units, eps=self.epsilon, momentum=self._new()))

    @property
    def momentum(self) -> float:
        """Keras's; the name of `keep` in older modules of one's own."""
        return self.keep

    def _new(self) -> float:
        """PyTorch's momentum is the share that is new."""
        return 1 - self.keep

    def _set(self, module: "nn.BatchNorm1d | nn.BatchNorm2d") -> "nn.Module":
        from rungs.ops.layers import GhostBatchNorm1d, GhostBatchNorm2d

        module.weight.requires_grad_(self.scale)
        if isinstance(module, GhostBatchNorm1d | GhostBatchNorm2d):
            module.images = self.ghost
        return module


@component
class GroupNorm(Normalisation):
    """Normalises groups of channels of each image on its own (Wu and He, ECCV 2018).

    Attributes:
        groups: number of groups; it must divide the channels of every stage.
        epsilon: added to the variance.
    """

    groups: Groups = 8
    epsilon: Positive = 1e-5

    def build(self, channels: int) -> "nn.Module":
        """With a weight and a bias for each channel."""
        from torch import nn

        if channels % self.groups:
            raise RecipeError(
                f"group_norm: {self.groups} groups do not divide a stage of {channels} channels"
            )
        return nn.GroupNorm(self.groups, channels, eps=self.epsilon)

    def build_dense(self, units: int) -> "nn.Module":
        """The same for dense outputs."""
        return self.build(units)
