"""The difference of two recipes' accuracies with its uncertainty over new seeds and new images.

The question is about new seeds and new images: would this change help somebody who trains anew and
tests on other images of the same kind? Seeds and images are therefore both drawn by chance, and
*crossed*: every seed's model answers the same images. With ``X[s, i]`` = 1 where seed s is right on
image i,

    X[s, i] = accuracy + image effect + seed effect + interaction,

the mean over n seeds and N images has the variance

    image / N + (seed + interaction / N) / n.

Two recipes share their images but nothing of their seeds, so their difference has

    var(difference) = image part + seed part
    image part      = variance over images of the difference of the two image effects / N

The seed part comes from the variance of a recipe's accuracy between seeds on the same images (seed
effect and interaction). Few seeds tell little of it alone, so it is pooled over all recipes that
are trained alike: ``S^2 (1 / n_a + 1 / n_b)``. But recipes need not vary alike, and a pair that
varies more than the others would be called different far too often. So two things are asked:

    of the ladder:  the pooled seed part, or the pair's own where that is larger;
    of the pair:    the pair's own seed part ``S_a^2 / n_a + S_b^2 / n_b`` with the few degrees of
                    freedom that it has (Welch, Biometrika 1947).

The first is corrected for the family. The second guards against one thing only, a pair that is
unlike the others, and keeps its own level.

All parts are estimates with degrees of freedom of their own. The critical value is Cochran's:
Student's quantiles of both parts, weighted with the parts (Cochran and Cox, Experimental Designs,
1950); it errs towards "not shown", where Satterthwaite's single number of degrees makes too many
false claims as long as the seed part has but a few.

Everything works on arrays of truth values [seeds, images]; scipy is imported where it is needed,
since it takes longer to import than a report with one seed takes to make.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rungs.statistics.predictions import BoolArray, FloatArray, IntArray

# As if two more images had been tested, one won by each side (after Agresti and Min, Statistics in
# Medicine 2005): a handful of images that all agree is no certainty.
_PSEUDO_IMAGES = 2


@dataclass(frozen=True)
class SeedVariance:
    """How much a recipe's accuracy varies between seeds on the same images.

    Attributes:
        value: variance of one seed's accuracy, pooled; accuracies are fractions.
        degrees: of freedom: the seeds beyond the first of each recipe, added up.
    """

    value: float
    degrees: int


@dataclass(frozen=True)
class Difference:
    """Mean accuracy of one recipe minus that of another, fractions, with its uncertainty.

    Attributes:
        delta: the difference.
        image_part: of its variance.
        pooled_part: its seed part by the variance between seeds that is pooled over recipes.
        pooled_degrees: degrees of freedom of the pooled estimate.
        own_part: its seed part by the seeds of these two recipes alone.
        own_degrees: degrees of freedom of that, by Welch and Satterthwaite.
        seeds: of both recipes.
        images: that both were tested on.
    """

    delta: float
    image_part: float
    pooled_part: float
    pooled_degrees: int
    own_part: float
    own_degrees: float
    seeds: tuple[int, int]
    images: int

    @property
    def seed_part(self) -> float:
        """The seed part that the ladder's test goes by: the larger of both estimates."""
        return max(self.pooled_part, self.own_part)

    @property
    def error(self) -> float:
        """Standard error of the difference."""
        return math.sqrt(self.image_part + self.seed_part)

    def critical(self, alpha: float, own_alpha: float | None = None) -> float:
        """How far from zero a difference must lie to be found, two-sided.

        Args:
            alpha: level of the ladder's test.
            own_alpha: level of the pair's own test; None for the same.
        """
        own_alpha = alpha if own_alpha is None else own_alpha
        return max(self._of_ladder(alpha), self._of_pair(own_alpha))

    def _of_ladder(self, alpha: float) -> float:
        return float(
            cochran(self.image_part, self.images - 1, self.seed_part, self.pooled_degrees, alpha)
        )

    def _of_pair(self, alpha: float) -> float:
        return float(
            cochran(self.image_part, self.images - 1, self.own_part, self.own_degrees, alpha)
        )

    @property
    def p_ladder(self) -> float:
        """Two-sided p of no difference by the ladder's test: the level that just finds it."""
        return _level(self._of_ladder, abs(self.delta))

    @property
    def p_pair(self) -> float:
        """Two-sided p of no difference by the pair's own test."""
        return _level(self._of_pair, abs(self.delta))

    @property
    def p(self) -> float:
        """Two-sided p of no difference: the larger of both, since both must find it."""
        return max(self.p_ladder, self.p_pair)

    def interval(self, alpha: float, own_alpha: float | None = None) -> tuple[float, float]:
        """Two-sided interval of the differences that `critical` does not tell from ``delta``."""
        half = self.critical(alpha, own_alpha)
        return self.delta - half, self.delta + half


def cochran(
    image_part: float, image_degrees: int, seed_part: Any, seed_degrees: Any, alpha: float
) -> Any:
    """Cochran's critical difference for a variance of two estimated parts, two-sided.

    Args:
        image_part: one part of the variance.
        image_degrees: degrees of freedom of its estimate.
        seed_part: the other part, one or an array of estimates.
        seed_degrees: its degrees of freedom, one or an array.
        alpha: level.
    """
    from scipy.special import stdtrit

    # Quantiles of the lower tail: no small level is lost to rounding near 1.
    of_images = -stdtrit(max(1, image_degrees), alpha / 2)
    of_seeds = -stdtrit(seed_degrees, alpha / 2)
    weighted = image_part * of_images + seed_part * of_seeds
    return weighted / np.sqrt(image_part + seed_part)


def _level(critical: Callable[[float], float], distance: float) -> float:
    """The level whose critical value is ``distance``."""
    low, high = -700.0, 0.0  # of the logarithm: exp(-700) is about the least a float holds
    for _ in range(60):
        middle = (low + high) / 2
        if critical(math.exp(middle)) < distance:
            high = middle
        else:
            low = middle
    return math.exp(high)


def seed_variance(recipes: Sequence[BoolArray]) -> SeedVariance | None:
    """Pooled variance between the seeds of each recipe [seeds, images]; None without two seeds."""
    squares, degrees = 0.0, 0
    for correct in recipes:
        if len(correct) > 1:
            accuracies = correct.mean(axis=1)
            squares += float(((accuracies - accuracies.mean()) ** 2).sum())
            degrees += len(correct) - 1
    return SeedVariance(squares / degrees, degrees) if degrees else None


def interaction_variance(values: BoolArray | IntArray) -> float:
    """Variance of the interaction of seeds and images: what two-way analysis leaves over.

    Args:
        values: whether each answer is right, or a difference of two such, [seeds, images], two
            seeds at least.
    """
    seeds, images = len(values), values.shape[1]
    by_image = values.mean(axis=0)
    by_seed = values.mean(axis=1)
    whole = float(values.mean())
    # Sums of squares: no array of residuals is needed.
    squares = float((values * values).sum()) - seeds * float((by_image**2).sum())
    squares -= images * float(((by_seed - whole) ** 2).sum())
    return float(max(0.0, squares / ((seeds - 1) * max(1, images - 1))))


def difference(a: BoolArray, b: BoolArray, seeds: SeedVariance) -> Difference:
    """The accuracy of ``a`` minus that of ``b``.

    Args:
        a: whether each answer is right, [n_a seeds, images], two seeds at least.
        b: the same of the other recipe on the same images, [n_b seeds, images].
        seeds: variance between seeds, pooled over recipes that are trained alike.

    Raises:
        ValueError: other images, or a single seed.
    """
    if a.shape[1] != b.shape[1]:
        raise ValueError("both must have answered the same images")
    if min(len(a), len(b)) < 2:
        raise ValueError("a recipe of one seed says nothing of other seeds")
    by_image = a.mean(axis=0) - b.mean(axis=0)
    by_chance = interaction_variance(a) / len(a) + interaction_variance(b) / len(b)
    parts = [float(correct.mean(axis=1).var(ddof=1)) / len(correct) for correct in (a, b)]
    return Difference(
        delta=float(by_image.mean()),
        image_part=_image_part(by_image, by_chance),
        pooled_part=seeds.value * (1 / len(a) + 1 / len(b)),
        pooled_degrees=seeds.degrees,
        own_part=sum(parts),
        own_degrees=float(welch_degrees(parts[0], parts[1], (len(a), len(b)))),
        seeds=(len(a), len(b)),
        images=a.shape[1],
    )


def difference_within(a: BoolArray, b: BoolArray) -> Difference:
    """The accuracy of ``a`` minus that of ``b`` where both are made of the same runs.

    Such are an ensemble and one of its members. What makes a seed good makes both good, and falls
    out of their difference, seed by seed; so its seed part is that of the seeds' differences.

    Args:
        a: whether each answer is right, [n seeds, images], two seeds at least.
        b: the same of the other one, of the same seeds on the same images.

    Raises:
        ValueError: other seeds or images, or a single seed.
    """
    if a.shape != b.shape:
        raise ValueError("both must be of the same seeds and have answered the same images")
    if len(a) < 2:
        raise ValueError("one seed says nothing of other seeds")
    apart = a.astype(np.int8) - b.astype(np.int8)
    seeds, images = apart.shape
    by_image = apart.mean(axis=0)
    part = float(apart.mean(axis=1).var(ddof=1)) / seeds
    return Difference(
        delta=float(by_image.mean()),
        image_part=_image_part(by_image, interaction_variance(apart) / seeds),
        pooled_part=part,
        pooled_degrees=seeds - 1,
        own_part=part,
        own_degrees=float(seeds - 1),
        seeds=(seeds, seeds),
        images=images,
    )


def _image_part(by_image: FloatArray, by_chance: float) -> float:
    """The image part of a difference's variance.

    Args:
        by_image: the difference on each image, mean over seeds.
        by_chance: the interaction's share of its variance: chance of the seeds, and in their part.
    """
    images = len(by_image)
    squares = float(((by_image - by_image.mean()) ** 2).sum())
    spread = (squares + _PSEUDO_IMAGES) / (images + _PSEUDO_IMAGES)
    least = _PSEUDO_IMAGES / (images + _PSEUDO_IMAGES)
    return max(spread - by_chance, least) / images


def welch_degrees(part_a: Any, part_b: Any, seeds: tuple[int, int]) -> Any:
    """Degrees of freedom of a sum of two estimated variances (Welch and Satterthwaite).

    Args:
        part_a: variance of one mean, one or an array of estimates.
        part_b: that of the other.
        seeds: that each was estimated from, two at least.
    """
    whole = part_a + part_b
    squares = part_a**2 / (seeds[0] - 1) + part_b**2 / (seeds[1] - 1)
    # Without any spread there is nothing to share out: all that were there count.
    return np.where(squares > 0, whole**2 / np.where(squares > 0, squares, 1), sum(seeds) - 2)
