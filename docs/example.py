"""The worked example of ``docs/statistics.md``, computed."""

from itertools import pairwise

import numpy as np

from rungs.statistics.difference import difference
from rungs.statistics.levels import ALPHA
from rungs.statistics.predictions import BoolArray
from rungs.statistics.seeds import Pools
from rungs.statistics.verdicts import Evidence, judge

IMAGES = 10_000
SEEDS = 3
FAMILY = 2


def _answers(rng: np.random.Generator, hardness: np.ndarray, gain: float) -> BoolArray:
    """A recipe's models on the same images: seeds differ, and no two miss the same ones."""
    shifts = rng.normal(0, 0.008, (SEEDS, 1))
    noise = rng.normal(0, 0.4, (SEEDS, IMAGES))
    right: BoolArray = hardness + gain + shifts + noise > 0
    return right


def statistics() -> str:
    """Three recipes on a ladder, drawn by chance with known differences, and judged."""
    rng = np.random.default_rng(0)
    hardness = rng.normal(0, 1, IMAGES)
    recipes = {
        name: _answers(rng, hardness + rng.normal(0, 0.3, IMAGES), gain)
        for name, gain in (("base", 0.0), ("wider", 0.07), ("warmer", 0.075))
    }
    pools = Pools([("", correct) for correct in recipes.values()])
    pooled = pools.variance
    assert pooled is not None
    names = list(recipes)
    found = [
        difference(recipes[name], recipes[after], pools, ("", ""))
        for after, name in pairwise(names)
    ]
    told = judge(
        [
            (Evidence(name, recipes[name]), Evidence(after, recipes[after]))
            for after, name in pairwise(names)
        ],
        [Evidence(name, correct) for name, correct in recipes.items()],
        family=FAMILY,
    )
    lines = [
        f"Three recipes, {SEEDS} seeds each, {IMAGES:,} test images, drawn by a program "
        "(`docs/example.py`): `wider` is truly better than `base`, `warmer` hardly better than "
        "`wider`.",
        "",
        "| recipe | test % of each seed | mean | S, points |",
        "|---|---|--:|--:|",
    ]
    for name, correct in recipes.items():
        accuracies = 100 * correct.mean(axis=1)
        values = ", ".join(f"{value:.2f}" for value in accuracies)
        lines.append(
            f"| {name} | {values} | {accuracies.mean():.2f} | {accuracies.std(ddof=1):.2f} |"
        )
    lines += [
        "",
        f"S pooled over the three is {100 * pooled.value**0.5:.2f} points, with {pooled.degrees} "
        f"degrees of freedom; the seed part of a difference is {100 * pooled.value**0.5:.2f}² "
        f"· (1/{SEEDS} + 1/{SEEDS}) = {1e4 * 2 * pooled.value / SEEDS:.3f} points². Where errors "
        "that are independent between seeds alone give more, that counts instead: see the table.",
        "",
        "| | wider − base | warmer − wider |",
        "|---|--:|--:|",
    ]
    table: dict[str, list[str]] = {
        "difference, points": [f"{100 * item.delta:+.2f}" for item in found],
        "image part, points²": [f"{1e4 * item.image_part:.3f}" for item in found],
        "seed part of the ladder's test, points²": [
            f"{1e4 * item.seed_parts[0].value:.3f}" for item in found
        ],
        "seed part, own, points²": [f"{1e4 * item.seed_parts[1].value:.3f}" for item in found],
        "degrees of freedom, own": [f"{item.seed_parts[1].degrees:.1f}" for item in found],
        "standard error, points": [f"{100 * item.error:.2f}" for item in found],
        "p of the ladder's test": [f"{item.p_family:.2g}" for item in found],
        "p of the pair's own test": [f"{item.p_pair:.2g}" for item in found],
        f"p, adjusted (Holm, {FAMILY})": [f"{item.p_adjusted:.2g}" for item in told],
        "critical difference, points": [
            f"{100 * item.critical(ALPHA / FAMILY, ALPHA):.2f}" for item in found
        ],
        "interval, points": [
            f"{100 * (item.low or 0):+.2f} to {100 * (item.high or 0):+.2f}" for item in told
        ],
        "minimum detectable difference, points": [
            f"{100 * (item.detectable or 0):.2f}" for item in told
        ],
        "word": [str(item.outcome) for item in told],
    }
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in table.items()]
    return "\n".join(lines)
