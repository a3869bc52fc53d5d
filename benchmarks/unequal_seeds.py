"""False words in a ladder whose rungs do not vary alike between seeds.

Ten rungs without a true difference; their seeds' standard deviations are unequal. How often does a
ladder get any false word, in percent, by three rules? *Pooled*: the seed variance is pooled over
the rungs. *Larger*: the pooled one or the pair's own, whichever is larger. *Both*: as that, and the
pair's own seeds must show it too (Welch), which is what `rungs.statistics` asks. Run as
``python benchmarks/unequal_seeds.py``.
"""

import numpy as np
import timing

from rungs.statistics.difference import cochran, welch_degrees
from rungs.verdicts import ALPHA

DRAWS = 20_000
IMAGES = 10_000
LADDERS = {
    "alike": (1.0,) * 10,
    "1 to 3": tuple(np.linspace(1, 3, 10).tolist()),
    "one of 3": (1.0,) * 4 + (3.0,) + (1.0,) * 5,
    "one of 5": (1.0,) * 4 + (5.0,) + (1.0,) * 5,
    "half of 3": (1.0,) * 5 + (3.0,) * 5,
}
COLUMNS = ("seeds' sd", "seeds", "image share", "pooled %", "larger %", "both %")


def measure(name: str, seeds: int, share: float, rng: np.random.Generator) -> dict[str, object]:
    """Percent of ladders with a false word.

    Args:
        name: of the standard deviations.
        seeds: of every rung.
        share: of the images in a difference's variance, mean over the ladder.
        rng: of the draws.
    """
    deviations = np.array(LADDERS[name])
    rungs = len(deviations)
    images = 2 * float((deviations**2).mean()) / seeds * share / (1 - share)
    spread = np.sqrt(deviations**2 / seeds + images / 2)
    means = rng.normal(0, 1, (DRAWS, rungs)) * spread
    found = deviations**2 * rng.chisquare(seeds - 1, (DRAWS, rungs)) / (seeds - 1) / seeds
    distance = np.abs(np.diff(means, axis=1))
    level = ALPHA / (rungs - 1)
    pooled = 2 * found.mean(axis=1, keepdims=True)
    own = found[:, 1:] + found[:, :-1]
    degrees = welch_degrees(found[:, 1:], found[:, :-1], (seeds, seeds))
    all_degrees = rungs * (seeds - 1)

    def false(critical: np.ndarray) -> float:
        return 100 * float((distance > critical).any(axis=1).mean())

    larger = cochran(images, IMAGES, np.maximum(pooled, own), all_degrees, level)
    pair = cochran(images, IMAGES, own, degrees, ALPHA)
    return {
        "seeds' sd": name,
        "seeds": seeds,
        "image share": share,
        "pooled %": false(cochran(images, IMAGES, pooled, all_degrees, level)),
        "larger %": false(larger),
        "both %": false(np.maximum(larger, pair)),
    }


def main() -> None:
    """Measures every ladder with 2, 3, 5 and 10 seeds."""
    rng = np.random.default_rng(0)
    rows = [
        measure(name, seeds, share, rng)
        for name in LADDERS
        for share in (0.0, 0.5)
        for seeds in (2, 3, 5, 10)
    ]
    timing.write("unequal_seeds", "python benchmarks/unequal_seeds.py", COLUMNS, rows)


if __name__ == "__main__":
    main()
