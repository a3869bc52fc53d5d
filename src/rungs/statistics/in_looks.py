"""Verdicts where the test set is looked at several times, as a study asked for beforehand.

Adding seeds until a word appears yields one in the end. Saying beforehand after which seeds the
test set is looked at is valid: the level is shared out among the looks, so that the chance of a
false word in any of them is at most their sum (Bonferroni; no joint distribution is needed, by
which the boundaries of group-sequential designs are too narrow with few seeds: Rom and McTague,
2020).
"""

from collections.abc import Sequence
from dataclasses import replace

from rungs.statistics.levels import MARGIN
from rungs.statistics.verdicts import Evidence, Verdict, judge


def shares(looks: int) -> tuple[float, ...]:
    """Shares of the level for so many looks: in the proportion 1 to 2 to 3 and so on."""
    whole = looks * (looks + 1) / 2
    return tuple(number / whole for number in range(1, looks + 1))


def judge_in_looks(
    pairs: Sequence[tuple[Evidence, Evidence]],
    pool: Sequence[Evidence],
    looks: Sequence[int],
    *,
    family: int,
    margin: float = MARGIN,
) -> tuple[Verdict, ...]:
    """One verdict for each pair: that of the first look that decided it, else of the last one made.

    Args:
        pairs: recipes that answered the same images.
        pool: all recipes over which the variance between seeds is pooled, each kind by itself.
        looks: numbers of seeds of every recipe after which the test set is looked at, rising. A
            look is made of a pair once both sides have so many; later seeds wait for the next.
        family: number of comparisons that the study asks for, finished or not.
        margin: the largest difference that counts as none, a fraction.
    """
    found = [*judge(pairs, pool, family=family, margin=margin, share=shares(len(looks))[0])]
    decided = [False] * len(pairs)
    for seeds, share in zip(looks, shares(len(looks)), strict=True):
        now = [(_first(a, seeds), _first(b, seeds)) for a, b in pairs]
        verdicts = judge(
            now,
            [_first(one, seeds) for one in pool],
            family=family,
            margin=margin,
            share=share,
        )
        for place, verdict in enumerate(verdicts):
            made = all(len(side.correct) >= seeds for side in pairs[place])
            if made and not decided[place]:
                found[place] = verdict
                decided[place] = verdict.outcome in ("helps", "hurts", "no difference")
    return tuple(found)


def _first(evidence: Evidence, seeds: int) -> Evidence:
    return replace(evidence, correct=evidence.correct[:seeds])
