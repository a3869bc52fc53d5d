"""What a number of seeds can show, and how many seeds a difference takes."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rungs.statistics.difference import (
    Difference,
    cochran,
    difference,
    interaction_variance,
    seed_variance,
    welch_degrees,
)
from rungs.statistics.predictions import BoolArray, FloatArray

# Points at which the joint distribution of the estimates is taken.
_GRID = 400


def power(truth: Difference, delta: float, alpha: float, own_alpha: float) -> float:
    """Probability that a true difference ``delta`` is found, at the variances of another.

    Averaged over what the estimates of the seed part may turn out to be.

    Args:
        truth: whose parts are taken for the true ones.
        delta: the difference, a fraction.
        alpha: level of the ladder's test.
        own_alpha: level of the pair's own test.
    """
    limits = _limits(truth, alpha, own_alpha)
    return _power(abs(delta) / truth.error, limits)


def detectable(truth: Difference, alpha: float, own_alpha: float, wanted: float) -> float:
    """The smallest true difference that is found with probability ``wanted``.

    Args:
        truth: whose parts are taken for the true ones.
        alpha: level of the ladder's test.
        own_alpha: level of the pair's own test.
        wanted: power.
    """
    limits = _limits(truth, alpha, own_alpha)
    low, high = 0.0, 1.0  # in standard errors
    while _power(high, limits) < wanted:
        high *= 2
    for _ in range(20):
        middle = (low + high) / 2
        if _power(middle, limits) < wanted:
            low = middle
        else:
            high = middle
    return high * truth.error


def _limits(truth: Difference, alpha: float, own_alpha: float) -> FloatArray:
    """Critical differences for what the seed part's estimates may be, in standard errors [draws].

    Both recipes are taken to vary alike, by as much as the larger of the two estimates says.
    """
    n_a, n_b = truth.seeds
    share = np.array([[1 / n_a], [1 / n_b]]) / (1 / n_a + 1 / n_b)
    of_both = np.array([[n_a - 1], [n_b - 1]])
    rest = max(0, truth.pooled_degrees - n_a - n_b + 2)
    squares_a, squares_b, of_rest = _squares((n_a - 1, n_b - 1, rest))
    squares = truth.seed_part * np.stack([squares_a, squares_b])
    pooled = (squares.sum(axis=0) + truth.pooled_part * of_rest) / (n_a + n_b - 2 + rest)
    part_a, part_b = share * squares / of_both
    own = part_a + part_b
    images = truth.image_part, truth.images - 1
    ladder = cochran(*images, np.maximum(pooled, own), truth.pooled_degrees, alpha)
    pair = cochran(*images, own, welch_degrees(part_a, part_b, truth.seeds), own_alpha)
    limits: FloatArray = np.maximum(ladder, pair) / truth.error
    return limits


def _squares(degrees: Sequence[int]) -> FloatArray:
    """Independent chi-squared variables [degrees, grid]: a Latin hypercube of their quantiles."""
    from scipy.special import chdtri

    tails = (np.arange(_GRID) + 0.5) / _GRID
    rng = np.random.default_rng(0)
    return np.stack([chdtri(d, rng.permutation(tails)) if d else 0 * tails for d in degrees])


def _power(shift: float, limits: FloatArray) -> float:
    from scipy.special import ndtr

    found: FloatArray = ndtr(shift - limits) + ndtr(-shift - limits)
    return float(found.mean())


@dataclass(frozen=True)
class Components:
    """What the variance of a difference is made of, for planning.

    Attributes:
        image: variance over images of the difference of two recipes' image effects.
        seed: variance of the seed effect.
        interaction: variance of the interaction.
    """

    image: float
    seed: float
    interaction: float


def components(pairs: Sequence[tuple[BoolArray, BoolArray]]) -> Components | None:
    """Components of the variance, means over pairs of recipes; None without two seeds anywhere."""
    usable = [(a, b) for a, b in pairs if min(len(a), len(b)) > 1]
    # A recipe that stands in two pairs counts once.
    recipes = list({id(correct): correct for pair in usable for correct in pair}.values())
    pooled = seed_variance(recipes)
    if pooled is None:
        return None
    images = recipes[0].shape[1]
    interaction = float(np.mean([interaction_variance(item) for item in recipes]))
    image = float(np.mean([images * difference(a, b, pooled).image_part for a, b in usable]))
    return Components(image, max(0.0, pooled.value - interaction / images), interaction)


def planned(
    delta: float, parts: Components, *, seeds: int, images: int, recipes: int
) -> Difference:
    """What a comparison would be like with so many seeds of every recipe.

    Args:
        delta: the true difference, a fraction.
        parts: components of the variance.
        seeds: per recipe, two at least.
        images: test images.
        recipes: over which the variance between seeds is pooled.
    """
    seed_part = 2 * (parts.seed + parts.interaction / images) / seeds
    return Difference(
        delta=delta,
        image_part=parts.image / images,
        pooled_part=seed_part,
        pooled_degrees=recipes * (seeds - 1),
        own_part=seed_part,
        own_degrees=2 * (seeds - 1),
        seeds=(seeds, seeds),
        images=images,
    )


def seeds_for(
    delta: float,
    parts: Components,
    *,
    images: int,
    recipes: int,
    family: int,
    alpha: float,
    wanted: float,
    most: int = 1000,
) -> int | None:
    """Seeds per recipe with which a true difference ``delta`` is found with probability ``wanted``.

    Args:
        delta: the difference, a fraction.
        parts: components of the variance.
        images: test images.
        recipes: over which the variance between seeds is pooled.
        family: number of comparisons corrected for: the smallest p-value is held against
            ``alpha / family``.
        alpha: probability of any false claim in the family.
        wanted: power.
        most: number of seeds at which to give up.

    Returns:
        The number, 2 at least; None if not even ``most`` would do.
    """

    def enough(seeds: int) -> bool:
        truth = planned(delta, parts, seeds=seeds, images=images, recipes=recipes)
        return power(truth, delta, alpha / family, alpha) >= wanted

    # More seeds never find less, so that halves can be left out.
    numbers = range(2, most + 1)
    place = bisect_left(numbers, True, key=enough)
    return numbers[place] if place < len(numbers) else None
