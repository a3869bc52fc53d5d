"""How much a recipe's accuracy varies between seeds, known from few of them.

The variance between seeds on the same images has two parts. Errors that are independent of other
seeds' errors give interaction / N, whatever else there is; two-way analysis knows it from the
images to about one percent. What goes *beyond* it only the seeds tell, and two or three of them say
little. So that part is pooled over recipes that vary alike. But recipes need not vary alike, and a
pair that varies more than the others would be called different far too often. What is asked of a
difference depends on the seeds there are:

    two on either side:    one test, of the family, by moderated variances: each recipe's own, drawn
                           towards the pooled one as if that were `PRIOR` degrees of freedom more
                           (after Smyth, Statistical Applications in Genetics 2004, with a fixed
                           prior: so few variances cannot tell how strong it ought to be)
    three and more:        of the family: the pooled variance, or the pair's own where that is
                           larger; and of the pair alone: its own, with the few degrees of freedom
                           that it has (Welch, Biometrika 1947)

Recipes of which it is known beforehand that they vary unlike, such as averaged and plain ones, are
of two kinds, which are pooled apart. `docs/decisions/0025-moderated-variance.md` tells how this
came about and what it is held to.

Everything here but `Pools` takes numbers and arrays of estimates alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rungs.statistics.predictions import BoolArray, IntArray

# Degrees of freedom for which the pooled variance counts, beside a recipe's own.
PRIOR = 1.5
# A kind of fewer borrows from the kinds before it.
_LEAST_DEGREES = 3
# At two seeds: from how many degrees of a pool on independent errors count as certain, and the
# share of the level that the test is then held to. By luck a variance is found to be no more.
_CERTAIN_DEGREES = 6
_CERTAIN_SHARE = 0.5
# The kinds, those that vary most first. Any other name is a kind that nobody borrows from.
KINDS = ("plain", "steady", "ensemble")


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
        independent: what independent errors alone give of it.
        degrees: of freedom of the pool, its own included; one or an array.
        pool: name of the pool: two sides of one pool share its estimate.
    """

    seeds: int
    own: Any
    pooled: Any
    independent: Any
    degrees: Any
    pool: str = ""

    def beyond(self, variance: Any) -> Any:
        """Of a difference's variance, what goes beyond independent errors if one seed's is this."""
        return np.maximum(variance - self.independent, 0.0) / self.seeds

    def whole(self, variance: Any) -> Any:
        """All of it, no less than independent errors give."""
        return np.maximum(variance, self.independent) / self.seeds


@dataclass(frozen=True)
class SeedPart:
    """An estimate of the seed part of a difference's variance, and the test that it is for.

    Attributes:
        certain: of independent errors, known with the degrees of freedom of the images.
        beyond: what goes beyond, one or an array of estimates.
        degrees: of freedom of what goes beyond, one or an array.
        of_family: whether its test is corrected for the family; otherwise it guards against a pair
            that is unlike the others, and keeps its own level.
        share: of the level that the test is held to, one or an array.
    """

    certain: Any
    beyond: Any
    degrees: Any
    of_family: bool
    share: Any = 1.0

    @property
    def value(self) -> Any:
        """The whole."""
        return self.certain + self.beyond


def seed_parts(a: Side, b: Side) -> tuple[SeedPart, ...]:
    """The seed parts that a difference of two recipes is tested by: all must find it."""
    if min(a.seeds, b.seeds) < 3:
        return (moderated(a, b),)
    certain = _certain(a, b)
    own = a.beyond(a.own), b.beyond(b.own)
    pooled = a.beyond(a.pooled), b.beyond(b.pooled)
    degrees: Any = a.degrees
    if a.pool != b.pool:
        degrees = welch_degrees(*pooled, (a.degrees, b.degrees))
    return (
        SeedPart(certain, np.maximum(sum(pooled), sum(own)), degrees, of_family=True),
        SeedPart(
            certain,
            sum(own),
            welch_degrees(*own, (a.seeds - 1, b.seeds - 1)),
            of_family=False,
        ),
    )


def moderated(a: Side, b: Side) -> SeedPart:
    """The seed part by moderated variances, at any number of seeds."""
    known = np.minimum(a.degrees, b.degrees) >= _CERTAIN_DEGREES
    parts, degrees = [], []
    for side in (a, b):
        own = side.seeds - 1
        # It counts for no more than the others of the pool have.
        prior = np.minimum(PRIOR, np.maximum(0, side.degrees - own))
        variance = (prior * side.pooled + own * side.own) / (prior + own)
        parts.append(np.where(known, side.beyond(variance), side.whole(variance)))
        degrees.append(prior + own)
    both = welch_degrees(parts[0], parts[1], (degrees[0], degrees[1]))
    if a.pool == b.pool:  # each one's prior holds the other's variance
        both = np.minimum(both, a.degrees)
    alone = np.logical_or(a.degrees < a.seeds, b.degrees < b.seeds)
    return SeedPart(
        np.where(known, _certain(a, b), 0.0),
        sum(parts),
        np.where(alone, np.minimum(degrees[0], degrees[1]), both),
        of_family=True,
        share=np.where(known, _CERTAIN_SHARE, 1.0),
    )


def _certain(a: Side, b: Side) -> Any:
    return a.independent / a.seeds + b.independent / b.seeds


def welch_degrees(part_a: Any, part_b: Any, degrees: tuple[Any, Any]) -> Any:
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
        self._members: dict[str, list[BoolArray]] = {}
        for kind, correct in recipes:
            if len(correct) > 1:
                self._members.setdefault(kind, []).append(correct)

    def of(self, kind: str) -> tuple[str, SeedVariance | None]:
        """The pool that a kind goes by, with its name; None where no recipe of it has two seeds.

        A kind of few degrees of freedom takes in those before it in `KINDS`, the nearest first:
        they are known to be no quieter.
        """
        names = [kind]
        louder = KINDS[: KINDS.index(kind)] if kind in KINDS else ()
        for name in (None, *reversed(louder)):
            names += [] if name is None else [name]
            members = [one for each in names for one in self._members.get(each, ())]
            found = seed_variance(members)
            if found is not None and found.degrees >= _LEAST_DEGREES:
                break
        return " ".join(sorted(names)), found

    @property
    def variance(self) -> SeedVariance | None:
        """That of all recipes together; None without two seeds anywhere."""
        return seed_variance([one for members in self._members.values() for one in members])

    def side(self, kind: str, correct: BoolArray) -> Side:
        """What is known of a recipe of a kind, by its answers [seeds, images] and its pool.

        Raises:
            ValueError: a single seed.
        """
        if len(correct) < 2:
            raise ValueError("a recipe of one seed says nothing of other seeds")
        own = float(correct.mean(axis=1).var(ddof=1))
        name, pool = self.of(kind)
        # One that is in no pool, nor any of its kind, goes by its own seeds.
        pool = pool or SeedVariance(own, len(correct) - 1)
        return Side(
            seeds=len(correct),
            own=own,
            pooled=pool.value,
            independent=independent_variance(correct),
            degrees=pool.degrees,
            pool=name,
        )
