"""Tests and intervals for the difference of two recipes' accuracies.

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
    seed part       = S^2 * (1 / n_a + 1 / n_b)

where S^2 is the variance of a recipe's accuracy between seeds on the same images (seed effect and
interaction), pooled over recipes since few seeds tell little alone. Both parts are estimates
with degrees of freedom of their own. The critical value is Cochran's: Student's quantiles of both,
weighted with the parts (Cochran and Cox, Experimental Designs, 1950); it errs towards "not shown",
where Satterthwaite's single number of degrees makes too many false claims as long as the seed part
has but a few.

Everything works on arrays of truth values [seeds, images]; scipy is imported where it is needed,
since it takes longer to import than a report with one seed takes to make.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rungs.predictions import BoolArray, FloatArray

# As if two more images had been tested, one won by each side (after Agresti and Min, Statistics in
# Medicine 2005): a handful of images that all agree is no certainty.
_PSEUDO_IMAGES = 2
# Points at which the distribution of an estimated variance is taken.
_GRID = 400


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
        seed_part: of its variance.
        seed_degrees: degrees of freedom of the seed part's estimate.
        seeds: of both recipes.
        images: that both were tested on.
    """

    delta: float
    image_part: float
    seed_part: float
    seed_degrees: int
    seeds: tuple[int, int]
    images: int

    @property
    def error(self) -> float:
        """Standard error of the difference."""
        return math.sqrt(self.image_part + self.seed_part)

    def critical(self, alpha: float) -> float:
        """How far from zero a difference must lie to be found at level ``alpha``, two-sided."""
        return float(self._critical(self.seed_part, alpha))

    def _critical(self, seed_part: Any, alpha: float) -> Any:
        """The critical difference for one or several estimates of the seed part."""
        from scipy.special import stdtrit

        # Quantiles of the lower tail: no small level is lost to rounding near 1.
        of_images = -stdtrit(max(1, self.images - 1), alpha / 2)
        of_seeds = -stdtrit(self.seed_degrees, alpha / 2)
        weighted = self.image_part * of_images + seed_part * of_seeds
        return weighted / np.sqrt(self.image_part + seed_part)

    @property
    def p(self) -> float:
        """Two-sided p of no difference: the level at which ``delta`` is just found."""
        low, high = -700.0, 0.0  # of the logarithm: exp(-700) is about the least a float holds
        for _ in range(60):
            middle = (low + high) / 2
            if self.critical(math.exp(middle)) < abs(self.delta):
                high = middle
            else:
                low = middle
        return math.exp(high)

    def interval(self, alpha: float) -> tuple[float, float]:
        """Two-sided interval that covers with probability 1 - ``alpha`` at least."""
        half = self.critical(alpha)
        return self.delta - half, self.delta + half

    def power(self, delta: float, alpha: float) -> float:
        """Probability that a true difference ``delta`` is found at ``alpha``, at these variances.

        Averaged over what the estimate of the seed part may turn out to be.
        """
        return _power(abs(delta) / self.error, self._limits(alpha))

    def detectable(self, alpha: float, wanted: float = 0.8) -> float:
        """The smallest true difference that is found with probability ``wanted``."""
        limits = self._limits(alpha)
        low, high = 0.0, 1.0  # in standard errors
        while _power(high, limits) < wanted:
            high *= 2
        for _ in range(20):
            middle = (low + high) / 2
            if _power(middle, limits) < wanted:
                low = middle
            else:
                high = middle
        return high * self.error

    def _limits(self, alpha: float) -> FloatArray:
        """Critical differences over the distribution of the seed part's estimate [grid].

        In standard errors.
        """
        from scipy.special import chdtri

        tail = (np.arange(_GRID) + 0.5) / _GRID
        estimates = self.seed_part * chdtri(self.seed_degrees, tail) / self.seed_degrees
        limits: FloatArray = self._critical(estimates, alpha) / self.error
        return limits


def _power(shift: float, limits: FloatArray) -> float:
    from scipy.special import ndtr

    found: FloatArray = ndtr(shift - limits) + ndtr(-shift - limits)
    return float(found.mean())


def seed_variance(recipes: Sequence[BoolArray]) -> SeedVariance | None:
    """Pooled variance between the seeds of each recipe [seeds, images]; None without two seeds."""
    squares, degrees = 0.0, 0
    for correct in recipes:
        if len(correct) > 1:
            accuracies = correct.mean(axis=1)
            squares += float(((accuracies - accuracies.mean()) ** 2).sum())
            degrees += len(correct) - 1
    return SeedVariance(squares / degrees, degrees) if degrees else None


def _interaction(correct: BoolArray) -> float:
    """Variance of the interaction of seeds and images: what two-way analysis leaves over."""
    seeds, images = len(correct), correct.shape[1]
    by_image = correct.mean(axis=0)
    by_seed = correct.mean(axis=1)
    whole = float(correct.mean())
    # A truth value is its own square: no array of residuals is needed.
    squares = seeds * images * whole - seeds * float((by_image**2).sum())
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
    images = a.shape[1]
    by_image = a.mean(axis=0) - b.mean(axis=0)
    delta = float(by_image.mean())
    squares = float(((by_image - delta) ** 2).sum())
    spread = (squares + _PSEUDO_IMAGES) / (images + _PSEUDO_IMAGES)
    # Of the spread over images, the interaction is chance of the seeds: it is in their part.
    by_chance = _interaction(a) / len(a) + _interaction(b) / len(b)
    least = _PSEUDO_IMAGES / (images + _PSEUDO_IMAGES)
    return Difference(
        delta=delta,
        image_part=max(spread - by_chance, least) / images,
        seed_part=seeds.value * (1 / len(a) + 1 / len(b)),
        seed_degrees=seeds.degrees,
        seeds=(len(a), len(b)),
        images=images,
    )


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
    interaction = float(np.mean([_interaction(item) for item in recipes]))
    image = float(np.mean([images * difference(a, b, pooled).image_part for a, b in usable]))
    return Components(image, max(0.0, pooled.value - interaction / images), interaction)


def seeds_for(
    delta: float,
    parts: Components,
    *,
    images: int,
    recipes: int,
    family: int,
    alpha: float = 0.05,
    wanted: float = 0.8,
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
        planned = Difference(
            delta=delta,
            image_part=parts.image / images,
            seed_part=2 * (parts.seed + parts.interaction / images) / seeds,
            seed_degrees=recipes * (seeds - 1),
            seeds=(seeds, seeds),
            images=images,
        )
        return planned.power(delta, alpha / family) >= wanted

    return next((seeds for seeds in range(2, most + 1) if enough(seeds)), None)
