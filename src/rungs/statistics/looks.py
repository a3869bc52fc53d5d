"""Which comparisons are still open after a round of seeds, judged on validation.

Seeds are added only where they can decide something. A look at validation is no verdict and spends
nothing of the test set's; but most of a plain recipe's seed effect is common to both parts, so a
loose rule would be peeking. By the rule here, with a final test as ever, ladders without a true
difference keep their 5 % (`benchmarks/false_words.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rungs.statistics.difference import Difference, difference, with_moderated
from rungs.statistics.levels import MARGIN
from rungs.statistics.seeds import Pools
from rungs.statistics.significance import holm
from rungs.statistics.verdicts import Evidence

# A comparison is settled at this adjusted p.
SETTLED = 0.01
# Standard errors beyond which a difference would still come to light: power 0.8, one-sided.
_REACH = 0.84
# Fewer seeds say too little of their own variance to give a comparison up.
_LEAST_FUTILE = 3


@dataclass(frozen=True)
class Look:
    """What is seen of one comparison. Differences are fractions.

    Attributes:
        state: ``settled``: the side is known; ``futile``: what more seeds could bring to light is
            smaller than the margin; else ``open``.
        delta: the difference.
        error: its standard error.
        p: two-sided, corrected for the family.
    """

    state: Literal["open", "settled", "futile"]
    delta: float
    error: float
    p: float


def open_pairs(
    pairs: Sequence[tuple[Evidence, Evidence]],
    pool: Sequence[Evidence],
    *,
    family: int,
    margin: float = MARGIN,
) -> tuple[Look, ...]:
    """What is seen of each comparison, by moderated variances at any number of seeds.

    Args:
        pairs: recipes that answered the same validation images, two seeds at least on each side.
        pool: all recipes over which the variance between seeds is pooled, each kind by itself.
        family: number of comparisons that the study asks for, finished or not.
        margin: the largest difference that counts as none, a fraction.

    Raises:
        ValueError: a side has a single seed.
    """
    pools = Pools([(one.kind, one.correct) for one in pool])
    found = [
        with_moderated(difference(a.correct, b.correct, pools, (a.kind, b.kind))) for a, b in pairs
    ]
    adjusted = holm([item.p for item in found], family=family)
    return tuple(
        Look(_state(item, p, margin), item.delta, item.error, p)
        for item, p in zip(found, adjusted, strict=True)
    )


def _state(item: Difference, p: float, margin: float) -> Literal["open", "settled", "futile"]:
    if p <= SETTLED:
        return "settled"
    reaches = abs(item.delta) + _REACH * item.error
    enough = min(item.seeds) >= _LEAST_FUTILE
    return "futile" if enough and reaches < margin else "open"
