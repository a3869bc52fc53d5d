"""Seeds that it takes to find a difference."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Detection:
    """How many seeds find a true difference between a rung and the one that it stands on.

    Attributes:
        points: the difference, percentage points of accuracy.
        seeds: of every rung; None if no number finds it.
        power: with which it is found.
        family: number of comparisons corrected for.
        seed_deviation: of one recipe on the test images, standard deviation in points.
        image_deviation: by which the images alone leave a difference uncertain, points.
        images: test images.
    """

    points: float
    seeds: int | None
    power: float
    family: int
    seed_deviation: float
    image_deviation: float
    images: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)
