"""The difference of two recipes whose models answer, in folds, for images that they did not see.

All pictures that are not sealed are dealt into K folds, the same for every recipe and seed. A seed
of a recipe trains K models, each on all folds but one, which it then answers for: so every picture
is answered once by every seed. With ``D[s, i]`` the answer of one recipe minus that of the other,
the mean over S seeds and N images is off by

    images:         which N pictures there were to be answered,
    models:         S x K trainings of each recipe, that end by chance where they end,
    training sets:  which pictures there were to be trained on.

The first two are seen in the answers, as `rungs.statistics.difference` sees them without folds:
images, all N of them, and models by the seeds of each fold on the same images, ``K (S - 1)``
degrees of freedom from each recipe. The third is not: the K training sets overlap, all change
together when other pictures are drawn, and no unbiased estimate of that can be had from the folds
(Bengio and Grandvalet, JMLR 2004). It is allowed for after Nadeau and Bengio (Machine Learning
2003): two folds' means are taken to be correlated by the share of the pictures that one of them
tests on, which adds

    n_test / n_train = 1 / (K - 1)

of one fold's variance to the variance of the mean, ``1 / K`` of it. So of N images

    image part = (variance over images / N) (1 + K / (K - 1)).

With one seed no two models answer the same image. Then the model part is what the K folds' means
vary by beyond what their images make them, with K - 1 degrees of freedom, and of that
``1 / K + 1 / (K - 1)`` counts, since a model's chance and its training set are one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from rungs.statistics.difference import cochran
from rungs.statistics.levels import ALPHA, MARGIN, POWER
from rungs.statistics.predictions import BoolArray, FloatArray, IntArray
from rungs.statistics.seeds import interaction_variance, welch_degrees
from rungs.statistics.significance import holm
from rungs.statistics.verdicts import Evidence, Outcome, Verdict

# As if two more images had been answered, one won by each side: see `rungs.statistics.difference`.
_PSEUDO_IMAGES = 2


@dataclass(frozen=True)
class FoldDifference:
    """Mean accuracy of one recipe minus that of another over all folds, with its uncertainty.

    Attributes:
        delta: the difference, a fraction.
        image_part: of its variance: images, and the training sets that hang together with them.
        model_part: of its variance: chance in the training of each model.
        model_degrees: degrees of freedom of the estimate of that.
        seeds: of both recipes.
        images: that were answered by models that did not see them.
    """

    delta: float
    image_part: float
    model_part: float
    model_degrees: float
    seeds: tuple[int, int]
    images: int

    @property
    def error(self) -> float:
        """Standard error of the difference."""
        return math.sqrt(self.image_part + self.model_part)

    def critical(self, alpha: float) -> float:
        """How far from zero a difference must lie to be found, two-sided."""
        degrees = max(1, self.images - 1), self.model_degrees
        return float(cochran(self.image_part, degrees[0], self.model_part, degrees[1], alpha))

    @property
    def p(self) -> float:
        """Two-sided p of no difference: the level whose critical value is the difference."""
        low, high = -700.0, 0.0  # of the logarithm: exp(-700) is about the least a float holds
        for _ in range(60):
            middle = (low + high) / 2
            if self.critical(math.exp(middle)) < abs(self.delta):
                high = middle
            else:
                low = middle
        return math.exp(high)

    def interval(self, alpha: float) -> tuple[float, float]:
        """Two-sided interval of the differences that `critical` does not tell from ``delta``."""
        half = self.critical(alpha)
        return self.delta - half, self.delta + half

    def detectable(self, alpha: float, power: float) -> float:
        """The true difference that is found with such a power, the errors being as estimated."""
        return self.critical(alpha) + NormalDist().inv_cdf(power) * self.error


def fold_difference(a: BoolArray, b: BoolArray, sizes: Sequence[int]) -> FoldDifference:
    """The accuracy of ``a`` minus that of ``b`` on images that their models did not see.

    Args:
        a: whether each answer is right, [n_a seeds, images], the images fold after fold.
        b: the same of the other recipe, whose folds are the same, [n_b seeds, images].
        sizes: images of each fold.

    Raises:
        ValueError: other images, no seed, or folds that are not all the images.
    """
    if a.shape[1] != b.shape[1] or a.shape[1] != sum(sizes):
        raise ValueError("both must have answered the same images, in the same folds")
    if min(len(a), len(b)) < 1:
        raise ValueError("a recipe without a seed has no accuracy")
    images, folds = a.shape[1], len(sizes)
    by_image = a.mean(axis=0) - b.mean(axis=0)
    counts = (len(a), len(b))
    alone = min(counts) < 2
    chance = 0.0 if alone else sum(interaction_variance(one) / len(one) for one in (a, b))
    squares = float(((by_image - by_image.mean()) ** 2).sum())
    least = _PSEUDO_IMAGES / (images + _PSEUDO_IMAGES)
    spread = max((squares + _PSEUDO_IMAGES) / (images + _PSEUDO_IMAGES) - chance, least)
    delta = float(by_image.mean())
    image_part = spread / images * (1 + folds / (folds - 1))
    if alone:
        # What the folds' means vary by beyond what their images make them.
        of_folds = float(fold_means(by_image[None], sizes)[0].var(ddof=1))
        beyond = max(0.0, of_folds - spread * folds / images)
        return FoldDifference(
            delta, image_part, beyond * (1 / folds + 1 / (folds - 1)), folds - 1, counts, images
        )
    part_a, part_b = (_models_part(one, sizes) for one in (a, b))
    degrees = (folds * (len(a) - 1), folds * (len(b) - 1))
    return FoldDifference(
        delta=delta,
        image_part=image_part,
        model_part=part_a + part_b,
        model_degrees=float(welch_degrees(part_a, part_b, degrees)),
        seeds=counts,
        images=images,
    )


def _models_part(correct: BoolArray, sizes: Sequence[int]) -> float:
    """Variance of a recipe's accuracy by chance in training: of all seeds on all folds together."""
    weights = np.asarray(sizes) / sum(sizes)
    by_fold = fold_means(correct, sizes).var(axis=0, ddof=1)
    return float((weights**2 * by_fold).sum()) / len(correct)


def fold_means(values: BoolArray | FloatArray | IntArray, sizes: Sequence[int]) -> FloatArray:
    """The mean of every seed on every fold, [seeds, folds], of values [seeds, images]."""
    starts = np.cumsum([0, *sizes[:-1]])
    sums: FloatArray = np.add.reduceat(values.astype(np.float64), starts, axis=1)
    means: FloatArray = sums / np.asarray(sizes)
    return means


def judge_folds(
    pairs: Sequence[tuple[Evidence, Evidence]],
    sizes: Sequence[int],
    *,
    family: int,
    margin: float = MARGIN,
) -> tuple[Verdict, ...]:
    """One verdict for each pair (judged, held against), corrected for the family together.

    Args:
        pairs: recipes whose models answered, in the same folds, for images that they did not see.
        sizes: images of each fold.
        family: number of comparisons that the study asks for, finished or not.
        margin: the largest difference that counts as none, a fraction.
    """
    found = [
        fold_difference(a.correct, b.correct, sizes) if len(a.correct) and len(b.correct) else None
        for a, b in pairs
    ]
    corrected = iter(holm([item.p for item in found if item is not None], family=family))
    return tuple(
        _verdict(pair, item, None if item is None else next(corrected), family, margin)
        for pair, item in zip(pairs, found, strict=True)
    )


def _verdict(
    pair: tuple[Evidence, Evidence],
    found: FoldDifference | None,
    adjusted: float | None,
    family: int,
    margin: float,
) -> Verdict:
    a, b = pair
    verdict = Verdict(
        name=a.name,
        against=b.name,
        outcome="not run",
        delta=None,
        low=None,
        high=None,
        p=None,
        p_pair=None,
        p_adjusted=None,
        n_seeds=(len(a.correct), len(b.correct)),
        n_images=0,
        family=family,
        detectable=None,
        caveats=tuple(dict.fromkeys((*a.caveats, *b.caveats))),
        margin=margin,
    )
    if found is None or adjusted is None:
        return verdict
    low, high = found.interval(ALPHA / family)
    outcome: Outcome = "undecided"
    if adjusted <= ALPHA:
        # Holm's test is sharper than the simultaneous interval: what it has decided is kept.
        if found.delta > 0:
            outcome, low = "helps", max(low, 0.0)
        else:
            outcome, high = "hurts", min(high, 0.0)
    elif max(-low, high) <= margin:
        outcome = "no difference"
    p = found.p
    return replace(
        verdict,
        outcome=outcome,
        delta=found.delta,
        low=max(low, -1.0),
        high=min(high, 1.0),
        p=p,
        p_adjusted=adjusted,
        n_images=found.images,
        detectable=found.detectable(ALPHA / family, POWER),
        sign=1 - p / 2,
    )
