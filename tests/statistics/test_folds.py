"""Differences in folds: hand-made cases, and false words and intervals against simulated truth."""

import numpy as np
import pytest
from scipy import stats

from rungs.statistics.folds import fold_difference, fold_means, judge_folds
from rungs.statistics.levels import ALPHA
from rungs.statistics.predictions import BoolArray
from rungs.statistics.verdicts import Evidence

FOLDS = 5
IMAGES = 300
SIZES = [IMAGES // FOLDS] * FOLDS


def ladder(
    rng: np.random.Generator, seeds: int, chaos: float, pull: float, rungs: int = 4
) -> list[BoolArray]:
    """Recipes of equal accuracy.

    Args:
        rng: of all chance.
        seeds: of each recipe.
        chaos: standard deviation of a model.
        pull: what a training set's effect is made of: each picture has its own, and a model that
            of the mean over those that it was trained on.
    """
    fold = np.repeat(np.arange(FOLDS), IMAGES // FOLDS)
    common = rng.normal(0.2, 1, IMAGES)
    found = []
    for _ in range(rungs):
        hardness = common + rng.normal(0, 0.5, IMAGES)
        pulls = rng.normal(0, pull, IMAGES)
        sets = np.array([pulls[fold != out].mean() for out in range(FOLDS)])
        models = rng.normal(0, chaos, (seeds, FOLDS)) + sets
        found.append(hardness + models[:, fold] + rng.normal(0, 0.5, (seeds, IMAGES)) > 0)
    return found


def test_means_of_folds_of_unequal_size() -> None:
    values = np.array([[1, 0, 1, 1, 0], [0, 0, 0, 1, 1]])
    assert fold_means(values, [2, 3]).tolist() == [[0.5, 2 / 3], [0.0, 2 / 3]]


def test_one_difference_by_hand() -> None:
    """Two seeds, two folds of three images: every part as the formulas say."""
    a = np.array([[1, 1, 0, 1, 1, 1], [1, 0, 0, 1, 1, 1]], dtype=bool)
    b = np.array([[0, 1, 0, 0, 1, 1], [0, 1, 0, 0, 1, 0]], dtype=bool)
    found = fold_difference(a, b, [3, 3])
    assert found.delta == pytest.approx((5 + 4 - 3 - 2) / 12)
    # Seeds of a differ on fold 1 alone, 2/3 and 1/3; of b on fold 2 alone, 2/3 and 1/3.
    between = (1 / 3) ** 2 / 2
    assert found.model_part == pytest.approx(2 * (0.25 * between / 2))
    assert found.model_degrees == pytest.approx(4)
    by_image = np.array([1, -0.5, 0, 1, 0, 0.5])
    squares = ((by_image - by_image.mean()) ** 2).sum()
    chance = 0.0
    for one in (a, b):
        rest = one - one.mean(axis=0) - one.mean(axis=1, keepdims=True) + one.mean()
        chance += (rest**2).sum() / 5 / 2
    assert found.image_part == pytest.approx(((squares + 2) / 8 - chance) / 6 * (1 + 2))
    low, high = found.interval(0.05)
    assert (low + high) / 2 == pytest.approx(found.delta)
    assert found.critical(found.p) == pytest.approx(abs(found.delta))


def test_one_seed_goes_by_the_folds() -> None:
    """What folds differ by beyond their images is chance in training, and widens the interval."""
    rng = np.random.default_rng(0)
    even = rng.random((1, IMAGES)) < 0.7
    b = rng.random((1, IMAGES)) < 0.5
    uneven = even.copy()
    uneven[0, :60] = True
    uneven[0, 60:120] = rng.random(60) < 0.35
    assert fold_difference(even, b, SIZES).model_degrees == FOLDS - 1
    calm, wild = fold_difference(even, b, SIZES), fold_difference(uneven, b, SIZES)
    assert wild.model_part > calm.model_part
    assert wild.critical(0.05) > calm.critical(0.05)


@pytest.mark.parametrize(
    ("a", "b", "sizes"),
    [((2, 10), (2, 11), [5, 5]), ((2, 10), (2, 10), [5, 6]), ((0, 10), (2, 10), [5, 5])],
)
def test_what_cannot_be_compared_is_refused(
    a: tuple[int, int], b: tuple[int, int], sizes: list[int]
) -> None:
    with pytest.raises(ValueError, match=r"folds|seed"):
        fold_difference(np.zeros(a, dtype=bool), np.zeros(b, dtype=bool), sizes)


@pytest.mark.parametrize("seeds", [1, 2, 3])
@pytest.mark.parametrize(
    ("chaos", "pull"),
    [
        pytest.param(0.0, 0.0, id="images alone"),
        pytest.param(0.2, 0.0, id="models vary"),
        pytest.param(0.0, 0.6, id="training sets have a half"),
        pytest.param(0.2, 0.6, id="both"),
    ],
)
def test_false_words_and_intervals_against_truth(seeds: int, chaos: float, pull: float) -> None:
    """In a ladder of equals a word at most in 5 %; intervals miss no difference at most in 5 %."""
    rng = np.random.default_rng([seeds, round(10 * chaos), round(10 * pull)])
    trials, words, missed = 400, 0, 0
    for _ in range(trials):
        recipes = ladder(rng, seeds, chaos, pull)
        pairs = [fold_difference(a, b, SIZES) for a, b in zip(recipes[1:], recipes, strict=False)]
        words += any(abs(one.delta) > one.critical(ALPHA / len(pairs)) for one in pairs)
        missed += abs(pairs[0].delta) > pairs[0].critical(ALPHA)
    most = int(stats.binom.ppf(1 - 0.0005, trials, 0.05))
    assert words <= most
    assert missed <= most


def test_images_as_if_independent_would_not_do() -> None:
    """The test above can fail: without the allowance intervals miss far more than they may."""
    rng = np.random.default_rng(1)
    trials, missed = 400, 0
    for _ in range(trials):
        a, b = ladder(rng, 2, 0.2, 0.6, rungs=2)
        by_image = a.mean(axis=0) - b.mean(axis=0)
        missed += abs(by_image.mean()) > 1.96 * by_image.std() / np.sqrt(IMAGES)
    assert missed > int(stats.binom.ppf(1 - 0.0005, trials, 0.05))


def test_words_of_a_ladder() -> None:
    """What is far apart is told at one seed already; what was not run is said to be so."""
    rng = np.random.default_rng(2)
    good, bad = rng.random((1, IMAGES)) < 0.8, rng.random((1, IMAGES)) < 0.5
    nothing = np.zeros((0, 1), dtype=bool)
    better = (Evidence("good", good), Evidence("bad", bad))
    worse = (Evidence("bad", bad, ("a caveat",)), Evidence("good", good))
    missing = (Evidence("late", nothing), Evidence("good", good))
    helps, hurts, not_run = judge_folds([better, worse, missing], SIZES, family=3)
    assert (helps.outcome, hurts.outcome, not_run.outcome) == ("helps", "hurts", "not run")
    assert helps.low is not None
    assert helps.low > 0
    assert hurts.caveats == ("a caveat",)
    assert helps.n_images == IMAGES
    assert helps.n_seeds == (1, 1)
    assert helps.detectable is not None
    assert 0.05 < helps.detectable < 0.3
