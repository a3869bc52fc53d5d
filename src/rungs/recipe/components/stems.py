"""Stems: what stands before the first stage."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Protocol, runtime_checkable

from pydantic import Field

from rungs.foundation.values import Positive
from rungs.recipe.components.activations import Activation
from rungs.recipe.components.core import Component, Surroundings, component
from rungs.recipe.components.normalisations import BatchNorm, Normalisation

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from torch import nn

# Numbers in the patches that are looked at together, 8 bytes each: half a gigabyte, in which the
# patches of 5000 images of 32x32 are.
_MOST_NUMBERS = 60_000_000


class Sliced(Protocol):
    """Pixels in a tensor, or in a file that is read where it is sliced."""

    def __getitem__(self, index: slice, /) -> "torch.Tensor":
        """Pixels of some images: uint8 [M, C, H, W]."""


@runtime_checkable
class NormalisedStem(Protocol):
    """A stem that takes the network's normalisation."""

    def build_normalised(
        self, inputs: int, activation: Activation, normalisation: Normalisation
    ) -> "nn.Module":
        """As `Stem.build`, with this normalisation."""


class Stem(Component, seam=True):
    """The first operation on the images."""

    @abstractmethod
    def channels(self, inputs: int) -> int:
        """Channels that leave it for images of ``inputs`` channels."""

    @abstractmethod
    def size(self, size: int) -> int:
        """Height or width of the map that leaves it, in pixels."""

    @abstractmethod
    def build(self, inputs: int, activation: Activation) -> "nn.Module":
        """A module [N, inputs, H, W] -> [N, channels(inputs), size(H), size(W)]."""

    @abstractmethod
    def prepare(self, module: "nn.Module", pixels: "Sliced") -> None:
        """Adapts a fresh module to the training images.

        Args:
            module: made by `build`, on the CPU.
            pixels: uint8 [N, C, H, W], all training images, which memory may not hold at once.
        """


@component
class NoStem(Stem):
    """The images go into the first stage as they are."""

    kind = "none"

    def channels(self, inputs: int) -> int:
        """The same."""
        return inputs

    def size(self, size: int) -> int:
        """The same."""
        return size

    def build(self, inputs: int, activation: Activation) -> "nn.Module":
        """Does nothing."""
        from torch import nn

        return nn.Identity()

    def prepare(self, module: "nn.Module", pixels: "Sliced") -> None:
        """Nothing depends on the images."""


@component
class Whitening(Stem):
    """A fixed convolution that whitens small patches, and its negative, then the activation.

    The filters are the eigenvectors of the patches' covariance over the first training images,
    divided by the root of their eigenvalues (Page, How to Train Your ResNet 8, 2019; Jordan,
    arXiv:2404.00498). They are not trained; the bias is. Filters are found in float64 and applied
    in float32 whatever the recipe's precision.

    Attributes:
        patch: height and width of the patches, in pixels.
        epsilon: added to the eigenvalues, for pixels from 0 to 1.
        images: number of training images that the covariance is taken from.
    """

    # 1 rounded pixels and filters to bfloat16 where the recipe does.
    version: ClassVar[int | str] = 2

    patch: Annotated[int, Field(strict=True, ge=2, le=8)] = 2
    epsilon: Positive = 3e-5
    images: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 5000

    def channels(self, inputs: int) -> int:
        """Each filter and its negative."""
        return 2 * inputs * self.patch**2

    def size(self, size: int) -> int:
        """Without the border."""
        return size - self.patch + 1

    def build(self, inputs: int, activation: Activation) -> "nn.Module":
        """Its filters are set by `prepare`."""
        from rungs.ops.layers import whitening

        return whitening(inputs, self.channels(inputs), self.patch, activation.build())

    def prepare(self, module: "nn.Module", pixels: "Sliced") -> None:
        """Sets the filters."""
        from rungs.ops.layers import set_whitening

        set_whitening(module, self._parts(pixels), self.epsilon)

    def revised(self, recipe: Surroundings) -> bool:
        """See `rungs.recipe.components.core.PartlyRevised`."""
        return recipe.precision == "bfloat16"

    def _parts(self, pixels: "Sliced") -> "Iterator[torch.Tensor]":
        """The first training images, as many at a time as memory holds patches of."""
        _, channels, height, width = pixels[:1].shape
        numbers = channels * self.patch**2 * self.size(height) * self.size(width)
        step = max(1, _MOST_NUMBERS // numbers)
        for start in range(0, self.images, step):
            part = pixels[start : min(start + step, self.images)]
            if len(part):
                yield part.cpu()


@component
class StridedStem(Stem):
    """A convolution with stride, normalised, then the activation: as networks for ImageNet begin.

    It is normalised as all of the network is. On small images it throws away most of what can be
    seen.

    Attributes:
        width: output channels.
        kernel: height and width of the convolution, in pixels.
        stride: in pixels; the map is smaller by it.
    """

    version: ClassVar[int | str] = 2  # 1 had torch's batch normalisation in every network
    kind = "strided"

    width: Annotated[int, Field(strict=True, ge=1, le=16_384)] = 64
    kernel: Annotated[int, Field(strict=True, ge=1, le=15)] = 3
    stride: Annotated[int, Field(strict=True, ge=1, le=8)] = 1

    def channels(self, inputs: int) -> int:
        """Its width."""
        return self.width

    def size(self, size: int) -> int:
        """Divided by the stride, rounded up; of an even kernel rounded down, and one more."""
        return (size - self.kernel % 2) // self.stride + 1

    def build(self, inputs: int, activation: Activation) -> "nn.Module":
        """With batch normalisation."""
        return self.build_normalised(inputs, activation, BatchNorm())

    def build_normalised(
        self, inputs: int, activation: Activation, normalisation: Normalisation
    ) -> "nn.Module":
        """Padded so that only the stride makes the map smaller."""
        from torch import nn

        return nn.Sequential(
            nn.Conv2d(inputs, self.width, self.kernel, self.stride, self.kernel // 2, bias=False),
            normalisation.build(self.width),
            activation.build(),
        )

    def prepare(self, module: "nn.Module", pixels: "Sliced") -> None:
        """Nothing depends on the images."""
