"""Learning-rate range tests: how the loss answers to a rate that rises (Smith, WACV 2017).

The rate at which the loss falls most steeply is where learning is quickest for a moment, and often
too high for a whole training: it and lower ones are tried at a constant rate, and the one that
leaves the lowest validation loss is proposed, if any has learnt more than how frequent the classes
are. Pure: all is measured by `rungs.training.rate_sweep`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

LOWEST, HIGHEST = 1e-6, 10.0
UPDATES = 200

# Share of the moving mean of the losses that is kept at each update.
_KEPT = 0.9
# The test ends when the smoothed loss is this many times the lowest so far.
_TOO_HIGH = 4.0
# A loss that has not fallen by this share of its start has not fallen.
_FALL = 0.02
# Updates after which the smoothed loss is a mean of more than a few batches.
_SETTLED = round(1 / (1 - _KEPT))
# Decades of rates over which the loss's fall is taken: less is noise of single batches.
_WINDOW = 1.0
# Each candidate is this many times below or above another.
_STEP = math.sqrt(10)
# Candidates that are tried in any case, and at most.
LEAST_TRIALS, MOST_TRIALS = 3, 6
# A loss has to lie so many standard errors below that of knowing nothing: with that of the best of
# as many trials as there may be, which all learnt nothing, this happens once in twenty times.
_CLEAR = NormalDist().inv_cdf(1 - 0.05 / MOST_TRIALS)
# With fewer training images nothing can be told, or not much.
_HOPELESS, _FEW = 20, 200
# A test that sees each image more often measures how images are learnt by heart.
_OFTEN = 10.0


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
class Trial:
    """A short training at a constant rate.

    Attributes:
        rate: its learning rate.
        loss: mean over the validation images at its end, in nats; infinite where it broke off.
        error: standard error, over images, of how far that is from the loss of always answering
            with the shares of the classes (`know_nothing`), in nats; infinite if not known.
    """

    rate: float
    loss: float
    error: float


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


def problem(images: int) -> str | None:
    """Why so few training images allow no test at all; None for enough."""
    if images >= _HOPELESS:
        return None
    return (
        f"{images} training images are too few for a test of learning rates: expected at least "
        f"{_HOPELESS}"
    )


def warning(images: int, times: float) -> str | None:
    """What to think of a test on few training images, or one that sees them often; else None.

    Args:
        images: number of training images.
        times: how often each is seen in one of the short trainings.
    """
    if images >= _FEW and times <= _OFTEN:
        return None
    fewer = "take fewer updates (`--updates`), or " if times > _OFTEN else ""
    return (
        f"with {images} training images, each seen {times:.0f} times, this says little: "
        f"{fewer}compare rates by whole trainings (`rungs try`)"
    )


def know_nothing(counts: Sequence[int]) -> float:
    """The least mean loss, in nats, of one answer to all images: the entropy of their classes.

    Args:
        counts: images of each class, at least one in all.
    """
    total = sum(counts)
    return -sum(count / total * math.log(count / total) for count in counts if count)


def steepest(test: RangeTest) -> float | None:
    """The rate at which the smoothed loss falls most for a step of the rate's logarithm.

    None where it does not fall.
    """
    means = [value if math.isfinite(value) else math.inf for value in smoothed(test.losses)]
    lowest = min(range(len(means)), key=means.__getitem__)
    if math.isinf(means[0]) or means[lowest] > (1 - _FALL) * means[0]:
        return None
    decades = math.log10(test.rates[-1] / test.rates[0]) / (len(test.rates) - 1)
    settled = min(_SETTLED, lowest // 2)
    window = min(max(1, round(_WINDOW / decades)), lowest - settled)
    steps = range(settled + window, lowest + 1)
    last = min(steps, key=lambda step: means[step] - means[step - window])
    return math.sqrt(test.rates[last] * test.rates[last - window])


def next_candidate(test: RangeTest, trials: Sequence[Trial]) -> float | None:
    """The rate to try next; None where enough was tried.

    The steepest and two below it, then on beyond the edge while the best lies there.
    """
    first = steepest(test)
    if first is None or len(trials) == MOST_TRIALS:
        return None
    if len(trials) < LEAST_TRIALS:
        return first / _STEP ** len(trials)
    best, rates = _best(trials).rate, [trial.rate for trial in trials]
    if best == min(rates):
        return best / _STEP
    return best * _STEP if best == max(rates) else None


def _best(trials: Sequence[Trial]) -> Trial:
    return min(trials, key=lambda trial: trial.loss)


def suggest(trials: Sequence[Trial], nothing: float) -> Suggestion:
    """The rate whose trial left the lowest validation loss of those that clearly learnt.

    Args:
        trials: of the rates that `next_candidate` named, in their order.
        nothing: validation loss of one who knows the shares of the classes alone, in nats.
    """
    if not trials:
        return Suggestion(None, "the loss did not fall at any rate of this short test")
    best = _best(trials)
    if not math.isfinite(best.loss):
        rates = ", ".join(f"{trial.rate:.0e}" for trial in trials)
        return Suggestion(None, f"short trainings at constant rates of {rates} broke off")
    learnt = [trial for trial in trials if trial.loss + _CLEAR * trial.error < nothing]
    if not learnt:
        return Suggestion(
            None,
            f"no short training at a constant rate has clearly learnt: validation loss "
            f"{best.loss:.2f} at best, at {best.rate:.0e}, and {nothing:.2f} by always answering "
            "with the shares of the classes; `--updates` sets how long they are",
        )
    best = _best(learnt)
    others = ", ".join(f"{one.loss:.2f} at {one.rate:.0e}" for one in trials if one is not best)
    why = (
        f"validation loss {best.loss:.2f} after a short training at this rate, {others}; "
        f"the training loss fell most steeply at {trials[0].rate:.0e}"
    )
    # One digit: so short a training tells no more.
    return Suggestion(float(f"{best.rate:.0e}"), why)
