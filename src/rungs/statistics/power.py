"""What a number of seeds can show, and how many seeds a difference takes."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rungs.statistics.difference import Difference, cochran, difference, least_image_part
from rungs.statistics.levels import ALPHA, POWER
from rungs.statistics.predictions import BoolArray, FloatArray
from rungs.statistics.seeds import Pools, Side, interaction_variance, seed_parts

# Points at which the joint distribution of the estimates is taken.
_GRID = 400


def power(truth: Difference, delta: float, alpha: float, own_alpha: float) -> float:
    """Probability that a true difference ``delta`` is found, at the variances of another.

    Averaged over what the estimates of the seed part may turn out to be.

    Args:
        truth: whose parts are taken for the true ones.
        delta: the difference, a fraction.
        alpha: level of the test that is corrected for the family.
        own_alpha: level of the pair's own test.
    """
    limits = _limits(truth, alpha, own_alpha)
    return _power(abs(delta) / truth.error, limits)


def detectable(truth: Difference, alpha: float, own_alpha: float, wanted: float) -> float:
    """The smallest true difference that is found with probability ``wanted``.

    Args:
        truth: whose parts are taken for the true ones.
        alpha: level of the test that is corrected for the family.
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

    The two recipes are taken to vary as their pools say, but together by as much as the largest
    estimate of the seed part.
    """
    pooled = sum(side.pooled / side.seeds for side in truth.sides)
    scale = truth.seed_part / pooled if pooled else 1.0
    own = [side.seeds - 1 for side in truth.sides]
    shared = len({side.pool for side in truth.sides}) == 1
    rests = [
        max(0, side.degrees - (sum(own) if shared else one))
        for side, one in zip(truth.sides, own, strict=True)
    ]
    squares = _squares((*own, *rests[:1])) if shared else _squares((*own, *rests))
    sides = []
    for place, (side, degrees) in enumerate(zip(truth.sides, own, strict=True)):
        within = range(len(own)) if shared else (place,)
        seen = sum(scale * truth.sides[one].pooled * squares[one] for one in within)
        of_rest = side.pooled * squares[len(own) + (0 if shared else place)]
        count = sum(own[one] for one in within) + rests[place]
        sides.append(
            replace(
                side,
                own=scale * side.pooled * squares[place] / degrees,
                pooled=(seen + of_rest) / count,
            )
        )
    limits: FloatArray = np.maximum.reduce(
        [
            cochran(
                truth.image_part + part.certain,
                truth.images - 1,
                part.beyond,
                part.degrees,
                (alpha if part.of_family else own_alpha) * part.share,
            )
            for part in seed_parts(sides[0], sides[1])
        ]
    )
    return limits / truth.error


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


# Of two recipes that are right on about half of the images, as independent errors alone give it
# (CIFAR-100, results/cifar100 and results/modern): what no number of seeds makes smaller, and what
# is there of a variance between seeds where seeds have no other effect.
AT_BEST = Components(image=0.01, seed=0.0, interaction=0.09)


def components(pairs: Sequence[tuple[BoolArray, BoolArray]]) -> Components | None:
    """Components of the variance, means over pairs of recipes; None without two seeds anywhere."""
    usable = [(a, b) for a, b in pairs if min(len(a), len(b)) > 1]
    # A recipe that stands in two pairs counts once.
    recipes = list({id(correct): correct for pair in usable for correct in pair}.values())
    pools = Pools([("", correct) for correct in recipes])
    pooled = pools.variance
    if pooled is None:
        return None
    images = recipes[0].shape[1]
    interaction = float(np.mean([interaction_variance(item) for item in recipes]))
    image = float(
        np.mean([images * difference(a, b, pools, ("", "")).image_part for a, b in usable])
    )
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
    variance = parts.seed + parts.interaction / images
    side = Side(seeds, variance, variance, parts.interaction / images, recipes * (seeds - 1))
    return Difference(
        delta=delta,
        image_part=least_image_part(parts.image, images),
        seed_parts=seed_parts(side, side),
        seeds=(seeds, seeds),
        images=images,
        sides=(side, side),
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


def shown_at_best(*, seeds: int, images: int, recipes: int, family: int) -> float:
    """The smallest true difference that so many seeds and images could show, known beforehand.

    At best: as if seeds differed by independent errors alone, see `AT_BEST`; real recipes vary
    more. Power and level are the usual ones.

    Args:
        seeds: per recipe, two at least.
        images: that both answer.
        recipes: over which the variance between seeds is pooled.
        family: number of comparisons corrected for.
    """
    truth = planned(0.0, AT_BEST, seeds=seeds, images=images, recipes=recipes)
    return detectable(truth, ALPHA / family, ALPHA, POWER)
