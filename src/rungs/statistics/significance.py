"""Two trained models on the same images, and Holm's correction for many questions."""

import math
from collections.abc import Sequence
from statistics import NormalDist

from rungs.statistics.predictions import BoolArray


def mcnemar(a: BoolArray, b: BoolArray) -> float:
    """Exact two-sided p that two trained models, both [images], are right equally often.

    McNemar's test (Psychometrika 1947) in its exact form: of the images that only one of them has
    right, each is either's with probability 1/2. It says nothing of other seeds.
    """
    only_a = int((a & ~b).sum())
    only_b = int((b & ~a).sum())
    n = only_a + only_b
    term = total = 1
    for successes in range(min(only_a, only_b)):
        term = term * (n - successes) // (successes + 1)
        total += term
    # Whole numbers until here: no tail is too small to be counted.
    return float(min(1.0, 2 * total / 2**n))


def holm(values: Sequence[float], family: int | None = None) -> tuple[float, ...]:
    """Holm's adjusted p-values (Scandinavian Journal of Statistics 1979), in the order given.

    Args:
        values: p-values.
        family: number of questions that were asked, those included that have no p-value yet;
            None for as many as there are values.
    """
    count = max(len(values), family or 0)
    adjusted = [1.0] * len(values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=lambda place: values[place])):
        highest = max(highest, min(1.0, (count - rank) * values[place]))
        adjusted[place] = highest
    return tuple(adjusted)


def paired_interval(a: BoolArray, b: BoolArray, level: float = 0.95) -> tuple[float, float]:
    """Interval for the difference in accuracy of two trained models, both [images].

    Over new images only: it says nothing of other seeds. Wald's interval of paired proportions
    with half an image added to each of the four cells (Agresti and Min, Statistics in Medicine
    2005).
    """
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    n = len(a) + 2
    delta = (only_a - only_b) / n
    error = math.sqrt((only_a + only_b + 1) / n - delta**2) / math.sqrt(n)
    half = NormalDist().inv_cdf(0.5 + level / 2) * error
    return max(-1.0, delta - half), min(1.0, delta + half)
