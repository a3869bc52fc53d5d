"""How differently the members of an ensemble answer. Pure functions on numpy arrays.

An ensemble gains where its members err on different images: members that agree on every image gain
nothing, and members whose errors are independent gain most (Krogh and Vedelsby, NeurIPS 1995).
"""

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import NormalDist

import numpy as np

from rungs.predictions import BoolArray, IntArray


def disagreement(predicted: Sequence[IntArray]) -> float:
    """Share of images on which two members take different classes, mean over pairs.

    Args:
        predicted: classes of each member, each [N], two at least.
    """
    return float(np.mean([np.mean(a != b) for a, b in combinations(predicted, 2)]))


def error_correlation(correct: BoolArray) -> float | None:
    """Pearson's correlation of two members' errors over the images, mean over pairs.

    1 where all err on the same images, 0 where their errors are independent.

    Args:
        correct: whether each answer is right, [members, images].

    Returns:
        None where no pair has errors and right answers on both sides.
    """
    wrong = ~correct
    mixed = [row for row in wrong if 0 < row.sum() < len(row)]
    if len(mixed) < 2:
        return None
    return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in combinations(mixed, 2)]))


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
