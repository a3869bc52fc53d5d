"""Where the normalisation statistics of the model that is evaluated come from."""

from abc import abstractmethod
from typing import Annotated

from pydantic import Field

from rungs.recipe.components.core import Component, component

# Statistics of a single image alone are no statistics.
StatisticsImages = Annotated[int, Field(strict=True, ge=2, le=10_000_000)]


class Statistics(Component, seam=True):
    """Means and variances by which batch normalisation computes in evaluation."""

    @abstractmethod
    def taken_from(self, available: int) -> int:
        """The number of training images that they are taken anew from; 0 keeps training's own.

        Args:
            available: number of training images.
        """


@component
class MovingStatistics(Statistics):
    """Those that moved along with training, over its batches and its changing weights."""

    kind = "moving"

    def taken_from(self, available: int) -> int:
        """Nothing is taken anew."""
        return 0


@component
class RenewedStatistics(Statistics):
    """Computed again before each evaluation, with the weights that are evaluated.

    "Precise" batch normalisation (Wu and Johnson, arXiv:2105.07576, section 3). The images are
    training images as evaluation would see them: of full size, without random changes, dropout or
    dropped paths. They are drawn once for a run. Statistics are means over batches of the recipe's
    size, each counting by its images. Training goes on with its own and notices nothing.

    What it takes, a pass forward over these images, counts as time of training.

    Attributes:
        images: so many training images, or all where there are fewer. In an epoch of 45,000 the
            default adds 3 to 4 % to its time on a CPU; all images add a third.
    """

    kind = "renewed"

    images: StatisticsImages = 4096

    def taken_from(self, available: int) -> int:
        """As many as are wanted and there."""
        return min(self.images, available)
