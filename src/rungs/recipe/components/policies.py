"""Batch transforms that choose among operations on pictures: automatic augmentation.

What is seen beyond an image's edge is mid-grey; places between pixels are interpolated.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from rungs.foundation.values import Fraction
from rungs.recipe.components.core import component
from rungs.recipe.components.transforms import Batch, Transform

if TYPE_CHECKING:
    import torch

Operations = Annotated[int, Field(strict=True, ge=1, le=10)]


@component
class RandAugment(Transform):
    """Random ones of fourteen operations, all equally strong (Cubuk et al., NeurIPS 2020).

    Among them are shear, shift, rotation, brightness, contrast, colour, sharpness and equalisation.

    Attributes:
        operations: how many are done to each image, one after the other.
        magnitude: how strong they are; 1 is the paper's magnitude 30.
    """

    version: ClassVar[int | str] = 2  # 1 had thresholds of solarise from 255 down, not from 256

    operations: Operations = 2
    magnitude: Fraction = 0.3

    def apply(self, images: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Operation and sign are drawn for each image."""
        from rungs.ops.policies import rand_augment

        return rand_augment(images, self.operations, self.magnitude, batch.generator)


@component
class TrivialAugment(Transform):
    """One of fourteen operations, of random strength ("wide"; Müller and Hutter, ICCV 2021)."""

    version: ClassVar[int | str] = 2  # 1 had thresholds of solarise from 255 down, not from 256

    def apply(self, images: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Operation, strength and sign are drawn for each image."""
        from rungs.ops.policies import trivial_augment

        return trivial_augment(images, batch.generator)


@component
class AutoAugment(Transform):
    """One of 25 pairs of operations that a search found on CIFAR-10 (Cubuk et al., CVPR 2019)."""

    version: ClassVar[int | str] = 2  # 1 had thresholds of solarise from 255 down, not from 256

    def apply(self, images: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """The pair, whether each of the two is done, and its sign are drawn for each image."""
        from rungs.ops.policies import auto_augment

        return auto_augment(images, batch.generator)
