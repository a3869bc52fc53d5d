"""Blocks: what a stage of the network is made of."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from rungs.foundation.errors import RecipeError
from rungs.foundation.values import Flag, Rate
from rungs.recipe.components.activations import Activation
from rungs.recipe.components.core import Component, component
from rungs.recipe.components.normalisations import Normalisation
from rungs.recipe.components.poolings import Pooling
from rungs.recipe.components.sizes import Depth

if TYPE_CHECKING:
    from torch import nn

Padding = Literal["same", "valid"]
# Channels of a block for each one inside; 0 for none.
Reduction = Annotated[int, Field(strict=True, ge=0, le=64)]


@dataclass(frozen=True)
class Parts:
    """What a block is built with: the components at the network's other seams.

    Attributes:
        normalisation: after each convolution.
        activation: of the convolutions.
        pooling: what halves the map.
        padding: of the convolutions.
    """

    normalisation: Normalisation
    activation: Activation
    pooling: Pooling
    padding: Padding

    def norm(self, channels: int) -> "nn.Module":
        """A fresh normalisation."""
        return self.normalisation.build(channels)

    def act(self) -> "nn.Module":
        """A fresh activation."""
        return self.activation.build()

    def pool(self, channels: int) -> "nn.Module":
        """A fresh pooling."""
        return self.pooling.build(channels)

    @property
    def pools_first(self) -> bool:
        """Whether pooling may come before the activation: the same, for a quarter of the values."""
        return self.activation.rises and self.pooling.takes_largest


class Block(Component, seam=True):
    """The convolutions of one stage, and the pooling that ends it.

    Attributes:
        open_start: whether it normalises or activates its input first: a convolution must then
            stand between the images and the first stage.
        open_end: whether the last stage's output has still to be normalised and activated.
    """

    open_start: ClassVar[bool] = False
    open_end: ClassVar[bool] = False

    @abstractmethod
    def build(self, inputs: int, outputs: int, parts: Parts) -> "nn.Module":
        """A module [N, inputs, H, W] -> [N, outputs, H', W'], sizes as `size` gives them."""

    @abstractmethod
    def size(self, size: int, padding: Padding) -> int:
        """Height or width of the map after the stage, in pixels; below 1 if nothing is left.

        Raises:
            RecipeError: the block does not work with this padding.
        """


@component
class Stack(Block):
    """``depth`` times (3x3 convolution, normalisation, activation), then 2x2 pooling.

    Attributes:
        depth: number of convolutions.
        residual: a 1x1 convolution with normalisation carries the stage's input past the block
            and is added before the last activation (He et al., 2016, projection shortcut).
        separable: every 3x3 convolution is a depthwise 3x3 followed by a pointwise 1x1
            convolution, as in Keras's ``SeparableConv2D``: one bias, at the pointwise one.
        squeeze: channels for each one that squeeze-and-excitation weighs them by (Hu et al., CVPR
            2018), before the shortcut is added; 0 for none.
        drop_path: probability with which an image skips the convolutions in training (stochastic
            depth, Huang et al., ECCV 2016); only with a shortcut.
    """

    introduced: ClassVar = {"squeeze": 0, "drop_path": 0.0}

    depth: Depth = 1
    residual: Flag = False
    separable: Flag = False
    squeeze: Reduction = 0
    drop_path: Rate = 0.0

    def __post_init__(self) -> None:
        if self.drop_path and not self.residual:
            raise ValueError("drop_path needs the shortcut of residual = true")

    def build(self, inputs: int, outputs: int, parts: Parts) -> "nn.Module":
        """Pooling is the block's last part."""
        from rungs.ops.blocks import StackBlock

        return StackBlock(
            inputs,
            outputs,
            parts,
            depth=self.depth,
            residual=self.residual,
            separable=self.separable,
            squeeze=self.squeeze,
            drop_path=self.drop_path,
        )

    def size(self, size: int, padding: Padding) -> int:
        """Half, after the borders that "valid" convolutions lose."""
        if self.residual and padding != "same":
            raise RecipeError("residual needs padding 'same': the shortcut keeps the image's size")
        return (size - (0 if padding == "same" else 2 * self.depth)) // 2


@component
class PreActivation(Block):
    """Normalisation and activation before each of ``depth`` 3x3 convolutions, and a shortcut.

    The shortcut carries the input unchanged where the width stays (He et al., ECCV 2016), else by a
    1x1 convolution. 2x2 pooling ends the stage. Without a stem, a 3x3 convolution to the first
    width comes before the first stage; a last normalisation and activation stand between the last
    stage and the head.

    Attributes:
        depth: number of convolutions.
        drop_path: probability with which an image skips the convolutions in training (stochastic
            depth, Huang et al., ECCV 2016).
    """

    version: ClassVar[int | str] = 2  # 1 had nothing between the last stage and the head
    open_start: ClassVar[bool] = True
    open_end: ClassVar[bool] = True

    depth: Depth = 2
    drop_path: Rate = 0.0

    def build(self, inputs: int, outputs: int, parts: Parts) -> "nn.Module":
        """Pooling is the block's last part."""
        from rungs.ops.blocks import PreActivationBlock

        return PreActivationBlock(
            inputs, outputs, parts, depth=self.depth, drop_path=self.drop_path
        )

    def size(self, size: int, padding: Padding) -> int:
        """Half."""
        return _half_with_shortcut("pre_activation", size, padding)


@component
class Bottleneck(Block):
    """1x1 to fewer channels, 3x3, 1x1 back, with a 1x1 shortcut (He et al., CVPR 2016).

    Each convolution is normalised; the shortcut is added before the last activation. 2x2 pooling
    ends the stage.

    Attributes:
        reduction: outputs for each channel inside; it must divide the width of every stage.
    """

    reduction: Annotated[int, Field(strict=True, ge=1, le=64)] = 4

    def build(self, inputs: int, outputs: int, parts: Parts) -> "nn.Module":
        """Pooling is the block's last part."""
        from rungs.ops.blocks import BottleneckBlock

        if outputs % self.reduction:
            raise RecipeError(
                f"bottleneck: a reduction of {self.reduction} does not divide a width of {outputs}"
            )
        return BottleneckBlock(inputs, outputs, parts, inner=outputs // self.reduction)

    def size(self, size: int, padding: Padding) -> int:
        """Half."""
        return _half_with_shortcut("bottleneck", size, padding)


@component
class PooledFirst(Block):
    """3x3 convolution, 2x2 pooling, then ``depth`` - 1 more convolutions on the smaller map.

    Normalisation and activation follow the pooling, as in airbench (Jordan, arXiv:2404.00498): all
    but the first convolution cost a quarter. A depth of 3 with ``residual`` is the group of
    airbench96: convolution, pooling, then a pair of convolutions with a shortcut.

    Attributes:
        depth: number of convolutions.
        residual: the pooled output of the first convolution is added to that of the last.
    """

    depth: Depth = 2
    residual: Flag = False

    def __post_init__(self) -> None:
        if self.residual and self.depth == 1:
            raise ValueError("residual needs a depth of at least 2: the first output is added")

    def build(self, inputs: int, outputs: int, parts: Parts) -> "nn.Module":
        """Convolutions have no bias: normalisation has one."""
        from rungs.ops.blocks import PooledFirstBlock

        return PooledFirstBlock(inputs, outputs, parts, depth=self.depth, residual=self.residual)

    def size(self, size: int, padding: Padding) -> int:
        """Half, with the borders that "valid" convolutions lose before and after."""
        if padding == "same":
            return size // 2
        if self.residual and self.depth > 1:
            raise RecipeError("residual needs padding 'same': the shortcut keeps the map's size")
        return (size - 2) // 2 - 2 * (self.depth - 1)


def _half_with_shortcut(kind: str, size: int, padding: Padding) -> int:
    if padding != "same":
        raise RecipeError(f"{kind} needs padding 'same': the shortcut keeps the image's size")
    return size // 2
