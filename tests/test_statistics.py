"""Tests, intervals and power, against references and against simulated truth."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from rungs.predictions import BoolArray
from rungs.statistics import (
    Components,
    Difference,
    SeedVariance,
    components,
    difference,
    holm,
    mcnemar,
    seed_variance,
    seeds_for,
)


def answers(
    rng: np.random.Generator, seeds: int, hardness: np.ndarray, *, between: float
) -> BoolArray:
    """Whether models are right: image, seed and their interaction each have their say."""
    shifts = rng.normal(0, between, (seeds, 1))
    noise = rng.normal(0, 0.5, (seeds, len(hardness)))
    right: BoolArray = hardness + shifts + noise > 0
    return right


def ladder(
    rng: np.random.Generator, seeds: int, *, rungs: int, images: int, between: float
) -> list[BoolArray]:
    """Rungs of equal accuracy whose models find other images hard."""
    common = rng.normal(0.2, 1, images)
    return [
        answers(rng, seeds, common + rng.normal(0, 0.5, images), between=between)
        for _ in range(rungs)
    ]


def compared(recipes: list[BoolArray]) -> list[Difference]:
    pooled = seed_variance(recipes)
    assert pooled is not None
    return [difference(a, b, pooled) for b, a in pairwise(recipes)]


def test_seed_variance_is_the_pooled_sample_variance() -> None:
    rng = np.random.default_rng(0)
    recipes = ladder(rng, 4, rungs=3, images=50, between=0.2)
    reference = np.mean([recipe.mean(axis=1).var(ddof=1) for recipe in recipes])
    found = seed_variance([*recipes, recipes[0][:1]])  # one seed has no say
    assert found is not None
    assert found.value == pytest.approx(reference)
    assert found.degrees == 9
    assert seed_variance([recipes[0][:1]]) is None


def test_both_parts_against_a_two_way_analysis_of_variance() -> None:
    """Sums of squares written out: X = accuracy + image + seed + interaction."""
    rng = np.random.default_rng(1)
    a, b = ladder(rng, 3, rungs=2, images=400, between=0.1)
    found = compared([b, a])[0]

    def interaction(x: np.ndarray) -> float:
        rest = x - x.mean(axis=0) - x.mean(axis=1, keepdims=True) + x.mean()
        return float((rest**2).sum() / ((x.shape[0] - 1) * (x.shape[1] - 1)))

    d = a.mean(axis=0) - b.mean(axis=0)
    spread = (((d - d.mean()) ** 2).sum() + 2) / 402
    by_chance = (interaction(a.astype(float)) + interaction(b.astype(float))) / 3
    assert found.image_part == pytest.approx((spread - by_chance) / 400)
    pooled = (a.mean(axis=1).var(ddof=1) + b.mean(axis=1).var(ddof=1)) / 2
    assert found.seed_part == pytest.approx(pooled * 2 / 3)
    assert found.delta == pytest.approx(a.mean() - b.mean())
    assert found.seed_degrees == 4


def test_without_an_image_part_it_is_students_test_of_two_samples() -> None:
    a, b = [0.61, 0.63, 0.62, 0.66], [0.60, 0.59, 0.61, 0.61]
    pooled = (np.var(a, ddof=1) + np.var(b, ddof=1)) / 2
    found = Difference(
        delta=float(np.mean(a) - np.mean(b)),
        image_part=0.0,
        seed_part=float(pooled * (1 / 4 + 1 / 4)),
        seed_degrees=6,
        seeds=(4, 4),
        images=100,
    )
    reference = stats.ttest_ind(a, b)
    assert found.p == pytest.approx(reference.pvalue, rel=1e-6)
    interval = reference.confidence_interval(0.95)
    assert found.interval(0.05) == pytest.approx((interval.low, interval.high))


def test_without_a_seed_part_it_is_students_test_of_paired_images() -> None:
    differences = np.random.default_rng(2).normal(0.3, 1, 40)
    found = Difference(
        delta=float(differences.mean()),
        image_part=float(differences.var(ddof=1) / 40),
        seed_part=0.0,
        seed_degrees=2,
        seeds=(2, 2),
        images=40,
    )
    assert found.p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, rel=1e-6)


def test_a_p_value_is_the_level_whose_interval_ends_at_zero() -> None:
    rng = np.random.default_rng(3)
    for found in compared(ladder(rng, 3, rungs=5, images=300, between=0.2)):
        low, high = found.interval(found.p)
        assert min(abs(low), abs(high)) == pytest.approx(0, abs=1e-9)


def test_tiny_p_values_are_not_lost() -> None:
    found = Difference(0.3, 1e-5, 1e-6, 18, (3, 3), 10_000)
    assert 0 < found.p < 1e-12


@pytest.mark.parametrize("only_a", [0, 1, 3, 40, 700])
@pytest.mark.parametrize("only_b", [0, 2, 55, 800])
def test_mcnemar_is_scipys_binomial_test(only_a: int, only_b: int) -> None:
    a = np.repeat([True, False, True, False], [only_a, only_b, 50, 50])
    b = np.repeat([False, True, True, False], [only_a, only_b, 50, 50])
    n = only_a + only_b
    expected = stats.binomtest(only_a, n).pvalue if n else 1.0
    assert mcnemar(a, b) == pytest.approx(expected, rel=1e-9)


def test_holm_against_its_definition() -> None:
    values = [0.01, 0.04, 0.03, 0.005, 0.5]

    def rejected(alpha: float) -> set[int]:
        """Step down: the smallest against alpha / m, the next against alpha / (m - 1) ..."""
        found = set()
        for rank, place in enumerate(sorted(range(5), key=lambda place: values[place])):
            if values[place] > alpha / (5 - rank):
                break
            found.add(place)
        return found

    adjusted = holm(values)
    for alpha in (0.02, 0.03, 0.05, 0.06, 0.1, 0.6):
        assert {place for place, p in enumerate(adjusted) if p <= alpha} == rejected(alpha)
    assert holm([0.01, 0.02], family=8) == pytest.approx((0.08, 0.14))
    assert holm([]) == ()


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize("between", [0.0, 0.15])
@pytest.mark.parametrize("rungs", [2, 5])
def test_false_claims_and_coverage(seeds: int, between: float, rungs: int) -> None:
    """No rung differs: any claim is false, and every interval should hold zero."""
    rng = np.random.default_rng(seeds)
    trials = 250
    claims = uncovered = misses = 0
    for _ in range(trials):
        found = compared(ladder(rng, seeds, rungs=rungs, images=250, between=between))
        claims += min(holm([item.p for item in found])) <= 0.05
        uncovered += any(item.interval(0.05 / len(found))[0] > 0 for item in found)
        uncovered += any(item.interval(0.05 / len(found))[1] < 0 for item in found)
        misses += found[0].p <= 0.05
    # At a true rate of 5 %, a count beyond this has a probability of 1 in 2,000.
    most = stats.binom.ppf(1 - 0.0005, trials, 0.05)
    assert claims <= most
    assert uncovered <= most
    assert misses <= most


def test_a_bootstrap_of_images_alone_would_claim_far_more() -> None:
    """The trap that the crossed model is there for."""
    rng = np.random.default_rng(0)
    false = 0
    for _ in range(200):
        b, a = ladder(rng, 3, rungs=2, images=2000, between=0.05)
        by_image = a.mean(axis=0) - b.mean(axis=0)
        false += abs(by_image.mean()) > 1.96 * by_image.std() / math.sqrt(2000)
    assert false > stats.binom.ppf(1 - 0.0005, 200, 0.05)


def test_power_is_as_promised() -> None:
    """Differences and estimated variances drawn as the model says."""
    rng = np.random.default_rng(5)
    truth = Difference(0.0, 4e-6, 6e-6, 18, (3, 3), 10_000)
    true_delta = truth.detectable(0.05)
    assert truth.power(true_delta, 0.05) == pytest.approx(0.8, abs=1e-3)
    trials, found = 3000, 0
    for _ in range(trials):
        seen = Difference(
            delta=true_delta + rng.normal() * truth.error,
            image_part=truth.image_part,
            seed_part=truth.seed_part * rng.chisquare(18) / 18,
            seed_degrees=18,
            seeds=(3, 3),
            images=10_000,
        )
        found += abs(seen.delta) > seen.critical(0.05)
    assert abs(found / trials - 0.8) < 4 * math.sqrt(0.8 * 0.2 / trials)


def test_components_are_found_again_and_seeds_follow_from_them() -> None:
    rng = np.random.default_rng(6)
    recipes = ladder(rng, 40, rungs=3, images=1500, between=0.1)
    found = components(list(pairwise(recipes)))
    assert found is not None
    accuracies = [recipe.mean(axis=1).var(ddof=1) for recipe in recipes]
    assert found.seed + found.interaction / 1500 == pytest.approx(np.mean(accuracies), rel=1e-6)
    few = seeds_for(0.05, found, images=1500, recipes=3, family=2)
    many = seeds_for(0.03, found, images=1500, recipes=3, family=2)
    assert few is not None
    assert many is not None
    assert 2 <= few < many
    # One seed fewer would not have been enough.
    fewer = Difference(
        0.03,
        found.image / 1500,
        2 * (found.seed + found.interaction / 1500) / (many - 1),
        3 * (many - 2),
        (many - 1, many - 1),
        1500,
    )
    assert fewer.power(0.03, 0.05 / 2) < 0.8
    # The test set alone blurs this more than the difference is large.
    assert seeds_for(0.001, found, images=1500, recipes=3, family=2) is None
    assert components([(recipes[0][:1], recipes[1][:1])]) is None


def test_what_the_figures_of_a_plan_say() -> None:
    """Seeds of sd 0.3 points: with 3 and 9 pooled recipes, 1 point is found with power 0.8."""
    parts = Components(image=0.03, seed=0.003**2, interaction=0.0)
    assert seeds_for(0.01, parts, images=10_000, recipes=9, family=1) == 3


ALL = np.ones((2, 6), dtype=np.bool_)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (ALL, ALL),
        (~ALL, ~ALL),
        (ALL, ~ALL),
        (ALL[:, :1], ~ALL[:, :1]),
        (ALL[:, :2], ~ALL[:, :2]),
        (np.eye(2, 6, dtype=np.bool_), ALL),
    ],
)
def test_extremes_give_figures_and_no_unearned_certainty(a: BoolArray, b: BoolArray) -> None:
    found = difference(a, b, SeedVariance(0.0, 2))
    assert 0 <= found.p <= 1
    assert found.interval(0.05)[0] <= found.delta <= found.interval(0.05)[1]
    if a.shape[1] <= 2 or found.delta == 0:
        assert found.p > 0.05


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="same images"):
        difference(ALL, ALL[:, :3], SeedVariance(0.1, 2))
    with pytest.raises(ValueError, match="one seed"):
        difference(ALL, ALL[:1], SeedVariance(0.1, 2))
