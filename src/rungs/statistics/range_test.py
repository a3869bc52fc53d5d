"""Learning-rate range tests: how the loss answers to a rate that rises (Smith, WACV 2017).

Pure: the losses are measured by `rungs.training.rate_sweep`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LOWEST, HIGHEST = 1e-6, 10.0
UPDATES = 200

# Share of the moving mean of the losses that is kept at each update.
_KEPT = 0.9
# The test ends when the smoothed loss is this many times the lowest so far.
_TOO_HIGH = 4.0
# A loss that has not fallen by this share of its start has not fallen.
_FALL = 0.02
# How far below the rate of the lowest loss the suggestion lies: at that rate the loss is about to
# rise, and a whole training takes less than a short one.
_BELOW = 10.0


@dataclass(frozen=True)
class RangeTest:
    """What was measured.

    Attributes:
        rates: learning rate of each update.
        losses: mean training loss of each update's batch before it, in nats; the last may be
            infinite or no number.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]


@dataclass(frozen=True)
class Suggestion:
    """A learning rate, or none, and why.

    Attributes:
        rate: to be tried; ``None`` where the test shows none.
        reason: a sentence.
    """

    rate: float | None
    reason: str


def rising(updates: int) -> tuple[float, ...]:
    """So many rates from the lowest to the highest, each the same factor above the last."""
    factor = HIGHEST / LOWEST
    return tuple(LOWEST * factor ** (step / (updates - 1)) for step in range(updates))


def smoothed(losses: Sequence[float]) -> tuple[float, ...]:
    """Moving mean with exponential weights that add up to 1 from the first update on."""
    mean, weight, means = 0.0, 0.0, []
    for loss in losses:
        mean = _KEPT * mean + (1 - _KEPT) * loss
        weight = _KEPT * weight + 1 - _KEPT
        means.append(mean / weight)
    return tuple(means)


def is_over(losses: Sequence[float]) -> bool:
    """Whether the loss has risen so far, or is no number, that higher rates tell nothing more."""
    if not losses:
        return False
    means = smoothed(losses)
    return not math.isfinite(means[-1]) or means[-1] > _TOO_HIGH * min(means)


def suggest(test: RangeTest) -> Suggestion:
    """A tenth of the rate at which the smoothed loss was lowest."""
    means = [value if math.isfinite(value) else math.inf for value in smoothed(test.losses)]
    lowest = min(range(len(means)), key=means.__getitem__)
    rate = test.rates[lowest]
    if math.isinf(means[0]) or means[lowest] > (1 - _FALL) * means[0]:
        return Suggestion(None, "the loss did not fall at any rate of this short test")
    if lowest == len(means) - 1:
        why = f"the loss still fell at {rate:.1e}, the highest rate that was tried; a tenth of it"
    else:
        why = f"a tenth of {rate:.1e}, where the smoothed loss was lowest; it rises beyond"
    # One digit: the test tells no more.
    return Suggestion(float(f"{rate / _BELOW:.0e}"), why)
