"""Seconds of training until CIFAR-100 is answered as well as by the report's best network.

The last rung of the built-in study `speed`, one run at a time over all cores, against 50 epochs of
the report's best recipe in a plain PyTorch loop, at the rate that is measured in the same run. Run
as ``python benchmarks/time_to_accuracy.py`` on an idle machine with the data at hand
(``RUNGS_DATA``). Test accuracy is shown once the seal of the study is broken (``rungs unseal speed
--store STORE``); until then validation alone.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path

import loops
import throughput
import timing

import rungs
from rungs.plan import plan
from rungs.recipe import Recipe, replace
from rungs.results import Result
from rungs.study import load

COLUMNS = ("seed", "epochs", "validation %", "test %", "seconds of training", "images/s")
IMAGES = 45_000
REPORTED_EPOCHS = 50


def row(result: Result, test: float | None) -> dict[str, object]:
    """What one seed reached, and what that took from its first step to its last."""
    seconds = result.train_seconds
    return {
        "seed": result.spec.seed,
        "epochs": result.spec.epochs,
        "validation %": 100 * result.history[result.best_epoch - 1].val_accuracy,
        "test %": None if test is None else 100 * test,
        "seconds of training": seconds,
        "images/s": round(result.spec.epochs * result.spec.data.sizes["train"] / seconds),
    }


def report_recipe() -> Recipe:
    """The report's best recipe, with the augmentation that its rung was climbed on."""
    study = load("cifar100")
    final = study.rung(study.final).recipe
    return replace(final, transforms=final.transforms or study.rung("augmented").recipe.transforms)


def plain_images_per_second(recipe: Recipe, batches: int, repeats: int) -> float:
    """What the plain loop does with a `DataLoader` of two workers."""
    train = throughput.images(batches * recipe.batch_size)
    loop = loops.with_loader(recipe, train, throughput.CLASSES)
    return len(train) / timing.medians({"plain": loop}, repeats)["plain"]


def facts(results: Sequence[Result], tests: Sequence[float], rate: float) -> dict[str, object]:
    """What holds for all seeds together.

    Args:
        results: of the seeds.
        tests: their test accuracies, fractions; none while the seal is whole.
        rate: images a second of the plain loop on the report's best recipe.
    """
    seconds = statistics.fmean(result.train_seconds for result in results)
    plain = REPORTED_EPOCHS * IMAGES / rate
    reached = [result.history[result.best_epoch - 1].val_accuracy for result in results]
    spread = statistics.stdev(reached) if len(reached) > 1 else None
    return {
        "seeds": len(results),
        "validation %, mean": 100 * statistics.fmean(reached),
        "validation %, standard deviation over seeds": None if spread is None else 100 * spread,
        "test %, mean": 100 * statistics.fmean(tests) if tests else "sealed",
        "seconds of training, mean": seconds,
        f"{REPORTED_EPOCHS} epochs of the report's best in the plain loop, seconds": plain,
        "times as quick": plain / seconds,
        "not counted": "reading the data, the choice of layout, evaluation after each epoch",
    }


def main() -> None:
    """Trains the seeds that the store lacks, and measures the plain loop beside them."""
    parser = timing.options(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--store", type=Path, default=Path("runs"))
    parser.add_argument("--data-dir", type=Path)
    options = parser.parse_args()
    study, seeds, batches, repeats = load("speed"), options.seeds, 30, 5
    if options.quick:
        study, seeds, batches, repeats = load("quickstart"), 1, 2, 1
    rung = study.final
    report = rungs.run(
        study, only=(rung,), seeds=seeds, store=options.store, data_dir=options.data_dir, workers=1
    )
    store = rungs.open_store(options.store)
    wanted = plan(study, seeds=seeds, only=(rung,))
    results = [store.result(run.key) for run in wanted.runs]
    (found,) = (one for one in report.to_dict()["rungs"] if one["name"] == rung)
    tests = found["test_accuracy"]["values"] if found["test_accuracy"] else []
    rate = plain_images_per_second(report_recipe(), batches, repeats)
    rows = [
        row(result, test)
        for result, test in zip(results, tests or [None] * len(results), strict=True)
    ]
    command = f"python benchmarks/time_to_accuracy.py --seeds {seeds}"
    timing.write(
        "time_to_accuracy",
        command,
        COLUMNS,
        rows,
        facts=facts(results, tests, rate),
        quick=options.quick,
    )


if __name__ == "__main__":
    main()
