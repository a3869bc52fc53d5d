"""Resolutions: the size of the training images, epoch by epoch."""

from abc import abstractmethod
from typing import Annotated, ClassVar

from pydantic import Field

from rungs.foundation.values import Fraction
from rungs.recipe.components.core import Component, component


class Resolution(Component, seam=True):
    """How large training images are; evaluation always sees their full size.

    Attributes:
        depends_on_length: whether its course depends on the length of the run, see
            `rungs.recipe.components.Schedule`.
    """

    depends_on_length: ClassVar[bool] = True

    @abstractmethod
    def size(self, epoch: int, epochs: int, full: int) -> int:
        """Height or width in an epoch, in pixels.

        Args:
            epoch: from 1.
            epochs: of the whole run.
            full: the images' own height or width.
        """

    @abstractmethod
    def smallest(self, full: int) -> int:
        """The least that `size` gives, in pixels."""


@component
class FullResolution(Resolution):
    """The images' own size."""

    kind = "full"
    depends_on_length: ClassVar[bool] = False

    def size(self, epoch: int, epochs: int, full: int) -> int:
        """The same in every epoch."""
        return full

    def smallest(self, full: int) -> int:
        """The same."""
        return full


@component
class ProgressiveResolution(Resolution):
    """Small images first, full size at the end (Howard, DAWNBench, 2018; Tan and Le, ICML 2021).

    Attributes:
        start: share of the full height and width in the first epoch.
        until: share of the epochs after which images have their full size; it grows evenly before.
        multiple: sizes are rounded to multiples of this, in pixels.
    """

    kind = "progressive"

    start: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.5
    until: Fraction = 0.8
    multiple: Annotated[int, Field(strict=True, ge=1, le=64)] = 4

    def size(self, epoch: int, epochs: int, full: int) -> int:
        """Between ``start`` and 1 times the full size."""
        growing = self.until * epochs
        done = (epoch - 1) / growing if epoch - 1 < growing else 1.0
        return self._rounded(full * (self.start + (1 - self.start) * done), full)

    def smallest(self, full: int) -> int:
        """That of the first epoch."""
        return self.size(1, 1, full)

    def _rounded(self, size: float, full: int) -> int:
        return min(full, max(self.multiple, round(size / self.multiple) * self.multiple))
