"""Heads: from the last map to the classes."""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from rungs.foundation.values import Positive, Rate
from rungs.recipe.components.core import Component, component
from rungs.recipe.components.normalisations import Normalisation
from rungs.recipe.components.sizes import Width

if TYPE_CHECKING:
    from torch import nn

ImageShape = tuple[int, int, int]


class Head(Component, seam=True):
    """The end of a network.

    Attributes:
        any_size: whether it takes maps of other sizes than it was built for.
    """

    any_size: ClassVar[bool] = False

    @abstractmethod
    def build(
        self, shape: ImageShape, classes: int, normalisation: Normalisation
    ) -> "nn.Sequential":
        """A module [N, *shape] -> [N, classes] logits."""


@component
class DenseHead(Head):
    """Flatten, dense layer with normalisation, ReLU and dropout, then the classifier.

    Attributes:
        units: width of the dense layer.
        dropout: rate at which its outputs are dropped.
    """

    kind = "dense"

    units: Width = 512
    dropout: Rate = 0.5

    def build(
        self, shape: ImageShape, classes: int, normalisation: Normalisation
    ) -> "nn.Sequential":
        """The map is flattened channel by channel."""
        from torch import nn

        channels, height, width = shape
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * height * width, self.units),
            normalisation.build_dense(self.units),
            nn.ReLU(inplace=True),
            nn.Dropout(self.dropout),
            nn.Linear(self.units, classes),
        )


@component
class PoolingHead(Head):
    """Global average pooling (Lin et al., 2014), then the classifier."""

    kind = "global_average_pooling"
    any_size: ClassVar[bool] = True

    def build(
        self,
        shape: ImageShape,
        classes: int,
        normalisation: Normalisation,
    ) -> "nn.Sequential":
        """The mean of each map, then one dense layer."""
        from torch import nn

        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(shape[0], classes))


@component
class MaxPoolingHead(Head):
    """Global max pooling, then a classifier without bias whose logits are scaled down.

    Small logits at the start keep the softmax soft, so that a high learning rate is possible
    (Page, How to Train Your ResNet 6, 2019; Jordan, arXiv:2404.00498).

    Attributes:
        scale: that the logits are multiplied with.
    """

    kind = "global_max_pooling"
    any_size: ClassVar[bool] = True

    scale: Positive = 0.125

    def build(
        self,
        shape: ImageShape,
        classes: int,
        normalisation: Normalisation,
    ) -> "nn.Sequential":
        """The largest value of each map, then one dense layer."""
        from torch import nn

        from rungs.ops.layers import Scale

        return nn.Sequential(
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
            nn.Linear(shape[0], classes, bias=False),
            Scale(self.scale),
        )


@component
class MaxMeanPoolingHead(Head):
    """The largest value and the mean of each map, side by side, then a classifier without bias.

    The concatenation is fastai's ``AdaptiveConcatPool2d`` (Howard and Gugger, Information, 2020);
    logits are scaled as in `MaxPoolingHead`.

    Attributes:
        scale: that the logits are multiplied with.
    """

    kind = "global_max_mean_pooling"
    any_size: ClassVar[bool] = True

    scale: Positive = 0.125

    def build(
        self,
        shape: ImageShape,
        classes: int,
        normalisation: Normalisation,
    ) -> "nn.Sequential":
        """Two values of each map, the largest ones first, then one dense layer."""
        from torch import nn

        from rungs.ops.layers import MaxMeanPool, Scale

        return nn.Sequential(
            MaxMeanPool(), nn.Linear(2 * shape[0], classes, bias=False), Scale(self.scale)
        )
