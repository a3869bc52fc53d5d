"""Batch transforms: random changes of the training images, whole batches at once."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from rungs.foundation.limits import MAX_SIDE
from rungs.foundation.values import Flag, Fraction, Rate
from rungs.recipe.components.core import Component, component

if TYPE_CHECKING:
    import torch

# Radians, to a whole turn.
Angle = Annotated[float, Field(strict=True, ge=0, le=6.2832)]
Pixels = Annotated[int, Field(strict=True, ge=1, le=MAX_SIDE)]
Share = Annotated[float, Field(strict=True, gt=0, le=1)]


@dataclass(frozen=True)
class Batch:
    """Which images a transform is given, and where its chance comes from.

    Attributes:
        indices: of the images in the training set, int64 [N], on the images' device.
        epoch: number of the epoch, from 1.
        generator: on the CPU whatever the device, so that every device sees the same images.
        seed: of the run, the same in all its epochs: 63 bits.
    """

    indices: "torch.Tensor"
    epoch: int
    generator: "torch.Generator"
    seed: int = 0


class Transform(Component, seam=True):
    """A random change of training images."""

    @abstractmethod
    def apply(self, images: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Float [N, C, H, W] from 0 to 1 -> the same shape."""


def _check_shares(least: float, most: float) -> None:
    if least > most:
        raise ValueError(f"expected least <= most, found {least:g} and {most:g}")


@component
class Affine(Transform):
    """Random horizontal flip, rotation and zoom of each image, composed into one resampling.

    Bilinear, edges reflected. Keras resamples twice (rotation, then zoom), which blurs a little
    more.

    Attributes:
        flip: probability of a flip.
        rotation: the angle is uniform in +- this, in radians.
        zoom: one factor for both axes is uniform in 1 +- this; above 1 zooms out.
    """

    flip: Fraction = 0.5
    rotation: Angle = 0.0
    zoom: Rate = 0.0

    def apply(self, images: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Three numbers are drawn for each image."""
        from rungs.ops.transforms import affine, sample_affine

        drawn = sample_affine(len(images), self.flip, self.rotation, self.zoom, batch.generator)
        return affine(images, drawn)


@component
class Flip(Transform):
    """Random horizontal flip.

    Attributes:
        probability: of a flip.
        alternating: in the first epoch every image is flipped or not at random, and in each later
            one the other way round than before, so that every two epochs show both (Jordan,
            arXiv:2404.00498). Its probability is then one half.
        by_run: which images an alternating flip mirrors first is drawn by the run's seed. Without,
            it is the same in all runs, as it was before there was a choice.
    """

    introduced: ClassVar[Mapping[str, object]] = {"by_run": False}

    probability: Fraction = 0.5
    alternating: Flag = False
    by_run: Flag = True

    def __post_init__(self) -> None:
        if self.alternating and self.probability != 0.5:
            raise ValueError("an alternating flip has a probability of 0.5")
        if not self.alternating:  # no image is the first: one flip, one form
            object.__setattr__(self, "by_run", False)

    def apply(self, images: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Which image is flipped at first is a function of its index, and of the run's seed."""
        from rungs.ops.transforms import alternating_flip, random_flip

        if self.alternating:
            seed = batch.seed if self.by_run else None
            return alternating_flip(images, batch.indices, batch.epoch, seed)
        return random_flip(images, self.probability, batch.generator)


@component
class VerticalFlip(Transform):
    """Random flip upside down: for pictures without an up, as of tissue or from above.

    Attributes:
        probability: of a flip.
    """

    probability: Fraction = 0.5

    def apply(self, images: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """One number is drawn for each image."""
        from rungs.ops.transforms import random_flip

        return random_flip(images, self.probability, batch.generator, axis=2)


@component
class Shift(Transform):
    """Random shift by whole pixels on both axes, edges reflected: "crop with padding".

    Attributes:
        pixels: the shift on each axis is uniform in +- this, in pixels.
    """

    pixels: Pixels = 4

    def apply(self, images: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Two numbers are drawn for each image."""
        from rungs.ops.transforms import random_shift

        return random_shift(images, self.pixels, batch.generator)


@component
class Cutout(Transform):
    """A square at a random place is set to the mean of all images (DeVries and Taylor, 2017).

    Attributes:
        pixels: side of the square; its centre lies anywhere in the image, so it may be cut.
    """

    pixels: Pixels = 8

    def apply(self, images: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """The fill is the batch's mean colour."""
        from rungs.ops.transforms import cutout

        return cutout(images, self.pixels, batch.generator)


@component
class RandomErasing(Transform):
    """A rectangle of each image is filled with noise (Zhong et al., AAAI 2020).

    Its area and its height / width are drawn again until it is smaller than the image, as in the
    authors' code, then its place; each value in it is uniform from 0 to 1.

    Attributes:
        probability: that an image has one.
        least: smallest share of the image's area.
        most: largest share.
        aspect: height / width is uniform from this to 1 / this.
    """

    probability: Fraction = 0.5
    least: Share = 0.02
    most: Share = 0.4
    aspect: Share = 0.3

    def __post_init__(self) -> None:
        _check_shares(self.least, self.most)

    def apply(self, images: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Noise is drawn for all values of all images."""
        from rungs.ops.transforms import random_erasing

        return random_erasing(
            images, self.probability, (self.least, self.most), self.aspect, batch.generator
        )


@component
class ResizedCrop(Transform):
    """A random part of each image, resized to the whole (Szegedy et al., CVPR 2015).

    As torchvision's ``RandomResizedCrop``, bilinear: ten draws of area and width / height, of which
    the first that fits is taken; if none does, the largest part in the middle that is not too wide
    or too high. The place of the part is drawn in whole pixels.

    Attributes:
        least: smallest share of the image's area.
        most: largest share.
        aspect: the logarithm of width / height is uniform between those of this and of 1 / this.
    """

    least: Share = 0.08
    most: Share = 1.0
    aspect: Share = 0.75

    def __post_init__(self) -> None:
        _check_shares(self.least, self.most)

    def apply(self, images: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Edges are those of the part: nothing beside it is seen."""
        from rungs.ops.transforms import resized_crop, sample_crops

        boxes = sample_crops(
            len(images), images.shape[2:], (self.least, self.most), self.aspect, batch.generator
        )
        return resized_crop(images, boxes)


@component
class ColourJitter(Transform):
    """Brightness, contrast and saturation of each image times a random factor, in this order.

    Attributes:
        brightness: its factor is uniform in 1 +- this.
        contrast: likewise, about the image's mean grey.
        saturation: likewise, about each pixel's grey.
    """

    brightness: Rate = 0.2
    contrast: Rate = 0.2
    saturation: Rate = 0.2

    def apply(self, images: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Three numbers are drawn for each image; values are kept in the range of the input."""
        from rungs.ops.transforms import colour_jitter

        return colour_jitter(
            images, self.brightness, self.contrast, self.saturation, batch.generator
        )
