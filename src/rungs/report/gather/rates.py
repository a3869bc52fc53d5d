"""What a learning-rate range test measured, as it is shown."""

from rungs.report.figures.rates import RateCurve
from rungs.statistics.range_test import RangeTest, smoothed, suggest


def rate_curve(test: RangeTest) -> RateCurve:
    """The losses of a range test, smoothed, and the rate that they suggest."""
    return RateCurve(test.rates, smoothed(test.losses), suggest(test))
