"""What a learning-rate range test measured, as it is shown."""

from collections.abc import Sequence

from rungs.report.figures.rates import RateCurve
from rungs.statistics.range_test import RangeTest, Trial, smoothed, suggest


def rate_curve(test: RangeTest, trials: Sequence[Trial], nothing: float) -> RateCurve:
    """The losses of a range test, smoothed, and the rate that short trainings suggest.

    Args:
        test: at rising rates.
        trials: at constant ones, as `suggest` takes them.
        nothing: likewise.
    """
    return RateCurve(test.rates, smoothed(test.losses), suggest(trials, nothing))
