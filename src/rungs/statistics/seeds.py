"""How much a recipe's accuracy varies between seeds, known from few of them.

Two or three seeds say little about the variance between seeds, so it is pooled over recipes that
vary alike. But recipes need not vary alike, and a pair that varies more than the others would be
called different far too often. What is asked of a difference depends on the seeds there are:

    two on either side:    one test, of the family, by moderated variances: each recipe's own, drawn
                           towards the pooled one as if that were `PRIOR` degrees of freedom more
                           (after Smyth, Statistical Applications in Genetics 2004, with a fixed
                           prior: so few variances cannot tell how strong it ought to be)
    three and more:        of the family: the pooled variance, or the pair's own where that is
                           larger; and of the pair alone: its own, with the few degrees of freedom
                           that it has (Welch, Biometrika 1947)

Recipes of which it is known beforehand that they vary unlike, such as averaged and plain ones, are
of two kinds, which are pooled apart. And no variance is taken for smaller than what independent
errors alone give: a recipe whose seeds happen to agree in their accuracy while they differ in their
answers is no steadier than that.

Everything here but `Pools` takes numbers and arrays of estimates alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rungs.statistics.predictions import BoolArray, IntArray

# Degrees of freedom for which the pooled variance counts, beside a recipe's own.
PRIOR = 1.5
# A pool of fewer is none: that of all recipes takes its place.
_LEAST_DEGREES = 3


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
class Side:
    """What is known of how one side of a comparison varies between its seeds.

    Attributes:
        seeds: their number n, two at least.
        own: variance of one seed's accuracy, by these seeds alone; one or an array of estimates.
        pooled: the same by the pool, one or an array.
        degrees: of freedom of the pool, its own included.
        pool: name of the pool: two sides of one pool share its estimate.
    """

    seeds: int
    own: Any
    pooled: Any
    degrees: int
    pool: str = ""


@dataclass(frozen=True)
class SeedPart:
    """An estimate of the seed part of a difference's variance, and the test that it is for.

    Attributes:
        value: one or an array of estimates.
        degrees: of freedom, one or an array.
        of_family: whether its test is corrected for the family; otherwise it guards against a pair
            that is unlike the others, and keeps its own level.
    """

    value: Any
    degrees: Any
    of_family: bool


def seed_parts(a: Side, b: Side) -> tuple[SeedPart, ...]:
    """The seed parts that a difference of two recipes is tested by: all must find it."""
    if min(a.seeds, b.seeds) < 3:
        return (moderated(a, b),)
    own = a.own / a.seeds, b.own / b.seeds
    pooled = a.pooled / a.seeds, b.pooled / b.seeds
    degrees: Any = a.degrees
    if a.pool != b.pool:
        degrees = welch_degrees(*pooled, (a.degrees, b.degrees))
    return (
        SeedPart(np.maximum(sum(pooled), sum(own)), degrees, of_family=True),
        SeedPart(sum(own), welch_degrees(*own, (a.seeds - 1, b.seeds - 1)), of_family=False),
    )


def moderated(a: Side, b: Side) -> SeedPart:
    """The seed part by moderated variances, at any number of seeds."""
    parts, degrees = [], []
    for side in (a, b):
        own = side.seeds - 1
        # It counts for no more than the others of the pool have.
        prior = min(PRIOR, max(0, side.degrees - own))
        parts.append((prior * side.pooled + own * side.own) / (prior + own) / side.seeds)
        degrees.append(prior + own)
    return SeedPart(
        sum(parts), welch_degrees(parts[0], parts[1], (degrees[0], degrees[1])), of_family=True
    )


def welch_degrees(part_a: Any, part_b: Any, degrees: tuple[float, float]) -> Any:
    """Degrees of freedom of a sum of two estimated variances (Welch and Satterthwaite).

    Args:
        part_a: variance of one mean, one or an array of estimates.
        part_b: that of the other.
        degrees: of freedom of each.
    """
    whole = part_a + part_b
    squares = part_a**2 / degrees[0] + part_b**2 / degrees[1]
    # Without any spread there is nothing to share out: all that were there count.
    return np.where(squares > 0, whole**2 / np.where(squares > 0, squares, 1), sum(degrees))


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


def independent_variance(correct: BoolArray) -> float:
    """The variance of one seed's accuracy if its errors were independent of other seeds' errors.

    The least that a variance between seeds can be: the interaction over the number of images.

    Args:
        correct: whether each answer is right, [seeds, images], two seeds at least.
    """
    images: int = correct.shape[1]
    return interaction_variance(correct) / images


class Pools:
    """The variances between seeds of all recipes that are compared, pooled by kind."""

    def __init__(self, recipes: Sequence[tuple[str, BoolArray]]) -> None:
        """From the kind and the answers [seeds, images] of each recipe."""
        self._known: dict[str | None, tuple[SeedVariance, float]] = {}
        for kind in {None, *(kind for kind, _ in recipes)}:
            members = [one for name, one in recipes if kind in (None, name)]
            members = [one for one in members if len(one) > 1]
            found = seed_variance(members)
            if found is not None:
                self._known[kind] = found, float(np.mean([*map(independent_variance, members)]))

    @property
    def variance(self) -> SeedVariance | None:
        """That of all recipes together; None without two seeds anywhere."""
        return self._known[None][0] if None in self._known else None

    def side(self, kind: str, correct: BoolArray) -> Side:
        """What is known of a recipe of a kind, by its answers [seeds, images] and its pool.

        Raises:
            ValueError: a single seed, or no recipe of the pools has two.
        """
        if len(correct) < 2 or None not in self._known:
            raise ValueError("a recipe of one seed says nothing of other seeds")
        name: str | None = kind
        if kind not in self._known or self._known[kind][0].degrees < _LEAST_DEGREES:
            name = None
        pool, least = self._known[name]
        own = float(correct.mean(axis=1).var(ddof=1))
        return Side(
            seeds=len(correct),
            own=max(own, independent_variance(correct)),
            pooled=max(pool.value, least),
            degrees=pool.degrees,
            pool="" if name is None else f"kind {name}",
        )
