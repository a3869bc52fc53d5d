"""What a learning-rate range test measured."""

from dataclasses import dataclass

from rungs.statistics.range_test import Suggestion


@dataclass(frozen=True)
class RateCurve:
    """Losses at rising learning rates, and what short trainings at constant ones made of it.

    Attributes:
        rates: of each update.
        losses: smoothed, nats; those after the loss ceased to be finite are not finite either.
        suggestion: the rate to try, and why.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: Suggestion
