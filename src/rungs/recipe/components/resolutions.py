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

    def sizes(self, epochs: int, image_size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """Every height and width that a run trains at, in pixels, each once, in their order.

        Args:
            epochs: of the whole run.
            image_size: the images' own height and width.
        """
        height, width = image_size
        return tuple(
            dict.fromkeys(
                (self.size(epoch, epochs, height), self.size(epoch, epochs, width))
                for epoch in range(1, epochs + 1)
            )
        )


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
            The last epoch has it in any case.
        multiple: smaller sizes are rounded to multiples of this, in pixels.
    """

    kind = "progressive"

    start: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.5
    until: Fraction = 0.8
    multiple: Annotated[int, Field(strict=True, ge=1, le=64)] = 4

    def size(self, epoch: int, epochs: int, full: int) -> int:
        """Between ``start`` and 1 times the full size."""
        if epoch == epochs or epoch - 1 >= self.until * epochs:
            return full
        return self._grown(epoch, epochs, full)

    def smallest(self, full: int) -> int:
        """That of the first of many epochs."""
        return self._rounded(full * self.start, full) if self.until else full

    def revised_at(self, epochs: int, full: int) -> bool:
        """Whether a run of the first version ended below the full size."""
        return self._grown(epochs, epochs, full) != full

    def _grown(self, epoch: int, epochs: int, full: int) -> int:
        growing = self.until * epochs
        done = (epoch - 1) / growing if epoch - 1 < growing else 1.0
        return self._rounded(full * (self.start + (1 - self.start) * done), full)

    def _rounded(self, size: float, full: int) -> int:
        return min(full, max(self.multiple, round(size / self.multiple) * self.multiple))
