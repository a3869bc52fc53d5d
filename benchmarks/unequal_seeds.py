"""False words in a ladder whose rungs do not vary alike between seeds.

Rungs without a true difference; their seeds' standard deviations are unequal. Each stands on the
one before, or all on the base. How often does a ladder get any false word, in percent, by four
rules? *Pooled*: the seed variance is pooled over the rungs. *Larger*: the pooled one or the pair's
own, whichever is larger. *Both*: as that, and the pair's own seeds must show it too (Welch).
*Both, 2.5 %*: the latter at half the level. And what the last two
cost: how often each finds a true difference of four standard deviations of the steadiest rung's
seeds, in the first comparison. Run as ``python benchmarks/unequal_seeds.py``.
"""

from dataclasses import dataclass

import numpy as np
import timing

from rungs.statistics.difference import cochran
from rungs.statistics.levels import ALPHA
from rungs.statistics.seeds import welch_degrees

DRAWS = 20_000
IMAGES = 10_000
TRUE = 4.0  # in standard deviations of seeds
COLUMNS = (
    *("seeds' sd", "stand on", "seeds", "image share"),
    *("pooled %", "larger %", "both %", "both, 2.5 % %"),
    *("found by both %", "found at 2.5 % %"),
)


@dataclass(frozen=True)
class Ladder:
    """Standard deviations of the rungs' seeds, and what the rungs stand on."""

    name: str
    deviations: tuple[float, ...]
    on_base: bool = False


def one_of(deviation: float, *, rungs: int, places: tuple[int, ...]) -> tuple[float, ...]:
    """Rungs of standard deviation 1, and another one at some places."""
    return tuple(deviation if place in places else 1.0 for place in range(rungs))


LADDERS = (
    Ladder("alike", (1.0,) * 10),
    Ladder("1 to 3", tuple(np.linspace(1, 3, 10).tolist())),
    Ladder("one of 3", one_of(3, rungs=10, places=(4,))),
    Ladder("one of 5", one_of(5, rungs=10, places=(4,))),
    Ladder("one of 10", one_of(10, rungs=10, places=(4,))),
    Ladder("half of 3", (1.0,) * 5 + (3.0,) * 5),
    Ladder("two neighbours of 5", one_of(5, rungs=10, places=(4, 5))),
    Ladder("three of 10 in 21", one_of(10, rungs=21, places=(3, 10, 17))),
    Ladder("alike", (1.0,) * 10, on_base=True),
    Ladder("base of 3", one_of(3, rungs=10, places=(0,)), on_base=True),
    Ladder("base of 5", one_of(5, rungs=10, places=(0,)), on_base=True),
    Ladder("base of 10", one_of(10, rungs=10, places=(0,)), on_base=True),
)


def measure(
    ladder: Ladder, seeds: int, share: float, rng: np.random.Generator
) -> dict[str, object]:
    """Percent of ladders with a false word, and of true differences that are found.

    Args:
        ladder: of which kind.
        seeds: of every rung.
        share: of the images in a difference's variance, mean over the ladder.
        rng: of the draws.
    """
    deviations = np.array(ladder.deviations)
    rungs = len(deviations)
    images = 2 * float((deviations**2).mean()) / seeds * share / (1 - share)
    spread = np.sqrt(deviations**2 / seeds + images / 2)
    means = rng.normal(0, 1, (DRAWS, rungs)) * spread
    found = deviations**2 * rng.chisquare(seeds - 1, (DRAWS, rungs)) / (seeds - 1) / seeds
    parents = [0] * (rungs - 1) if ladder.on_base else range(rungs - 1)
    differences = means[:, 1:] - means[:, parents]
    level = ALPHA / (rungs - 1)
    pooled = 2 * found.mean(axis=1, keepdims=True)
    own = found[:, 1:] + found[:, parents]
    degrees = welch_degrees(found[:, 1:], found[:, parents], (seeds - 1, seeds - 1))
    all_degrees = rungs * (seeds - 1)
    larger = cochran(images, IMAGES, np.maximum(pooled, own), all_degrees, level)
    pair = cochran(images, IMAGES, own, degrees, ALPHA)
    stricter = cochran(images, IMAGES, own, degrees, ALPHA / 2)

    def false(critical: np.ndarray) -> float:
        return 100 * float((np.abs(differences) > critical).any(axis=1).mean())

    def power(critical: np.ndarray) -> float:
        return 100 * float((differences[:, 0] + TRUE > critical[:, 0]).mean())

    return {
        "seeds' sd": ladder.name,
        "stand on": "base" if ladder.on_base else "the one before",
        "seeds": seeds,
        "image share": share,
        "pooled %": false(cochran(images, IMAGES, pooled, all_degrees, level)),
        "larger %": false(larger),
        "both %": false(np.maximum(larger, pair)),
        "both, 2.5 % %": false(np.maximum(larger, stricter)),
        "found by both %": power(np.maximum(larger, pair)),
        "found at 2.5 % %": power(np.maximum(larger, stricter)),
    }


def main() -> None:
    """Measures every ladder with 2, 3, 5 and 10 seeds."""
    rng = np.random.default_rng(0)
    rows = [
        measure(ladder, seeds, share, rng)
        for ladder in LADDERS
        for share in (0.0, 0.5)
        for seeds in (2, 3, 5, 10)
    ]
    timing.write("unequal_seeds", "python benchmarks/unequal_seeds.py", COLUMNS, rows)


if __name__ == "__main__":
    main()
