"""Tests, intervals and power, against references and against simulated truth."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from rungs.statistics.difference import Difference, difference, difference_within
from rungs.statistics.power import (
    Components,
    components,
    detectable,
    planned,
    power,
    seeds_for,
    shown_at_best,
)
from rungs.statistics.predictions import BoolArray
from rungs.statistics.seeds import (
    PRIOR,
    Pools,
    SeedPart,
    Side,
    seed_parts,
    seed_variance,
    welch_degrees,
)
from rungs.statistics.significance import holm, mcnemar, paired_interval


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


def pools(*recipes: BoolArray) -> Pools:
    return Pools([("", correct) for correct in recipes])


def compared(recipes: list[BoolArray]) -> list[Difference]:
    return [difference(a, b, pools(*recipes), ("", "")) for b, a in pairwise(recipes)]


def made(
    delta: float,
    image_part: float,
    ladder_part: float,
    ladder_degrees: float,
    own_part: float,
    own_degrees: float,
    seeds: tuple[int, int],
    images: int,
) -> Difference:
    """A difference whose two tests have these parts."""
    parts = (
        SeedPart(0.0, max(ladder_part, own_part), ladder_degrees, of_family=True),
        SeedPart(0.0, own_part, own_degrees, of_family=False),
    )
    return Difference(delta, image_part, parts, seeds, images, ())


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
    between = (a.mean(axis=1).var(ddof=1) + b.mean(axis=1).var(ddof=1)) / 2
    certain = (interaction(a.astype(float)) + interaction(b.astype(float))) / 400 / 3
    ladder_part, own = found.seed_parts
    assert ladder_part.certain == own.certain == pytest.approx(certain)
    assert ladder_part.value == pytest.approx(max(between * 2 / 3, own.value))
    assert own.beyond == pytest.approx(
        sum(
            max(x.mean(axis=1).var(ddof=1) - interaction(x) / 400, 0) / 3
            for x in (1.0 * a, 1.0 * b)
        )
    )
    assert found.delta == pytest.approx(a.mean() - b.mean())
    assert ladder_part.degrees == 4


def test_without_an_image_part_it_is_students_test_of_two_samples() -> None:
    a, b = [0.61, 0.63, 0.62, 0.66], [0.60, 0.59, 0.61, 0.61]
    pooled = (np.var(a, ddof=1) + np.var(b, ddof=1)) / 2
    seed_part = float(pooled * (1 / 4 + 1 / 4))
    found = made(
        delta=float(np.mean(a) - np.mean(b)),
        image_part=0.0,
        ladder_part=seed_part,
        ladder_degrees=6,
        own_part=seed_part,
        own_degrees=6.0,
        seeds=(4, 4),
        images=100,
    )
    reference = stats.ttest_ind(a, b)
    assert found.p == pytest.approx(reference.pvalue, rel=1e-6)
    interval = reference.confidence_interval(0.95)
    assert found.interval(0.05) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("b", [[0.60, 0.59, 0.61, 0.61], [0.2, 0.9, 0.55]])
def test_without_an_image_part_the_pairs_own_test_is_welchs(b: list[float]) -> None:
    a = [0.61, 0.63, 0.62, 0.66]
    parts = float(np.var(a, ddof=1) / len(a)), float(np.var(b, ddof=1) / len(b))
    reference = stats.ttest_ind(a, b, equal_var=False)
    degrees = float(welch_degrees(*parts, (len(a) - 1, len(b) - 1)))
    assert degrees == pytest.approx(reference.df)
    delta = float(np.mean(a) - np.mean(b))
    found = made(delta, 0.0, 0.0, 6, sum(parts), degrees, (len(a), len(b)), 100)
    assert found.p_pair == pytest.approx(reference.pvalue, rel=1e-6)


def test_both_tests_must_find_a_difference() -> None:
    """A quiet ladder does not speak for a pair whose own seeds vary; a quiet pair gains nothing."""
    loud = made(0.02, 1e-6, 1e-5, 18, 1e-4, 3.0, (3, 3), 10_000)
    assert loud.p_pair is not None
    assert loud.p == loud.p_pair > loud.p_family
    quiet = made(0.02, 1e-6, 1e-5, 18, 1e-7, 3.0, (3, 3), 10_000)
    assert quiet.p_pair is not None
    assert quiet.p == quiet.p_family > quiet.p_pair
    for found in (loud, quiet):
        low, high = found.interval(0.05 / 7, 0.05)
        assert (low > 0) == (found.p_family < 0.05 / 7 and (found.p_pair or 0) < 0.05)
        assert high - found.delta == pytest.approx(found.delta - low)


def test_without_a_seed_part_it_is_students_test_of_paired_images() -> None:
    differences = np.random.default_rng(2).normal(0.3, 1, 40)
    found = made(
        delta=float(differences.mean()),
        image_part=float(differences.var(ddof=1) / 40),
        ladder_part=0.0,
        ladder_degrees=2,
        own_part=0.0,
        own_degrees=2.0,
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
    found = made(0.3, 1e-5, 1e-6, 18, 1e-6, 4.0, (3, 3), 10_000)
    assert 0 < found.p_family < 1e-12
    assert found.p_pair is not None
    assert found.p_family < found.p == found.p_pair < 1e-6


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


def test_components_are_found_again_and_seeds_follow_from_them() -> None:
    rng = np.random.default_rng(6)
    recipes = ladder(rng, 40, rungs=3, images=1500, between=0.1)
    found = components(list(pairwise(recipes)))
    assert found is not None
    accuracies = [recipe.mean(axis=1).var(ddof=1) for recipe in recipes]
    assert found.seed + found.interaction / 1500 == pytest.approx(np.mean(accuracies), rel=1e-6)
    plan = {"images": 1500, "recipes": 3, "family": 2}
    few = seeds_for(0.05, found, **plan, alpha=0.05, wanted=0.8)
    many = seeds_for(0.03, found, **plan, alpha=0.05, wanted=0.8)
    assert few is not None
    assert many is not None
    assert 2 <= few < many
    # One seed fewer would not have been enough.
    for seeds, enough in ((many, True), (many - 1, False)):
        truth = planned(0.03, found, seeds=seeds, images=1500, recipes=3)
        assert (power(truth, 0.03, 0.05 / 2, 0.05) >= 0.8) is enough
    # The test set alone blurs this more than the difference is large.
    assert seeds_for(0.001, found, **plan, alpha=0.05, wanted=0.8) is None
    assert components([(recipes[0][:1], recipes[1][:1])]) is None


def test_what_a_detectable_difference_is() -> None:
    """The difference whose power is as wanted; more seeds show less, a family asks for more."""
    parts = Components(image=0.03, seed=0.003**2, interaction=0.0)

    def could_show(seeds: int, family: int) -> float:
        truth = planned(0.0, parts, seeds=seeds, images=10_000, recipes=9)
        found = detectable(truth, 0.05 / family, 0.05, 0.8)
        assert power(truth, found, 0.05 / family, 0.05) == pytest.approx(0.8, abs=1e-3)
        assert power(truth, -found, 0.05 / family, 0.05) == pytest.approx(0.8, abs=1e-3)
        return found

    assert could_show(10, 1) < could_show(3, 1) < could_show(2, 1)
    assert could_show(3, 1) < could_show(3, 9)
    # Seeds of sd 0.3 points, 3 of each of 9 recipes: somewhat more than one point.
    assert 0.010 < could_show(3, 1) < 0.013
    # With many seeds only the images blur: Student's quantiles and no more.
    bound = (1.960 + 0.842) * math.sqrt(0.03 / 10_000)
    assert could_show(1000, 1) == pytest.approx(bound, rel=0.02)


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
    found = difference(a, b, pools(a, b), ("", ""))
    assert 0 <= found.p <= 1
    assert found.interval(0.05)[0] <= found.delta <= found.interval(0.05)[1]
    if a.shape[1] <= 2 or found.delta == 0:
        assert found.p > 0.05


def test_a_difference_within_runs_against_a_two_way_analysis_of_variance() -> None:
    """What all answers of a seed have in common falls out of it, unlike between recipes."""
    rng = np.random.default_rng(4)
    a = answers(rng, 4, rng.normal(0.2, 1, 300), between=0.5)
    b = a & (rng.random(a.shape) < 0.9)
    found = difference_within(a, b)
    d = a.astype(float) - b
    rest = d - d.mean(axis=0) - d.mean(axis=1, keepdims=True) + d.mean()
    interaction = float((rest**2).sum() / (3 * 299))
    spread = (((d.mean(axis=0) - d.mean()) ** 2).sum() + 2) / 302
    assert found.delta == pytest.approx(d.mean())
    assert found.image_part == pytest.approx(max(spread - interaction / 4, 2 / 302) / 300)
    (part,) = found.seed_parts
    assert part.value == pytest.approx(d.mean(axis=1).var(ddof=1) / 4)
    assert part.degrees == 3
    assert found.seed_part < difference(a, b, pools(a, b), ("", "")).seed_part / 2
    # Where images differ by nothing but chance it is Student's test of pairs.
    alone = replace(found, image_part=0.0)
    assert alone.p == pytest.approx(stats.ttest_rel(a.mean(axis=1), b.mean(axis=1)).pvalue)


def test_two_seeds_are_judged_by_moderated_variances() -> None:
    """Smyth's formula with a prior of so many degrees, then Welch's; one test, of the family."""
    rng = np.random.default_rng(7)
    recipes = ladder(rng, 2, rungs=6, images=5000, between=0.05)
    a, b = recipes[:2]
    found = difference(a, b, pools(*recipes), ("", ""))
    pooled = float(np.mean([one.mean(axis=1).var(ddof=1) for one in recipes]))
    values = [float(x.mean(axis=1).var(ddof=1)) for x in (a, b)]
    both = [(PRIOR * pooled + value) / (PRIOR + 1) for value in values]
    parts = [max(one - independent(x), 0) / 2 for one, x in zip(both, (a, b), strict=True)]
    (part,) = found.seed_parts
    assert part.of_family
    assert part.certain == pytest.approx((independent(a) + independent(b)) / 2)
    assert part.beyond == pytest.approx(sum(parts))
    squares = sum(one**2 / (PRIOR + 1) for one in parts)
    assert part.degrees == pytest.approx(sum(parts) ** 2 / squares)
    assert found.p_pair is None
    assert found.p == found.p_family
    # Held to half the level, by which its sign is no less sure.
    assert 1 - found.p < found.sign == pytest.approx(1 - found.p / 4)
    assert found.critical(0.02) == replace(found, seed_parts=(replace(part, share=1.0),)).critical(
        0.01
    )


def test_in_a_small_pool_nothing_is_certain_at_two_seeds() -> None:
    rng = np.random.default_rng(7)
    recipes = ladder(rng, 2, rungs=5, images=5000, between=0.0)
    (part,) = difference(recipes[0], recipes[1], pools(*recipes), ("", "")).seed_parts
    assert part.certain == 0
    assert part.share == 1
    assert part.beyond >= sum(independent(x) for x in recipes[:2]) / 2


def test_a_side_alone_in_its_pool_lends_no_degrees() -> None:
    rng = np.random.default_rng(7)
    recipes = ladder(rng, 2, rungs=7, images=2000, between=0.1)
    kinds = Pools([("plain", recipes[0]), *(("steady", x) for x in recipes[1:])])
    (part,) = difference(recipes[1], recipes[0], kinds, ("steady", "plain")).seed_parts
    assert part.degrees == 1


def independent(correct: BoolArray) -> float:
    """Variance of an accuracy whose errors are independent: what two-way analysis leaves over."""
    x = correct.astype(float)
    rest = x - x.mean(axis=0) - x.mean(axis=1, keepdims=True) + x.mean()
    return float((rest**2).sum() / ((len(x) - 1) * (x.shape[1] - 1)) / x.shape[1])


def test_two_sides_have_no_more_degrees_than_their_pool() -> None:
    rng = np.random.default_rng(8)
    a, b = ladder(rng, 2, rungs=2, images=500, between=0.1)
    (alone,) = difference(a, b, pools(a, b), ("", "")).seed_parts
    assert alone.degrees == 2


def test_what_is_certain_has_the_images_degrees_of_freedom() -> None:
    """Where nothing goes beyond independent errors, quantiles are those of the images."""
    certain = Difference(0.01, 1e-6, (SeedPart(3e-6, 0.0, 2.0, of_family=True),), (2, 2), 5000, ())
    assert certain.critical(0.01) == pytest.approx(stats.t.ppf(0.995, 4999) * 2e-3)
    beyond = Difference(0.01, 1e-6, (SeedPart(0.0, 3e-6, 2.0, of_family=True),), (2, 2), 5000, ())
    assert beyond.critical(0.01) > 2 * certain.critical(0.01)


def test_seeds_that_agree_by_luck_are_no_steadier_than_independent_errors() -> None:
    """Two models of equal accuracy that are right on other images."""
    images = 1000
    one, two = np.zeros((2, 2, images), dtype=np.bool_)
    for recipe in (one, two):
        recipe[:, : images // 2] = True
        recipe[1, 100:200], recipe[1, 600:700] = False, True
    assert one.mean(axis=1).var() == 0
    found = difference(one, two, pools(one, two), ("", ""))
    assert found.seed_part >= independent(one) > 0


def test_kinds_are_pooled_apart_and_borrow_from_louder_ones_alone() -> None:
    rng = np.random.default_rng(9)
    loud = ladder(rng, 2, rungs=3, images=20_000, between=0.4)
    quiet = ladder(rng, 2, rungs=3, images=20_000, between=0.0)
    apart = Pools([*(("plain", x) for x in loud), *(("steady", x) for x in quiet)])
    together = pools(*loud, *quiet)
    assert apart.side("steady", quiet[0]).pooled < together.side("", quiet[0]).pooled / 10
    assert apart.side("plain", loud[0]).pooled > together.side("", loud[0]).pooled
    assert apart.side("plain", loud[0]).degrees == 3
    # A kind of two degrees borrows from the louder one, but not the other way round.
    few = Pools([*(("plain", x) for x in loud), *(("steady", x) for x in quiet[:2])])
    assert few.side("steady", quiet[0]).degrees == 5
    alone = Pools([("plain", loud[0]), *(("steady", x) for x in quiet)])
    assert alone.side("plain", loud[0]).degrees == 1
    assert alone.side("plain", loud[0]).pooled == alone.side("plain", loud[0]).own


def test_two_kinds_share_no_degrees_of_freedom() -> None:
    """Three seeds and more: the pooled parts of two pools add up as Welch's do."""
    sides = Side(3, 1e-6, 4e-6, 0.0, 8, "plain"), Side(3, 1e-6, 1e-6, 0.0, 6, "steady")
    apart, _ = seed_parts(*sides)
    assert apart.value == pytest.approx(5e-6 / 3)
    assert apart.degrees == pytest.approx(float(welch_degrees(4e-6 / 3, 1e-6 / 3, (8, 6))))
    shared, _ = seed_parts(sides[0], sides[0])
    assert shared.degrees == 8


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="same seeds"):
        difference_within(ALL, ALL[:1])
    with pytest.raises(ValueError, match="one seed"):
        difference_within(ALL[:1], ALL[:1])
    with pytest.raises(ValueError, match="same images"):
        difference(ALL, ALL[:, :3], pools(ALL), ("", ""))
    with pytest.raises(ValueError, match="one seed"):
        difference(ALL, ALL[:1], pools(ALL), ("", ""))


def test_the_paired_interval_covers_at_its_rate() -> None:
    """Two models that are right equally often, over new images: 5 % of intervals miss zero."""
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(2000):
        hard = rng.random(200)
        low, high = paired_interval(rng.random(200) > hard, rng.random(200) > hard)
        missed += not low <= 0 <= high
    assert missed / 2000 < 0.065  # 5 % and three standard errors
    same = rng.random(50) < 0.5
    low, high = paired_interval(same, same)
    assert low < 0 < high


def test_what_could_be_shown_at_best_is_told_by_the_images() -> None:
    """With 36 images nothing under 20 points or so; with 10,000, points and less."""
    asked = {"recipes": 9, "family": 8}
    few, many = (shown_at_best(seeds=3, images=images, **asked) for images in (36, 10_000))
    assert 0.15 < few < 0.4
    assert 0.005 < many < 0.012
    assert shown_at_best(seeds=2, images=36, **asked) > few
    # No number of seeds helps much where images are few.
    assert shown_at_best(seeds=100, images=36, **asked) > 0.1
