"""False words where nothing differs for certain: seeds of one recipe, dealt into ladders.

Seeds of a rung of `cifar100` are trained on the real pictures, and their answers on validation kept
as they are (*plain*) and with renewed statistics (*steady*). Then they are dealt at random into
ladders of rungs that are all the same recipe, each rung standing on the one before, and judged as a
report judges (`rungs.statistics.verdicts.judge`). Any *helps* or *hurts* is false. All ladders are
of the same few seeds and images, so that the rate is an estimate with more chance in it than so
many independent ladders would have. The test set is not touched. Run as

    python benchmarks/same_recipe.py [--rung NAME] [--seeds N] [--epochs N] [--deals N]

Trainings that are finished are not trained again.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import timing
import torch

from rungs.data.images import Exploration
from rungs.data.loading import load as load_data
from rungs.evidence.kinds import PLAIN, STEADY
from rungs.network.outputs import predict
from rungs.recipe import Recipe, recipe_key, replace
from rungs.statistics.predictions import BoolArray
from rungs.statistics.verdicts import Evidence, judge
from rungs.study import load
from rungs.training.epoch import Training, train_epoch
from rungs.training.evaluation import settle
from rungs.training.record import ExecutionRecord, candidates
from rungs.training.throughput import measure, quickest, usable

COLUMNS = ("kind", "rungs", "seeds a rung", "ladders", "false %", "sd of seeds, points")
# Rungs and seeds of each.
DEALS = ((12, 2), (8, 3), (4, 6))


def answers(
    recipe: Recipe, data: Exploration, seed: int, epochs: int, record: ExecutionRecord
) -> dict[str, BoolArray]:
    """Whether each validation image is right after the last epoch, by kind."""
    training = Training.begin(recipe, data, seed, epochs, record)
    for number in range(1, epochs + 1):
        train_epoch(training, number, lambda _: None)
    found = {}
    for kind in (PLAIN, STEADY):
        model = training.model.eval()
        if kind == STEADY:  # the last use of it
            settle(model, recipe, data.train, seed=seed, record=record)
        logits = predict(
            model,
            data.validation.pixels,
            memory_format=record.memory_format,
            precision=recipe.precision,
        )
        right = logits.argmax(dim=1) == data.validation.labels
        found[kind] = right.to(torch.bool).numpy()
    return found


def trained(
    folder: Path, recipe: Recipe, data: Exploration, seeds: int, epochs: int
) -> dict[str, BoolArray]:
    """Answers of all seeds, [seeds, images] by kind; kept from one call to the next."""
    folder.mkdir(parents=True, exist_ok=True)
    record: ExecutionRecord | None = None
    rows: dict[str, list[BoolArray]] = {PLAIN: [], STEADY: []}
    for seed in range(seeds):
        path = folder / f"{recipe_key(recipe)}-{epochs}-seed{seed}.npz"
        if not path.exists():
            if record is None:
                spec = load("cifar100").data
                records = usable(recipe, spec.image_shape, spec.classes, candidates("cpu", 1))
                record = quickest(records, measure(recipe, spec, records))
            found_now = answers(recipe, data, seed, epochs, record)
            plain, steady = (np.packbits(found_now[kind]) for kind in (PLAIN, STEADY))
            with path.open("wb") as file:
                np.savez(file, plain=plain, steady=steady)
            print("trained seed", seed, flush=True)
        with np.load(path) as kept:
            count = len(data.validation)
            for kind, found in rows.items():
                found.append(np.unpackbits(kept[kind], count=count).astype(bool))
    return {kind: np.stack(found) for kind, found in rows.items()}


def false_words(correct: BoolArray, kind: str, rungs: int, seeds: int, deals: int) -> float:
    """Percent of ladders, dealt at random, with any word."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(deals):
        dealt = rng.permutation(len(correct))[: rungs * seeds].reshape(rungs, seeds)
        ladder = [Evidence(str(n), correct[rows], kind=kind) for n, rows in enumerate(dealt)]
        pairs = [(rung, before) for before, rung in pairwise(ladder)]
        found = judge(pairs, ladder, family=len(pairs))
        hits += any(item.outcome in ("helps", "hurts") for item in found)
    return 100 * hits / deals


def main() -> None:
    """Trains what is not trained, deals and counts."""
    parser = timing.options(__doc__)
    parser.add_argument("--rung", default="pooling")
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--deals", type=int, default=2000)
    options = parser.parse_args()
    seeds, epochs, deals = options.seeds, options.epochs, options.deals
    folder = Path(".cache") / "same_recipe"
    if options.quick:
        seeds, epochs, deals = 6, 1, 5
        folder = timing.quick_folder() / "same_recipe"
    recipe = replace(load("cifar100").rung(options.rung).recipe, precision="bfloat16")
    data = load_data(load("cifar100").data).exploration
    correct = trained(folder, recipe, data, seeds, epochs)
    rows = []
    for kind, found in correct.items():
        for rungs, each in DEALS:
            if rungs * each > seeds:
                continue
            rows.append(
                {
                    "kind": kind,
                    "rungs": rungs,
                    "seeds a rung": each,
                    "ladders": deals,
                    "false %": false_words(found, kind, rungs, each, deals),
                    "sd of seeds, points": 100 * float(found.mean(axis=1).std(ddof=1)),
                }
            )
    command = (
        f"python benchmarks/same_recipe.py --rung {options.rung} --seeds {seeds} "
        f"--epochs {epochs} --deals {deals}"
    )
    facts = {
        "images": int(correct[PLAIN].shape[1]),
        "mean accuracy, plain and steady, %": ", ".join(
            f"{100 * found.mean():.1f}" for found in correct.values()
        ),
    }
    timing.write("same_recipe", command, COLUMNS, rows, facts=facts, quick=options.quick)


if __name__ == "__main__":
    main()
