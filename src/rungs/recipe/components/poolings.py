"""Poolings: what halves the map after a stage."""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from rungs.recipe.components.core import Component, component

if TYPE_CHECKING:
    from torch import nn


class Pooling(Component, seam=True):
    """Halves height and width of a map, rounding down.

    Attributes:
        takes_largest: whether each result is the largest of some of the values.
    """

    takes_largest: ClassVar[bool] = False

    @abstractmethod
    def build(self, channels: int) -> "nn.Module":
        """A module [N, channels, H, W] -> [N, channels, H // 2, W // 2]."""


@component
class MaxPooling(Pooling):
    """The largest of each 2x2 square."""

    kind = "max"
    takes_largest: ClassVar[bool] = True

    def build(self, channels: int) -> "nn.Module":
        """Without parameters."""
        from torch import nn

        return nn.MaxPool2d(2)


@component
class AveragePooling(Pooling):
    """The mean of each 2x2 square."""

    kind = "average"

    def build(self, channels: int) -> "nn.Module":
        """Without parameters."""
        from torch import nn

        return nn.AvgPool2d(2)


@component
class BlurPooling(Pooling):
    """Max pooling without stride, then a binomial blur with stride 2 (Zhang, ICML 2019).

    The map moves by one pixel without its pooled values jumping: less aliasing.
    """

    kind = "blur"

    def build(self, channels: int) -> "nn.Module":
        """Without trained parameters; the kernel is 1-2-1 on both axes."""
        from rungs.ops.layers import BlurPool

        return BlurPool(channels)
