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

How the seed part is estimated from few seeds, and by which tests a difference must be found, stands
in `rungs.statistics.seeds`.

All parts are estimates with degrees of freedom of their own. The critical value is Cochran's:
Student's quantiles of both parts, weighted with the parts (Cochran and Cox, Experimental Designs,
1950); it errs towards no word, where Satterthwaite's single number of degrees makes too many
false claims as long as the seed part has but a few.

Everything works on arrays of truth values [seeds, images]; scipy is imported where it is needed,
since it takes longer to import than a report with one seed takes to make.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rungs.statistics.predictions import BoolArray, FloatArray
from rungs.statistics.seeds import (
    Pools,
    SeedPart,
    Side,
    interaction_variance,
    moderated,
    seed_parts,
)

# As if two more images had been tested, one won by each side (after Agresti and Min, Statistics in
# Medicine 2005): a handful of images that all agree is no certainty.
_PSEUDO_IMAGES = 2


@dataclass(frozen=True)
class Difference:
    """Mean accuracy of one recipe minus that of another, fractions, with its uncertainty.

    Attributes:
        delta: the difference.
        image_part: of its variance.
        seed_parts: estimates of the other part, each with a test of its own; all must find it.
        seeds: of both recipes.
        images: that both were tested on.
        sides: what is known of how each varies between seeds; none where both are made of the same
            seeds.
    """

    delta: float
    image_part: float
    seed_parts: tuple[SeedPart, ...]
    seeds: tuple[int, int]
    images: int
    sides: tuple[Side, ...]

    @property
    def seed_part(self) -> float:
        """The largest of the estimates."""
        return float(max(part.value for part in self.seed_parts))

    @property
    def error(self) -> float:
        """Standard error of the difference."""
        return math.sqrt(self.image_part + self.seed_part)

    def critical(self, alpha: float, own_alpha: float | None = None) -> float:
        """How far from zero a difference must lie to be found, two-sided.

        Args:
            alpha: level of the test that is corrected for the family.
            own_alpha: level of the pair's own test; None for the same.
        """
        own_alpha = alpha if own_alpha is None else own_alpha
        return max(
            self._by(part, alpha if part.of_family else own_alpha) for part in self.seed_parts
        )

    def _by(self, part: SeedPart, alpha: float) -> float:
        certain, level = self.image_part + part.certain, alpha * part.share
        return float(cochran(certain, self.images - 1, part.beyond, part.degrees, level))

    def _p(self, part: SeedPart) -> float:
        return _level(lambda alpha: self._by(part, alpha), abs(self.delta))

    @property
    def p_family(self) -> float:
        """Two-sided p of no difference by the test that is corrected for the family."""
        return max(self._p(part) for part in self.seed_parts if part.of_family)

    @property
    def p_pair(self) -> float | None:
        """Two-sided p of no difference by the pair's own test; None where it is not asked."""
        return max((self._p(part) for part in self.seed_parts if not part.of_family), default=None)

    @property
    def p(self) -> float:
        """Two-sided p of no difference: the larger of both, since both must find it."""
        return max(map(self._p, self.seed_parts))

    @property
    def sign(self) -> float:
        """How sure it is that the true difference has the sign of ``delta``, a probability.

        One less the one-sided p, by the whole level: no guard makes it stricter.
        """
        return 1 - max(self._p(replace(part, share=1.0)) for part in self.seed_parts) / 2

    def interval(self, alpha: float, own_alpha: float | None = None) -> tuple[float, float]:
        """Two-sided interval of the differences that `critical` does not tell from ``delta``."""
        half = self.critical(alpha, own_alpha)
        return self.delta - half, self.delta + half


def cochran(
    image_part: float, image_degrees: int, seed_part: Any, seed_degrees: Any, alpha: float
) -> Any:
    """Cochran's critical difference for a variance of two estimated parts, two-sided.

    Args:
        image_part: one part of the variance, known with the degrees of freedom of the images.
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


def difference(a: BoolArray, b: BoolArray, pools: Pools, kinds: tuple[str, str]) -> Difference:
    """The accuracy of ``a`` minus that of ``b``.

    Args:
        a: whether each answer is right, [n_a seeds, images], two seeds at least.
        b: the same of the other recipe on the same images, [n_b seeds, images].
        pools: variance between seeds, pooled over recipes that are compared together.
        kinds: of ``a`` and ``b``; recipes of one kind are taken to vary alike.

    Raises:
        ValueError: other images, or a single seed.
    """
    if a.shape[1] != b.shape[1]:
        raise ValueError("both must have answered the same images")
    sides = pools.side(kinds[0], a), pools.side(kinds[1], b)
    by_image = a.mean(axis=0) - b.mean(axis=0)
    by_chance = interaction_variance(a) / len(a) + interaction_variance(b) / len(b)
    return Difference(
        delta=float(by_image.mean()),
        image_part=_image_part(by_image, by_chance),
        seed_parts=seed_parts(*sides),
        seeds=(len(a), len(b)),
        images=a.shape[1],
        sides=sides,
    )


def with_moderated(found: Difference) -> Difference:
    """The same, tested by moderated variances alone, however many seeds there are."""
    return replace(found, seed_parts=(moderated(*found.sides),))


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
    variance = float(apart.mean(axis=1).var(ddof=1))
    # So few degrees of freedom find a variance near that of independent errors by luck too often
    # for any of it to count as certain.
    part = SeedPart(0.0, variance / seeds, seeds - 1, of_family=True)
    return Difference(
        delta=float(by_image.mean()),
        image_part=_image_part(by_image, interaction_variance(apart) / seeds),
        seed_parts=(part,),
        seeds=(seeds, seeds),
        images=images,
        sides=(),
    )


def least_image_part(variance: float, images: int) -> float:
    """The image part where the variance over images of the difference of image effects is known."""
    spread = (variance * images + _PSEUDO_IMAGES) / (images + _PSEUDO_IMAGES)
    return spread / images


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
