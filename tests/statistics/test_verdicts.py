"""The word that a change has earned."""

import numpy as np
import pytest
from scipy import stats

from rungs.statistics.difference import difference
from rungs.statistics.levels import ALPHA
from rungs.statistics.predictions import BoolArray
from rungs.statistics.seeds import Pools
from rungs.statistics.verdicts import OWN_SEEDS, Evidence, Verdict, differing, judge


def models(accuracy: float, seeds: int, *, images: int = 2000, seed: int = 0) -> BoolArray:
    """Models of about this accuracy that mostly have the same images right."""
    rng = np.random.default_rng(seed)
    hardness = np.linspace(0, 1, images)
    noise = rng.normal(0, 0.05, (seeds, images)) + rng.normal(0, 0.002, (seeds, 1))
    right: BoolArray = hardness + noise < accuracy
    return right


NOTHING: BoolArray = np.zeros((0, 1), dtype=np.bool_)


def pooled(*recipes: BoolArray, others: int = 5) -> Pools:
    pool = [*recipes, *(models(0.5, 3, seed=100 + number) for number in range(others))]
    return Pools([("", correct) for correct in pool])


def pool_of(*recipes: BoolArray) -> list[Evidence]:
    return [Evidence(str(number), correct) for number, correct in enumerate(recipes)]


def verdict(a: BoolArray, b: BoolArray, *, family: int = 1, pool: int = 5) -> Verdict:
    others = [models(0.5, 3, seed=100 + number) for number in range(pool)]
    return judge([(Evidence("new", a), Evidence("old", b))], pool_of(a, b, *others), family=family)[
        0
    ]


def test_a_large_gain_helps_and_a_large_loss_hurts() -> None:
    better, worse = models(0.55, 3, seed=1), models(0.5, 3, seed=2)
    helps, hurts = verdict(better, worse), verdict(worse, better)
    assert (helps.outcome, hurts.outcome) == ("helps", "hurts")
    assert helps.delta == pytest.approx(better.mean() - worse.mean())
    assert hurts.delta == pytest.approx(-(helps.delta or 0))
    assert helps.low is not None
    assert helps.low > 0
    assert (hurts.low, hurts.high) == pytest.approx((-helps.high, -helps.low))  # type: ignore[operator]
    assert helps.p_adjusted is not None
    assert helps.p_adjusted <= ALPHA
    assert helps.n_seeds == (3, 3)
    assert helps.n_images == 2000


def test_a_verdict_turned_round_says_the_same() -> None:
    helps = verdict(models(0.55, 3, seed=1), models(0.5, 4, seed=2), family=3)
    turned = helps.turned()
    assert (turned.name, turned.against, turned.outcome) == ("old", "new", "hurts")
    assert (turned.n_seeds, turned.p, turned.p_adjusted) == ((4, 3), helps.p, helps.p_adjusted)
    assert (turned.delta, turned.low, turned.high) == (
        -(helps.delta or 0),
        -(helps.high or 0),
        -(helps.low or 0),
    )
    assert turned.turned() == helps
    waiting = judge([(Evidence("a", NOTHING), Evidence("b", NOTHING))], [], family=1)[0]
    assert (waiting.turned().outcome, waiting.turned().delta) == ("not run", None)


def test_a_small_difference_is_undecided_and_its_interval_holds_zero() -> None:
    found = verdict(models(0.501, 3, seed=1), models(0.5, 3, seed=2))
    assert found.outcome == "undecided"
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high
    assert found.detectable is not None
    assert found.detectable > abs(found.delta or 0)


def test_the_family_makes_words_harder_to_earn() -> None:
    a, b = models(0.515, 3, seed=1), models(0.5, 3, seed=2)
    alone, among = verdict(a, b), verdict(a, b, family=20)
    assert alone.p == among.p
    ladders = difference(a, b, pooled(a, b), ("", "")).p_family
    assert among.p_adjusted == pytest.approx(max(alone.p_pair or 0, 20 * ladders))
    assert (among.high or 0) - (among.low or 0) > (alone.high or 0) - (alone.low or 0)
    assert (among.detectable or 0) > (alone.detectable or 0)


def test_a_change_must_show_in_its_own_seeds_too() -> None:
    """One rung whose seeds vary far more than those of the quiet ladder around it."""
    quiet = [models(0.5, 3, seed=10 + number) for number in range(8)]
    loud = np.concatenate([models(gain, 1, seed=3) for gain in (0.54, 0.58, 0.62)])
    found = judge(
        [(Evidence("loud", loud), Evidence("old", quiet[0]))], pool_of(loud, *quiet), family=1
    )
    assert found[0].outcome == "undecided"
    assert found[0].p_adjusted == found[0].p_pair
    assert OWN_SEEDS in found[0].caveats


def test_words_follow_the_adjusted_p_and_intervals_agree_with_the_words() -> None:
    base = models(0.5, 3, seed=9)
    pairs = [
        (Evidence(str(number), models(0.5 + gain, 3, seed=number)), Evidence("base", base))
        for number, gain in enumerate(np.linspace(-0.05, 0.05, 12))
    ]
    found = judge(pairs, [Evidence("base", base), *(pair[0] for pair in pairs)], family=12)
    assert {item.outcome for item in found} == {"helps", "hurts", "undecided"}
    for item in found:
        assert item.low is not None
        assert item.high is not None
        assert (item.p_adjusted or 0) > ALPHA or item.outcome != "undecided"
        if item.outcome == "undecided":
            assert item.low < 0 < item.high
        else:
            assert (item.low >= 0) == (item.outcome == "helps")
            assert (item.high <= 0) == (item.outcome == "hurts")


def test_one_seed_earns_no_word() -> None:
    a, b = models(0.6, 1, seed=1), models(0.5, 1, seed=2)
    found = verdict(a, b)
    assert found.outcome == "one seed"
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    assert found.p == pytest.approx(stats.binomtest(only_a, only_a + only_b).pvalue)
    assert (found.p_adjusted, found.low, found.high, found.detectable) == (None,) * 4
    uneven = verdict(models(0.6, 3, seed=1), b)
    assert uneven.outcome == "one seed"
    assert uneven.p is None
    assert uneven.n_seeds == (3, 1)


def test_nothing_finished_is_not_run() -> None:
    for a, b in ((NOTHING, NOTHING), (models(0.5, 3), NOTHING), (NOTHING, models(0.5, 3))):
        found = verdict(a, b)
        assert found.outcome == "not run"
        assert (found.delta, found.p) == (None, None)


def test_missing_runs_do_not_shrink_the_family() -> None:
    a, b = models(0.515, 3, seed=1), models(0.5, 3, seed=2)
    waiting = (Evidence("later", NOTHING), Evidence("old", b))
    found = judge([(Evidence("new", a), Evidence("old", b)), waiting], pool_of(a, b), family=2)
    ladders = difference(a, b, pooled(a, b, others=0), ("", "")).p_family
    assert found[0].p_adjusted == pytest.approx(max(found[0].p_pair or 0, 2 * ladders))
    assert found[1].outcome == "not run"


def test_identical_predictions_make_no_difference() -> None:
    same = np.repeat(models(0.5, 1), 3, axis=0)
    found = judge([(Evidence("a", same), Evidence("b", same))], pool_of(same, same), family=1)[0]
    assert found.outcome == "no difference"
    assert found.delta == 0
    assert found.p == pytest.approx(1)


def test_caveats_tell_what_differs_undeclared() -> None:
    cpu = {"device": "cpu", "torch": "2.13.0", "threads": 1}
    assert differing([cpu], [{**cpu, "threads": 2}]) == ()
    assert differing([cpu], []) == ()
    assert differing([cpu], [{**cpu, "device": "cuda", "torch": "2.12.0"}]) == (
        "device differs: cpu against cuda",
        "torch differs: 2.13.0 against 2.12.0",
    )
    assert differing([cpu, {**cpu, "device": "cuda"}], [cpu]) == (
        "device differs: cpu and cuda against cpu",
    )


def test_caveats_of_both_sides_are_kept_once() -> None:
    a, b = models(0.55, 2, seed=1), models(0.5, 2, seed=2)
    found = judge(
        [(Evidence("a", a, ("x", "y")), Evidence("b", b, ("y", "z")))], pool_of(a, b), family=1
    )[0]
    assert found.caveats == ("x", "y", "z")
    assert found.to_dict()["marks"] == ["x", "y", "z"]


def test_no_difference_is_said_where_the_interval_lies_within_the_margin() -> None:
    a, b = models(0.5, 3, seed=1), models(0.5, 3, seed=2)
    others = [models(0.5, 3, seed=100 + number) for number in range(5)]
    pair = Evidence("new", a), Evidence("old", b)

    def within(margin: float) -> Verdict:
        return judge([pair], pool_of(a, b, *others), family=1, margin=margin)[0]

    low, high = within(0.5).low, within(0.5).high
    assert low is not None
    assert high is not None
    end = max(-low, high)
    assert (within(end).outcome, within(end).margin) == ("no difference", end)
    assert within(end * 0.999).outcome == "undecided"
    assert within(end).turned().outcome == "no difference"


def test_what_helps_by_less_than_the_margin_helps() -> None:
    pair = Evidence("new", models(0.55, 3, seed=1)), Evidence("old", models(0.5, 3, seed=2))
    (found,) = judge([pair], pair, family=1, margin=0.5)
    assert found.outcome == "helps"


def test_how_sure_a_sign_is_is_one_less_the_one_sided_p() -> None:
    found = verdict(models(0.505, 3, seed=1), models(0.5, 3, seed=2), family=20)
    assert found.p is not None
    assert found.sign == pytest.approx(1 - found.p / 2)
    assert verdict(models(0.5, 1), models(0.5, 1)).sign is None
