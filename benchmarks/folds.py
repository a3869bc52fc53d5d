"""What folds promise, held against truth: false words in ladders, and intervals that cover.

*Simulated*: recipes of equal accuracy whose images, seeds and training sets differ by chance; a
training set's effect is a sum over its pictures, so that folds share it as they share pictures.
*Real*: small sets drawn from a large one, with quick recipes (nearest mean, neighbours, ridge,
random features, bagged neighbours, a small network) on pooled pixels. What is true is what the same
recipes reach on average over all sets, each on pictures that are not in it.
Of equal accuracy are: a recipe and itself with other seeds; a recipe and a better one some of whose
answers, at random, are those of a worse one, as many as make them equal; any two of random labels.

Run as ``python benchmarks/folds.py``; pictures from ``RUNGS_DATA``. ``--data drawn`` takes pictures
that the program draws.
"""

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import timing
from numpy.typing import NDArray

from rungs.data.folding import deal
from rungs.data.kinds.cifar100 import Cifar100Spec
from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.data.loading import load
from rungs.statistics.folds import fold_difference, judge_folds
from rungs.statistics.levels import ALPHA
from rungs.statistics.verdicts import Evidence

FOLDS = 5
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# --- simulated -----------------------------------------------------------------------------------

RUNGS = 6
SIMULATED = (
    *("images", "seeds", "models' sd", "training sets' share"),
    *("ladders with a false word %", "intervals that miss %", "naive that miss %"),
)


def simulated(draws: int, images: int, seeds: int, chaos: float, share: float) -> dict[str, object]:
    """A ladder of recipes that are all equal.

    Args:
        draws: ladders.
        images: of each set.
        seeds: of each recipe.
        chaos: standard deviation of a model, in those of an image.
        share: of the variance of a difference between two recipes of many seeds that training sets
            have; the rest is images.
    """
    rng = np.random.default_rng([images, seeds, round(1000 * chaos), round(1000 * share)])
    fold = np.arange(images) % FOLDS
    order = np.argsort(fold, kind="stable")
    sizes = np.bincount(fold).tolist()
    # A picture's effect on accuracy by its being trained on, against that by its being answered:
    # the density of an image's score at 0 times its shift, against the variance of a difference.
    deviation = np.sqrt(1 + 0.25 + 0.25)
    by_image = (np.arcsin(1.25 / 1.5) - np.arcsin(1 / 1.5)) / np.pi
    slope = 1 / np.sqrt(2 * np.pi) / deviation
    strength = np.sqrt(share / (1 - share) * by_image / 2) / slope
    words = miss = naive = 0
    for _ in range(draws):
        common = rng.normal(0, 1, images)
        answers = []
        for _rung in range(RUNGS):
            hardness = common + rng.normal(0, 0.5, images)
            pull = rng.normal(0, 1, images)
            trained = np.array([pull[fold != out].mean() for out in range(FOLDS)]) * strength
            models = rng.normal(0, chaos, (seeds, FOLDS))
            score = hardness + trained[fold] + models[:, fold]
            answers.append((score + rng.normal(0, 0.5, (seeds, images)) > 0)[:, order])
        found = [fold_difference(a, b, sizes) for b, a in pairwise(answers)]
        # Where nothing is true, Holm's first step, which is Bonferroni's, has the first false word.
        words += any(abs(one.delta) > one.critical(ALPHA / len(found)) for one in found)
        one = found[0]
        miss += abs(one.delta) > one.critical(ALPHA)
        by_image = answers[1].mean(axis=0) - answers[0].mean(axis=0)
        naive += abs(one.delta) > 1.96 * by_image.std() / np.sqrt(images)
    return {
        "images": images,
        "seeds": seeds,
        "models' sd": chaos,
        "training sets' share": share,
        "ladders with a false word %": 100 * words / draws,
        "intervals that miss %": 100 * miss / draws,
        "naive that miss %": 100 * naive / draws,
    }


# --- real ----------------------------------------------------------------------------------------

SEEDS = 3
LEFT = 600  # pictures that are in no set, on which each model is held against the truth
# Fits on x [n, d], y [n] and answers for others [m, d].
Fit = Callable[[Floats, Ints, Floats, int, np.random.Generator], Ints]


def nearest_mean(x: Floats, y: Ints, to: Floats, classes: int, _: np.random.Generator) -> Ints:
    """The class whose mean is nearest."""
    means = np.stack(
        [x[y == c].mean(axis=0) if (y == c).any() else x[0] + 1e9 for c in range(classes)]
    )
    return _nearest(means, np.arange(classes), to, 1, classes)


def neighbours(x: Floats, y: Ints, to: Floats, classes: int, _: np.random.Generator) -> Ints:
    """The vote of seven neighbours."""
    return _nearest(x, y, to, 7, classes)


def bagged(x: Floats, y: Ints, to: Floats, classes: int, rng: np.random.Generator) -> Ints:
    """The vote of three neighbours in a half of the features, of a half of the pictures."""
    kept = rng.permutation(len(x))[: len(x) // 2]
    features = rng.permutation(x.shape[1])[: x.shape[1] // 2]
    return _nearest(x[kept][:, features], y[kept], to[:, features], 3, classes)


def ridge(x: Floats, y: Ints, to: Floats, classes: int, _: np.random.Generator) -> Ints:
    """Least squares to one-hot classes, weights held small."""
    mean = x.mean(axis=0)
    x, to = x - mean, to - mean
    gram = x.T @ x + 0.3 * len(x) * np.eye(x.shape[1])
    shares = np.eye(classes)[y]
    weights = np.linalg.solve(gram, x.T @ (shares - shares.mean(axis=0)))
    return _largest(to @ weights + shares.mean(axis=0))


def random_features(x: Floats, y: Ints, to: Floats, classes: int, rng: np.random.Generator) -> Ints:
    """The same on 60 random rectified sums of the features."""
    sums = rng.normal(0, 1 / np.sqrt(x.shape[1]), (x.shape[1], 60))
    shift = rng.normal(0, 0.5, 60)
    return ridge(np.maximum(x @ sums + shift, 0), y, np.maximum(to @ sums + shift, 0), classes, rng)


def network(x: Floats, y: Ints, to: Floats, classes: int, rng: np.random.Generator) -> Ints:
    """A hidden layer of 24, trained by 60 full steps with momentum; it ends where it ends."""
    first = rng.normal(0, np.sqrt(2 / x.shape[1]), (x.shape[1], 24))
    last = rng.normal(0, np.sqrt(1 / 24), (24, classes))
    speed = [np.zeros_like(first), np.zeros_like(last)]
    wanted = np.eye(classes)[y]
    for _ in range(60):
        hidden = np.maximum(x @ first, 0)
        scores = hidden @ last
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        error = (scores / scores.sum(axis=1, keepdims=True) - wanted) / len(x)
        steps = (x.T @ ((error @ last.T) * (hidden > 0)), hidden.T @ error)
        for weights, moved, step in zip((first, last), speed, steps, strict=True):
            moved *= 0.9
            moved -= 0.3 * step
            weights += moved
    return _largest(np.maximum(to @ first, 0) @ last)


def _largest(scores: Floats) -> Ints:
    found: Ints = np.argmax(scores, axis=1)
    return found


def _nearest(x: Floats, y: Ints, to: Floats, count: int, classes: int) -> Ints:
    distances = (x**2).sum(axis=1) - 2 * to @ x.T
    near = np.argpartition(distances, count - 1, axis=1)[:, :count] if count < len(x) else None
    nearest: Ints = y[np.argmin(distances, axis=1)]
    if near is None or count == 1:
        return nearest
    votes = np.zeros((len(to), classes))
    np.add.at(votes, (np.arange(len(to))[:, None], y[near]), 1)
    # The nearest decides where votes are level.
    votes[np.arange(len(to)), nearest] += 0.5
    return _largest(votes)


RECIPES: dict[str, Fit] = {
    "nearest mean": nearest_mean,
    "neighbours": neighbours,
    "bagged": bagged,
    "ridge": ridge,
    "random features": random_features,
    "network": network,
}
# Those that end otherwise with another seed.
BY_CHANCE = ("bagged", "random features", "network")


@dataclass(frozen=True)
class Task:
    """What small sets are drawn from.

    Attributes:
        name: for the table.
        classes: of the whole that are told apart.
        images: of a set.
        random: whether labels are drawn, so that all recipes are equally accurate.
    """

    name: str
    classes: tuple[int, ...]
    images: int
    random: bool = False


@dataclass(frozen=True)
class Drawn:
    """One set, answered by all recipes.

    Attributes:
        correct: recipe -> whether each answer is right, [seeds, images], fold after fold; the
            seeds of a second training of those that end by chance under ``NAME'``.
        truth: recipe -> accuracy of its models on pictures that are in no set.
    """

    sizes: list[int]
    correct: Mapping[str, NDArray[np.bool_]]
    truth: Mapping[str, float]


# Features and classes of the large set, which processes that draw from it inherit.
_WHOLE: list[tuple[Floats, Ints]] = []


def draw(number: int, task: Task) -> Drawn:
    """Draws a set and trains everything on it."""
    features, labels = _WHOLE[0]
    rng = np.random.default_rng([number, task.images, *task.classes])
    places = np.flatnonzero(np.isin(labels, task.classes))
    chosen = rng.permutation(places)[: task.images + LEFT]
    y = np.searchsorted(task.classes, labels[chosen])
    if task.random:
        y = rng.integers(len(task.classes), size=len(chosen))
    x = features[chosen]
    x, rest_x = x[: task.images], x[task.images :]
    y, rest_y = y[: task.images], y[task.images :]
    fold = np.array(deal(y.tolist(), [str(place) for place in chosen[: task.images]], FOLDS))
    order = np.argsort(fold, kind="stable")
    sizes = np.bincount(fold, minlength=FOLDS).tolist()
    correct, truth = {}, {}
    names = [*RECIPES, *(f"{name}'" for name in BY_CHANCE)]
    for name in names:
        fit = RECIPES[name.rstrip("'")]
        seeds = SEEDS if name.rstrip("'") in BY_CHANCE else 1
        right = np.zeros((seeds, task.images), dtype=bool)
        reached = []
        for seed in range(seeds):
            for out in range(FOLDS):
                at = fold == out
                asked = np.concatenate([x[at], rest_x])
                answers = fit(x[~at], y[~at], asked, len(task.classes), rng)
                right[seed, at] = answers[: at.sum()] == y[at]
                reached.append((answers[at.sum() :] == rest_y).mean())
        # One that never differs has the same answers with every seed.
        correct[name] = np.repeat(right, SEEDS // seeds, axis=0)[:, order]
        truth[name] = float(np.mean(reached))
    return Drawn(sizes, correct, truth)


REAL = (
    *("task", "images", "seeds", "sets"),
    *("false words in ladders %", "false words on two recipes %", "intervals that miss %"),
    *("the worst two %", "naive that miss %", "needed allowance"),
)


def real(task: Task, sets: list[Drawn], seeds: int) -> dict[str, object]:
    """How often words are false and intervals miss, over all sets of a task."""
    rng = np.random.default_rng(7)
    truth = {name: float(np.mean([one.truth[name] for one in sets])) for name in sets[0].truth}
    if task.random:
        truth = dict.fromkeys(truth, 1 / len(task.classes))
    names = list(RECIPES)
    same = [(f"{name}'", name) for name in BY_CHANCE]
    mixed = mixtures(truth, names)
    words, pair_words, pair_count = 0, 0, 0
    misses: dict[tuple[str, str], int] = {}
    naive: dict[tuple[str, str], int] = {}
    deltas: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for one in sets:
        answers = {name: correct[:seeds] for name, correct in one.correct.items()}
        pairs: list[tuple[Evidence, Evidence]] = []
        for a, b in same if not task.random else [(a, b) for a in names for b in names if a < b]:
            pairs.append((Evidence(a, answers[a]), Evidence(b, answers[b])))
        for (a, b, c), share in mixed.items():
            taken = rng.random(answers[b].shape) < share
            of = np.where(taken, answers[c], answers[b])
            pairs.append((Evidence(f"{b} with {c}", of), Evidence(a, answers[a])))
        pairs = [pairs[place] for place in rng.permutation(len(pairs))[:5]]
        family = len(pairs)
        verdicts = judge_folds(pairs, one.sizes, family=family)
        words += any(item.outcome in ("helps", "hurts") for item in verdicts)
        for item in verdicts:
            pair_count += 1
            pair_words += item.p is not None and item.p <= ALPHA
        compared = [(a, b) for a in names for b in names if a < b] + same
        for a, b in compared:
            found = fold_difference(answers[a], answers[b], one.sizes)
            true = truth[a] - truth[b] if (a, b) not in same else 0.0
            off = found.delta - true
            misses[a, b] = misses.get((a, b), 0) + (abs(off) > found.critical(ALPHA))
            by_image = answers[a].mean(axis=0) - answers[b].mean(axis=0)
            width = by_image.std() / np.sqrt(len(by_image))
            naive[a, b] = naive.get((a, b), 0) + (abs(off) > 1.96 * width)
            deltas.setdefault((a, b), []).append((off, width**2, found.model_part))
    count = len(sets)
    needed = {}
    for pair, values in deltas.items():
        off, images, _models = np.array(values).T
        needed[pair] = float((off**2).mean() / images.mean())
    worst = max(misses, key=lambda pair: misses[pair])
    return {
        "task": task.name,
        "images": task.images,
        "seeds": seeds,
        "sets": count,
        "false words in ladders %": 100 * words / count,
        "false words on two recipes %": 100 * pair_words / pair_count,
        "intervals that miss %": 100 * sum(misses.values()) / count / len(misses),
        "the worst two %": f"{100 * misses[worst] / count:.3g} ({worst[0]}, {worst[1]})",
        "naive that miss %": 100 * sum(naive.values()) / count / len(naive),
        "needed allowance": max(needed.values()),
    }


def mixtures(truth: Mapping[str, float], names: list[str]) -> dict[tuple[str, str, str], float]:
    """Share of the best recipe's answers that the worst one must give, to be as good as ``a``."""
    found: dict[tuple[str, str, str], float] = {}
    order = sorted(names, key=lambda name: truth[name])
    for place in range(1, len(order) - 1):
        c, a, b = order[0], order[place], order[-1]
        if truth[b] - truth[c] > 0.01:
            found[a, b, c] = (truth[b] - truth[a]) / (truth[b] - truth[c])
    return found


def pictures(data: str) -> tuple[Floats, Ints]:
    """Features [N, 48] of a large set, and classes that have thousands of pictures each."""
    if data == "drawn":
        spec: Any = SyntheticSpec(classes=10, train=30_000, validation=10, test=10, size=16)
        loaded = load(spec)
        images = loaded.exploration.train
        pixels, labels = images.pixels[:].numpy(), images.labels.numpy()
    else:
        spec = Cifar100Spec()
        loaded = load(spec, allow_download=False)
        parts = (loaded.exploration.train, loaded.exploration.validation, loaded.test)
        pixels = np.concatenate([part.pixels[:].numpy() for part in parts])
        fine = np.concatenate([part.labels.numpy() for part in parts])
        labels = np.array(loaded.groups)[fine]
    side = pixels.shape[-1] // 4
    pooled = pixels.reshape(len(pixels), 3, 4, side, 4, side).mean(axis=(3, 5), dtype=np.float64)
    flat = pooled.reshape(len(pixels), -1)
    return (flat - flat.mean(axis=0)) / flat.std(axis=0), labels


def tasks(data: str) -> tuple[Task, ...]:
    """What is tried, written down before it was."""
    if data == "drawn":
        return (
            Task("drawn, 5 classes", (0, 1, 2, 3, 4), 300),
            Task("drawn, 10 classes", tuple(range(10)), 600),
        )
    return (
        Task("5 groups", (0, 4, 8, 12, 16), 300),
        Task("5 others", (1, 5, 9, 13, 17), 300),
        Task("10 groups", tuple(range(0, 20, 2)), 600),
        Task("10 others", tuple(range(1, 20, 2)), 1000),
        Task("random labels, 5 groups", (0, 4, 8, 12, 16), 300, random=True),
    )


def main() -> None:
    """Measures both."""
    parser = timing.options(__doc__)
    parser.add_argument("--data", choices=("cifar100", "drawn"), default="cifar100")
    parser.add_argument("--only", choices=("simulated", "real"))
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--sets", type=int, default=500)
    parser.add_argument("--task", action="append", help="of that name; others stay as they were")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    command = " ".join(("python benchmarks/folds.py", *sys.argv[1:]))
    if asked.only != "simulated":
        _WHOLE.append(pictures(asked.data))
    with ProcessPoolExecutor(asked.workers, multiprocessing.get_context("fork")) as pool:
        if asked.only != "real":
            measure_simulated(asked, pool, command)
        if asked.only != "simulated":
            measure_real(asked, pool, command)


def measure_simulated(asked: argparse.Namespace, pool: ProcessPoolExecutor, command: str) -> None:
    """Ladders of equal recipes."""
    draws = 50 if asked.quick else asked.draws
    settings = [
        (draws, images, seeds, chaos, share)
        for images in (200, 1000)
        for seeds in (1, 2, 3)
        for chaos, share in ((0.1, 0.0), (0.0, 0.5), (0.3, 0.5))
    ]
    rows = list(pool.map(simulated, *zip(*settings, strict=True)))
    facts = {"ladders of each row": draws, "rungs of a ladder": RUNGS, "folds": FOLDS}
    timing.write("folds", command, SIMULATED, rows, facts=facts, quick=asked.quick)


def measure_real(asked: argparse.Namespace, pool: ProcessPoolExecutor, command: str) -> None:
    """Small sets of a large one."""
    kept = asked.task and not asked.quick and (timing.RESULTS / "folds_real.json").exists()
    rows = []
    if kept:
        known = json.loads((timing.RESULTS / "folds_real.json").read_text(encoding="utf-8"))
        rows = [row for row in known["rows"] if row["task"] not in asked.task]
    count = 8 if asked.quick else asked.sets
    for task in tasks(asked.data):
        if asked.task and task.name not in asked.task:
            continue
        one = partial(draw, task=task)
        sets = list(pool.map(one, range(count), chunksize=max(1, count // 64)))
        rows += [real(task, sets, seeds) for seeds in (1, 2, 3)]
        quick = asked.quick or asked.data == "drawn"
        timing.write("folds_real", command, REAL, rows, quick=quick)


if __name__ == "__main__":
    main()
