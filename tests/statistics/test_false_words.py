"""False words, intervals that miss, and power, against simulated truth."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from rungs.statistics.difference import Difference, difference, difference_within
from rungs.statistics.levels import ALPHA, POWER
from rungs.statistics.power import components, seeds_for
from rungs.statistics.predictions import BoolArray
from rungs.statistics.seeds import Pools
from rungs.statistics.verdicts import Evidence, Verdict, judge

IMAGES = 250


def ladder(
    rng: np.random.Generator, seeds: int, between: tuple[float, ...], images: int = IMAGES
) -> list[BoolArray]:
    """Recipes of equal accuracy that find other images hard; ``between``: each one's seeds."""
    common = rng.normal(0.2, 1, images)
    recipes = []
    for spread in between:
        hardness = common + rng.normal(0, 0.5, images)
        shifts = rng.normal(0, spread, (seeds, 1)) if spread else np.zeros((seeds, 1))
        recipes.append(hardness + shifts + rng.normal(0, 0.5, (seeds, images)) > 0)
    return recipes


def compared(recipes: list[BoolArray], *, on_base: bool = False) -> list[Difference]:
    """Each recipe against the one before it, or all against the first."""
    pools = Pools([("", correct) for correct in recipes])
    pairs = [(recipes[0], a) for a in recipes[1:]] if on_base else pairwise(recipes)
    return [difference(a, b, pools, ("", "")) for b, a in pairs]


def judged(recipes: list[BoolArray]) -> tuple[Verdict, ...]:
    """The same with all that a report says."""
    evidence = [Evidence(str(number), correct) for number, correct in enumerate(recipes)]
    pairs = [(rung, parent) for parent, rung in pairwise(evidence)]
    return judge(pairs, evidence, family=len(pairs))


def most(trials: int, rate: float = 0.05) -> int:
    """At a true rate of 5 %, a count beyond this has a probability of 1 in 2,000."""
    return int(stats.binom.ppf(1 - 0.0005, trials, rate))


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize(
    ("between", "on_base"),
    [
        pytest.param((0.0, 0.0), False, id="no seed effect"),
        pytest.param((0.15, 0.15), False, id="two alike"),
        pytest.param((0.15,) * 5, False, id="five alike"),
        pytest.param((0.15,) * 5, True, id="five alike, four on the base"),
        pytest.param((0.08, 0.08, 0.3, 0.08, 0.08), False, id="one varies more"),
        pytest.param((0.08, 0.08, 0.08, 0.25, 0.25), False, id="two vary more"),
    ],
)
def test_without_a_true_difference_few_words_are_false(
    seeds: int, between: tuple[float, ...], on_base: bool
) -> None:
    """Any word is false, in any rung of the ladder, and every interval should hold zero.

    There is a word or an interval that misses exactly where the largest difference lies beyond its
    critical value: Holm's first step is Bonferroni's.
    """
    rng = np.random.default_rng(seeds)
    trials = 120
    words = singly = 0
    for _ in range(trials):
        found = compared(ladder(rng, seeds, between), on_base=on_base)
        level = ALPHA / len(found)
        words += any(abs(item.delta) > item.critical(level, ALPHA) for item in found)
        singly += abs(found[-1].delta) > found[-1].critical(ALPHA)
    assert words <= most(trials)
    assert singly <= most(trials)


def test_intervals_hold_true_differences_and_words_name_their_side() -> None:
    """Together, at their rate, those that end at zero included; the truth is known exactly."""
    rng = np.random.default_rng(4)
    between, shifts = 0.1, np.array([0.0, 0.5, 0.5, 0.3, 0.3])
    truth = stats.norm.cdf((0.2 + shifts) / np.sqrt(1 + 2 * 0.5**2 + between**2))
    trials, missed, said = 100, 0, 0
    for _ in range(trials):
        common = rng.normal(0.2, 1, IMAGES)
        recipes = [
            common
            + rng.normal(0, 0.5, IMAGES)
            + rng.normal(0, between, (3, 1))
            + rng.normal(0, 0.5, (3, IMAGES))
            + shift
            > 0
            for shift in shifts
        ]
        found = judged(recipes)
        wrong = [
            not (item.low or 0) <= gain <= (item.high or 0)
            or (item.outcome == "helps" and gain <= 0)
            or (item.outcome == "hurts" and gain >= 0)
            for item, gain in zip(found, np.diff(truth), strict=True)
        ]
        missed += any(wrong)
        said += found[0].outcome == "helps"
    assert missed <= most(trials)
    assert said > trials / 2  # a gain of 11 points


def test_within_runs_few_intervals_miss() -> None:
    """Two models of each run that are equally good, whatever the run is worth."""
    rng = np.random.default_rng(5)
    trials = missed = 0
    for seeds in (2, 3, 5):
        for _ in range(60):
            hardness = rng.normal(0.2, 1, IMAGES) + rng.normal(0, 0.3, (seeds, 1))
            a, b = (
                hardness
                + rng.normal(0, 0.05, (seeds, 1))
                + rng.normal(0, 0.3, IMAGES)
                + rng.normal(0, 0.5, (seeds, IMAGES))
                > 0
                for _ in range(2)
            )
            low, high = difference_within(a, b).interval(ALPHA)
            missed += not low <= 0 <= high
            trials += 1
    assert missed <= most(trials)


def test_a_report_says_a_word_exactly_there() -> None:
    rng = np.random.default_rng(0)
    said = 0
    for _ in range(12):
        recipes = ladder(rng, 3, (0.1,) * 4)
        recipes[2] = recipes[2] | (rng.random(IMAGES) < 0.2)
        found, told = compared(recipes), judged(recipes)
        level = ALPHA / len(found)
        beyond = any(abs(item.delta) > item.critical(level, ALPHA) for item in found)
        assert beyond == any(item.outcome in ("helps", "hurts") for item in told)
        assert beyond == any((item.low or 0) > 0 or (item.high or 0) < 0 for item in told)
        said += beyond
    assert said


def test_the_pooled_variance_alone_would_say_too_much() -> None:
    """The trap that the pair's own test is there for: one rung whose seeds vary more."""
    rng = np.random.default_rng(0)
    pooled = both = 0
    for _ in range(150):
        recipes = ladder(rng, 3, (0.0, 0.0, 0.0, 0.0, 0.5), images=1000)
        last = compared(recipes)[-1]
        accuracies = [recipe.mean(axis=1) for recipe in recipes]
        error = np.sqrt(np.mean([item.var(ddof=1) for item in accuracies]) * 2 / 3 + 0.2 / 1000)
        pooled += abs(last.delta) > 2.23 * error  # Student's quantile for 10 degrees
        both += abs(last.delta) > last.critical(ALPHA)
    assert pooled > most(150)
    assert both <= most(150)


def test_a_bootstrap_of_images_alone_would_say_too_much() -> None:
    """The trap that the crossed model is there for."""
    rng = np.random.default_rng(0)
    false = 0
    for _ in range(200):
        b, a = ladder(rng, 3, (0.05, 0.05), images=2000)
        by_image = a.mean(axis=0) - b.mean(axis=0)
        false += abs(by_image.mean()) > 1.96 * by_image.std() / np.sqrt(2000)
    assert false > most(200)


def test_as_many_seeds_as_planned_find_the_difference_as_often_as_promised() -> None:
    """From the components of a first look to the words of a study with that many seeds."""
    rng = np.random.default_rng(1)
    between = (0.1,) * 4

    def shifted(seeds: int) -> list[BoolArray]:
        """The last recipe is better: it has some more images right in every seed."""
        recipes = ladder(rng, seeds, between, images=1000)
        easier = rng.random(1000) < 0.25
        return [*recipes[:-1], recipes[-1] | easier]

    gain = float(np.mean([a.mean() - b.mean() for *_, b, a in (shifted(20) for _ in range(20))]))
    found = components(list(pairwise(shifted(20))))
    assert found is not None
    seeds = seeds_for(gain, found, images=1000, recipes=4, family=3, alpha=ALPHA, wanted=POWER)
    assert seeds is not None
    trials = 100
    hits = 0
    for _ in range(trials):
        last = compared(shifted(seeds))[-1]
        hits += last.delta > last.critical(ALPHA / 3, ALPHA)
    assert hits >= stats.binom.ppf(0.0005, trials, POWER)
    could_show = [judged(shifted(seeds))[-1].detectable or 0 for _ in range(8)]
    # From a handful of seeds it is known roughly, and taken from the larger of two estimates.
    assert 0.7 * gain < np.median(could_show) < 1.7 * gain
