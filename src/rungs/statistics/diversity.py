"""How differently the members of an ensemble answer. Pure functions on numpy arrays.

An ensemble gains where its members err on different images: members that agree on every image gain
nothing, and members whose errors are independent gain most (Krogh and Vedelsby, NeurIPS 1995).
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from rungs.statistics.predictions import BoolArray, IntArray


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
