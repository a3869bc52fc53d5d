"""False words, and what is found, by the rule of verdicts at a glance and in whole ladders.

No rung of a ladder (`ladders.py`) differs from another but where a difference is named.

Drawn are means and variances between seeds as normal theory has them; all that is asked of them is
what `rungs.statistics` asks. *false*: percent of ladders with any false word; *by both tests*: by
the rule that held before, for any number of seeds. *no difference*: percent of ladders with that
word for any rung, where each truly differs from the one it stands on by just more than a margin of
1 point. In a third table seeds come in rounds of 2, 3, 5 and 8 by looks at validation
(`rungs.statistics.looks`): *false* and *no difference* of the whole procedure, with the margin by
which comparisons are given up. Run as

    python benchmarks/false_words.py [--quick] [--only words|rounds|found]
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import timing
from ladders import LADDERS, PLAIN, SECOND, THIRD, Ladder

from rungs.statistics.difference import cochran
from rungs.statistics.levels import ALPHA, MARGIN
from rungs.statistics.seeds import SeedPart, Side, moderated, seed_parts, welch_degrees

DRAWS = 20_000
IMAGES = 10_000
# Of the other count where two seeds of some rungs meet more of others.
MIXED = 5
COLUMNS = (*("ladder", "known", "seeds", "false %", "by both tests %", "no difference %"),)
POWER_COLUMNS = ("ladder", "seeds", "true", "found %", "by both tests %")


@dataclass(frozen=True)
class Drawn:
    """Estimates of many ladders: arrays [draws, rungs], accuracies in points."""

    means: np.ndarray
    own: np.ndarray
    counts: tuple[int, ...]


def deviations(ladder: Ladder, rng: np.random.Generator, draws: int) -> np.ndarray:
    """Standard deviations between seeds [draws, rungs]."""
    named = np.broadcast_to(np.array(ladder.deviations), (draws, len(ladder.deviations)))
    if ladder.spread == "gamma":
        named = named * np.sqrt(1.5 / rng.gamma(2.5, 1, named.shape))
    elif ladder.spread:
        named = named * np.exp(rng.normal(0, 0.7, named.shape))
    least: np.ndarray = np.maximum(named, ladder.independent)
    return least


def draw(ladder: Ladder, counts: tuple[int, ...], rng: np.random.Generator, draws: int) -> Drawn:
    """Means and variances between seeds, of so many seeds of each rung."""
    spread = deviations(ladder, rng, draws)
    n = np.array(counts)
    means = rng.normal(0, 1, spread.shape) * spread / np.sqrt(n)
    # Each rung finds other images hard: two rungs' difference varies by `images`.
    means = means + rng.normal(0, ladder.images / np.sqrt(2), spread.shape)
    own = spread**2 * rng.chisquare(n - 1, spread.shape) / (n - 1)
    return Drawn(means, own, counts)


def parents(ladder: Ladder) -> list[tuple[int, int]]:
    """Places of the rungs that stand on another: (place, the other's)."""
    rungs = len(ladder.deviations)
    if ladder.on_base:
        return [(place, 0) for place in range(1, rungs)]
    return [(place, before) for before, place in pairwise(range(rungs))]


def sides(ladder: Ladder, drawn: Drawn) -> list[Side]:
    """What is known of each rung, as `rungs.statistics.seeds.Pools` finds it."""
    degrees = np.array(drawn.counts) - 1
    steady = np.array(ladder.steady or PLAIN * len(degrees))
    found = []
    for place, kind in enumerate(steady):
        members = steady == kind
        # A steady one may borrow from plain ones, no other from any.
        if kind and degrees[members].sum() < 3:
            members = np.ones_like(members)
        weights = degrees * members
        pooled = (drawn.own * weights).sum(axis=1) / weights.sum()
        least = np.float64(ladder.independent**2)
        pool = f"{members.tolist()}"
        found.append(
            Side(drawn.counts[place], drawn.own[:, place], pooled, least, weights.sum(), pool)
        )
    return found


def critical(ladder: Ladder, parts: tuple[SeedPart, ...], family: int) -> Any:
    """How far from zero a difference must lie, points [draws]."""
    return np.maximum.reduce(
        [
            cochran(
                np.maximum(ladder.images**2 + part.certain, 1e-12),
                IMAGES - 1,
                part.beyond,
                part.degrees,
                (ALPHA / family if part.of_family else ALPHA) * part.share,
            )
            for part in parts
        ]
    )


def both_tests(a: Side, b: Side) -> tuple[SeedPart, ...]:
    """The rule that held at every number of seeds before: two tests, and nothing certain."""
    own = a.own / a.seeds, b.own / b.seeds
    pooled = a.pooled / a.seeds + b.pooled / b.seeds
    return (
        SeedPart(0.0, np.maximum(pooled, sum(own)), a.degrees, of_family=True),
        SeedPart(0.0, sum(own), welch_degrees(*own, (a.seeds - 1, b.seeds - 1)), of_family=False),
    )


def judged(
    ladder: Ladder, drawn: Drawn, shifts: np.ndarray, *, old: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Differences and their critical values [draws, comparisons]; ``shifts``: true accuracies."""
    everyone, pairs = sides(replace(ladder, steady=()) if old else ladder, drawn), parents(ladder)
    tests = both_tests if old else seed_parts
    limits = np.stack(
        [critical(ladder, tests(everyone[a], everyone[b]), len(pairs)) for a, b in pairs], axis=1
    )
    means = drawn.means + shifts
    return np.stack([means[:, a] - means[:, b] for a, b in pairs], axis=1), limits


def percent(hits: np.ndarray) -> float:
    """Of ladders [draws, comparisons] with any hit."""
    return 100 * float(hits.any(axis=1).mean())


def false_words(
    ladder: Ladder, counts: tuple[int, ...], rng: np.random.Generator, draws: int
) -> dict[str, object]:
    """One row of the table of false words."""
    drawn = draw(ladder, counts, rng, draws)
    nothing = np.zeros(len(counts))
    found, limits = judged(ladder, drawn, nothing)
    before, old_limits = judged(ladder, drawn, nothing, old=True)
    # Each truly differs from the one it stands on by just more than the margin.
    places = np.arange(len(counts))
    steps = 100 * MARGIN * 1.000001 * ((places > 0) if ladder.on_base else places % 2)
    near, near_limits = judged(ladder, drawn, steps)
    within = np.abs(near) + near_limits <= 100 * MARGIN
    return {
        "ladder": ladder.name,
        "known": "yes" if ladder.known else "no",
        "seeds": " and ".join(map(str, sorted(set(counts)))),
        "false %": percent(np.abs(found) > limits),
        "by both tests %": percent(np.abs(before) > old_limits),
        "no difference %": percent(within),
    }


# The true differences whose finding is counted, for ladders that vary alike.
TRUE = {
    "noisy, alike": (2.0, 3.0, 5.0, 8.0),
    "quiet, alike": (0.5, 0.75, 1.0, 1.5, 2.0),
    "second: 3 rungs": (1.0, 2.0, 3.0),
    "second: floor": (0.5, 0.75, 1.0, 1.5),
    "second: floor x 1.2": (0.5, 0.75, 1.0, 1.5),
    "second: floor x 1.5": (0.75, 1.0, 1.5, 2.0),
    "second: floor x 2": (1.0, 1.5, 2.0, 3.0),
    "third: floor x 1.3": (0.75, 1.0, 1.5),
    "third: floor x 1.8, 15 rungs": (1.0, 1.5, 2.0),
}


def found_words(
    ladder: Ladder, seeds: int, true: float, rng: np.random.Generator, draws: int
) -> dict[str, object]:
    """One row of the table of what is found: the last rung truly differs."""
    counts = (seeds,) * len(ladder.deviations)
    drawn = draw(ladder, counts, rng, draws)
    shifts = np.zeros(len(counts))
    shifts[-1] = true
    row: dict[str, object] = {"ladder": ladder.name, "seeds": seeds, "true": true}
    for column, old in (("found %", False), ("by both tests %", True)):
        found, limits = judged(ladder, drawn, shifts, old=old)
        row[column] = 100 * float((found[:, -1] > limits[:, -1]).mean())
    return row


def mixed(rungs: int) -> tuple[int, ...]:
    """Two seeds of every other rung, more of the rest."""
    return tuple(MIXED if place % 2 else 2 for place in range(rungs))


# --- seeds in rounds -----------------------------------------------------------------------------

ROUNDS = (2, 3, 5, 8)
# Of 10,000 test images; validation has half as many.
VALIDATION = 2.0
SETTLED = 0.01
LOOK_COLUMNS = (
    *("ladder", "known", "margin", "false %", "no difference %"),
    *("seeds a rung", "decided on validation %"),
)


def adaptive(
    ladder: Ladder, margin: float, rng: np.random.Generator, draws: int, shifts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The whole procedure: rounds by looks at validation, then the test set once.

    A seed's effect is common to validation and test, but for independent errors; where there are
    none, and images carry nothing, validation *is* the test set.

    Returns:
        Differences on test and their critical values [draws, comparisons], seeds [draws, rungs],
        and which comparisons were closed before all seeds were there [draws, comparisons].
    """
    rungs, pairs = len(ladder.deviations), parents(ladder)
    spread = deviations(ladder, rng, draws)
    beyond = np.sqrt(np.maximum(spread**2 - ladder.independent**2, 0))
    common = rng.normal(0, 1, (draws, rungs, ROUNDS[-1])) * beyond[:, :, None] + shifts[:, None]
    parts = []
    for scale in (VALIDATION, 1.0):
        noise = rng.normal(0, 1, common.shape) * ladder.independent * np.sqrt(scale)
        image = rng.normal(0, 1, (draws, rungs)) * ladder.images * np.sqrt(scale / 2)
        parts.append(common + noise + image[:, :, None])
    validation, test = parts
    counts = np.full((draws, rungs), ROUNDS[0])
    is_open = np.ones((draws, len(pairs)), dtype=bool)
    for after in ROUNDS[1:]:
        found, p, error = _looked(ladder, validation, counts, pairs)
        settled = p <= SETTLED
        least = np.stack([np.minimum(counts[:, a], counts[:, b]) for a, b in pairs], axis=1)
        futile = (np.abs(found) + 0.84 * error < margin) & (least >= 3)
        is_open &= ~(settled | futile)
        for place, (a, b) in enumerate(pairs):
            for rung in (a, b):
                counts[:, rung] = np.where(is_open[:, place], after, counts[:, rung])
    found, limits = _tested(ladder, test, counts, pairs)
    return found, limits, counts, ~is_open


def _estimates(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and variances [draws, rungs] of the first seeds of values [draws, rungs, most]."""
    there = np.arange(values.shape[2]) < counts[:, :, None]
    means = (values * there).sum(axis=2) / counts
    squares = ((values - means[:, :, None]) ** 2 * there).sum(axis=2)
    return means, squares / (counts - 1)


def _sides(
    ladder: Ladder, own: np.ndarray, counts: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray, str]]:
    """For each rung: the pooled variance and its degrees [draws], and the pool's name."""
    degrees = counts - 1
    steady = np.array(ladder.steady or PLAIN * counts.shape[1])
    found = []
    for kind in steady:
        few = degrees[:, steady == kind].sum(axis=1) < 3
        # A steady one may borrow from plain ones, no other from any; the pool is one for all
        # draws, since seeds only grow and the first look decides.
        members = np.ones_like(steady) if kind and bool(few.all()) else steady == kind
        weights = degrees * members
        found.append(
            (
                (own * weights).sum(axis=1) / weights.sum(axis=1),
                weights.sum(axis=1),
                f"{members.tolist()}",
            )
        )
    return found


def _by_counts(counts: np.ndarray, a: int, b: int) -> list[tuple[int, int, np.ndarray]]:
    """Numbers of seeds of two rungs, and the draws that have them."""
    both = [(x, y, (counts[:, a] == x) & (counts[:, b] == y)) for x in ROUNDS for y in ROUNDS]
    return [(x, y, mask) for x, y, mask in both if mask.any()]


def _looked(
    ladder: Ladder, values: np.ndarray, counts: np.ndarray, pairs: list[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differences, p adjusted by Holm, and standard errors on validation [draws, comparisons]."""
    means, own = _estimates(values, counts)
    everyone = _sides(ladder, own, counts)
    least = ladder.independent**2 * VALIDATION
    image = ladder.images**2 * VALIDATION
    found = np.stack([means[:, a] - means[:, b] for a, b in pairs], axis=1)
    p, error = np.ones_like(found), np.zeros_like(found)
    for place, (a, b) in enumerate(pairs):
        for x, y, mask in _by_counts(counts, a, b):
            sides = [
                Side(
                    n,
                    own[mask, r],
                    everyone[r][0][mask],
                    least,
                    everyone[r][1][mask],
                    everyone[r][2],
                )
                for n, r in ((x, a), (y, b))
            ]
            part = moderated(*sides)
            error[mask, place] = np.sqrt(image + part.value)
            p[mask, place] = _levels(image, part, np.abs(found[mask, place]))
    return found, _holm(p), error


def _levels(image: float, part: SeedPart, distances: np.ndarray) -> np.ndarray:
    """Two-sided p: the level whose critical value is the distance, by halves of its logarithm."""
    low, high = np.full_like(distances, -60.0), np.zeros_like(distances)
    for _ in range(30):
        middle = (low + high) / 2
        level = np.exp(middle) * part.share
        certain = np.maximum(image + part.certain, 1e-12)
        within = cochran(certain, IMAGES - 1, part.beyond, part.degrees, level) < distances
        low, high = np.where(within, low, middle), np.where(within, middle, high)
    p: np.ndarray = np.exp(high)
    return p


def _holm(p: np.ndarray) -> np.ndarray:
    """Adjusted along the second axis."""
    order = np.argsort(p, axis=1)
    factors = p.shape[1] - np.arange(p.shape[1])
    raised = np.maximum.accumulate(np.take_along_axis(p, order, axis=1) * factors, axis=1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(raised, 1.0), axis=1)
    return adjusted


def _tested(
    ladder: Ladder, values: np.ndarray, counts: np.ndarray, pairs: list[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """Differences on test and their critical values [draws, comparisons]."""
    means, own = _estimates(values, counts)
    everyone = _sides(ladder, own, counts)
    least = np.float64(ladder.independent**2)
    found = np.stack([means[:, a] - means[:, b] for a, b in pairs], axis=1)
    limits = np.zeros_like(found)
    for place, (a, b) in enumerate(pairs):
        for x, y, mask in _by_counts(counts, a, b):
            sides = [
                Side(
                    n,
                    own[mask, r],
                    everyone[r][0][mask],
                    least,
                    everyone[r][1][mask],
                    everyone[r][2],
                )
                for n, r in ((x, a), (y, b))
            ]
            limits[mask, place] = critical(ladder, seed_parts(*sides), len(pairs))
    return found, limits


def rounds(
    ladder: Ladder, margin: float, rng: np.random.Generator, draws: int
) -> dict[str, object]:
    """One row of the table of seeds in rounds; ``margin`` in points."""
    rungs = len(ladder.deviations)
    found, limits, counts, closed = adaptive(ladder, margin, rng, draws, np.zeros(rungs))
    places = np.arange(rungs)
    steps = margin * 1.000001 * ((places > 0) if ladder.on_base else places % 2)
    near, near_limits, *_ = adaptive(ladder, margin, rng, draws, steps)
    return {
        "ladder": ladder.name,
        "known": "yes" if ladder.known else "no",
        "margin": margin,
        "false %": percent(np.abs(found) > limits),
        "no difference %": percent(np.abs(near) + near_limits <= margin),
        "seeds a rung": float(counts.mean()),
        "decided on validation %": 100 * float(closed.mean()),
    }


def main() -> None:
    """Counts false words in every ladder, seeds fixed and in rounds, then what is found."""
    parser = timing.options(__doc__)
    parser.add_argument("--only", choices=("words", "rounds", "found"), help="one table alone")
    options = parser.parse_args()
    quick: bool = options.quick
    draws = 200 if quick else DRAWS
    every, facts = (*LADDERS, *SECOND, *THIRD), {"draws": draws}

    def asked(table: str) -> bool:
        return options.only in (None, table)

    def write(name: str, table: str, columns: tuple[str, ...], rows: Sequence[Any]) -> None:
        command = f"python benchmarks/false_words.py --only {table}"
        timing.write(name, command, columns, rows, facts=facts, quick=quick)

    if asked("words"):
        rng = np.random.default_rng(0)
        words = []
        for ladder in every:
            rungs = len(ladder.deviations)
            for counts in (*((seeds,) * rungs for seeds in (2, 3, 5)), mixed(rungs)):
                words.append(false_words(ladder, counts, rng, draws))
        write("false_words", "words", COLUMNS, words)
    if asked("rounds"):
        rng = np.random.default_rng(1)
        looks = [
            rounds(ladder, margin, rng, draws)
            for ladder in every
            for margin in ((1.0,) if ladder.images == 0 or not ladder.known else (0.5, 1.0))
        ]
        write("rounds_of_seeds", "rounds", LOOK_COLUMNS, looks)
    if asked("found"):
        rng = np.random.default_rng(2)
        powers = [
            found_words(ladder, seeds, true, rng, draws)
            for ladder in every
            for true in TRUE.get(ladder.name, ())
            for seeds in (2, 3, 5)
        ]
        write("found_words", "found", POWER_COLUMNS, powers)


if __name__ == "__main__":
    main()
