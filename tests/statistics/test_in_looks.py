"""Several looks at the test set that were asked for beforehand."""

import numpy as np
import pytest
from scipy import stats

from rungs.statistics.in_looks import judge_in_looks, shares
from rungs.statistics.predictions import BoolArray
from rungs.statistics.verdicts import Evidence, judge

LOOKS = (2, 3, 5)


def ladder(
    rng: np.random.Generator, seeds: int, gain: float = 0.0, *, rungs: int = 4, images: int = 300
) -> list[Evidence]:
    """Rungs of equal accuracy but for the last."""
    common = rng.normal(0.2, 1, images)
    found: list[Evidence] = []
    for number in range(rungs):
        hardness = common + rng.normal(0, 0.3, images)
        shift = rng.normal(0, 0.1, (seeds, 1)) + (gain if number == rungs - 1 else 0.0)
        right: BoolArray = hardness + shift + rng.normal(0, 0.5, (seeds, images)) > 0
        found.append(Evidence(str(number), right))
    return found


def pairs_of(rungs: list[Evidence]) -> list[tuple[Evidence, Evidence]]:
    return [(rungs[place], rungs[place - 1]) for place in range(1, len(rungs))]


def test_the_shares_of_the_level_add_up_to_it() -> None:
    assert shares(4) == pytest.approx((0.1, 0.2, 0.3, 0.4))
    assert shares(1) == (1.0,)
    assert sum(shares(7)) == pytest.approx(1)


def test_one_look_is_an_ordinary_verdict_of_its_first_seeds() -> None:
    rungs = ladder(np.random.default_rng(0), 5)
    first = [Evidence(one.name, one.correct[:3]) for one in rungs]
    assert judge_in_looks(pairs_of(rungs), rungs, (3,), family=3) == judge(
        pairs_of(first), first, family=3
    )


def test_a_word_that_was_given_stays_and_seeds_between_looks_wait() -> None:
    rungs = ladder(np.random.default_rng(1), 5, gain=1.0)
    early, late = (
        judge_in_looks(pairs_of(cut), cut, LOOKS, family=3)[-1]
        for cut in ([Evidence(one.name, one.correct[:n]) for one in rungs] for n in (3, 5))
    )
    assert early.outcome == late.outcome == "helps"
    assert early.n_seeds == late.n_seeds
    four = [Evidence(one.name, one.correct[:4]) for one in rungs]
    assert all(
        max(item.n_seeds) <= 3 for item in judge_in_looks(pairs_of(four), four, LOOKS, family=3)
    )


def test_an_adjusted_p_is_larger_by_the_share_and_its_interval_wider() -> None:
    rungs = ladder(np.random.default_rng(2), 2)
    whole = judge(pairs_of(rungs), rungs, family=3)
    looked = judge_in_looks(pairs_of(rungs), rungs, LOOKS, family=3)
    for one, other in zip(whole, looked, strict=True):
        assert other.p == one.p
        assert other.p_adjusted == pytest.approx(min(1, 6 * (one.p_adjusted or 0)))
        assert (other.high or 0) - (other.low or 0) > (one.high or 0) - (one.low or 0)


def test_looking_again_and_again_makes_no_more_false_words() -> None:
    """In ladders where nothing differs; a plain verdict after each round would."""
    rng = np.random.default_rng(3)
    trials, words = 120, 0
    for _ in range(trials):
        rungs = ladder(rng, 5)
        found = judge_in_looks(pairs_of(rungs), rungs, LOOKS, family=3)
        words += any(item.outcome in ("helps", "hurts") for item in found)
    assert words <= stats.binom.ppf(1 - 0.0005, trials, 0.05)
