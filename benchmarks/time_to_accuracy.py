"""Seconds of training until CIFAR-100 is answered as well as by the report's best network.

The last rung of the built-in study `speed`, one run at a time over all cores, against 50 epochs of
the report's best recipe in a plain PyTorch loop, at the rate that is measured in the same run. Run
as ``python benchmarks/time_to_accuracy.py`` on an idle machine with the data at hand
(``RUNGS_DATA``). Accuracy is that of the seeds in the store, however they were trained; what takes
time is measured on the first of them, trained anew: a recipe takes as long with every seed. Test
accuracy is shown once the seal of the study is broken (``rungs unseal speed --store STORE``); until
then validation alone. With ``--device cuda`` the plain loop, which is for processors, is left out.
"""

import statistics
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import loops
import throughput
import timing

import rungs
from rungs.recipe import Recipe, replace
from rungs.report.gather.runs import describe_execution
from rungs.store.results import Result
from rungs.study import Study, load
from rungs.study.plan import plan

COLUMNS = ("seed", "epochs", "validation %", "test %", "seconds of training", "images/s")
IMAGES = 45_000
REPORTED_EPOCHS = 50


def row(result: Result, test: float | None, timed: Result | None) -> dict[str, object]:
    """What one seed reached, and what that took from its first step to its last, if measured."""
    images = result.spec.epochs * result.spec.data.sizes["train"]
    return {
        "seed": result.spec.seed,
        "epochs": result.spec.epochs,
        "validation %": 100 * result.history[result.best_epoch - 1].val_accuracy,
        "test %": None if test is None else 100 * test,
        "seconds of training": timed and timed.train_seconds,
        "images/s": timed and round(images / timed.train_seconds),
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


def facts(
    results: Sequence[Result], tests: Sequence[float], timed: Sequence[Result], rate: float | None
) -> dict[str, object]:
    """What holds for all seeds together.

    Args:
        results: of the seeds.
        tests: their test accuracies, fractions; none while the seal is whole.
        timed: the same runs, trained one at a time.
        rate: images a second of the plain loop on the report's best recipe, where it was measured.
    """
    seconds = statistics.fmean(result.train_seconds for result in timed)
    plain = None if rate is None else REPORTED_EPOCHS * IMAGES / rate
    reached = [result.history[result.best_epoch - 1].val_accuracy for result in results]
    spread = statistics.stdev(reached) if len(reached) > 1 else None
    return {
        "seeds": len(results),
        "validation %, mean": 100 * statistics.fmean(reached),
        "validation %, standard deviation over seeds": None if spread is None else 100 * spread,
        "test %, mean": 100 * statistics.fmean(tests) if tests else "sealed",
        "seeds that were timed": len(timed),
        "timed on": describe_execution(timed[0].execution),
        "seconds of training, mean": seconds,
        f"{REPORTED_EPOCHS} epochs of the report's best in the plain loop, seconds": plain,
        "times as quick": None if plain is None else plain / seconds,
        "not counted": "reading the data, the choice of layout, evaluation after each epoch",
    }


def trained(
    study: Study,
    seeds: int,
    store: Path,
    *,
    data_dir: Path | None,
    device: str,
    workers: int | None,
) -> tuple[list[Result], list[float]]:
    """Runs of the study's last rung, and their test accuracies if the test set is open."""
    only = (study.final,)
    report = rungs.run(
        study,
        only=only,
        seeds=seeds,
        store=store,
        data_dir=data_dir,
        device=device,
        workers=workers,
    )
    runs = plan(study, seeds=seeds, only=only).runs
    (found,) = (rung for rung in report.data.rungs if rung.name == study.final)
    results = [rungs.open_store(store).result(run.key) for run in runs]
    return results, list(found.test_accuracy.values)


def main() -> None:
    """Trains the seeds that the store lacks, times some anew, and the plain loop beside them."""
    parser = timing.options(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--timed", type=int, default=1, help="seeds that are trained anew")
    parser.add_argument("--store", type=Path, default=Path("runs"))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    study, seeds, batches, repeats = load("speed"), options.seeds, 30, 5
    if options.quick:
        study, seeds, batches, repeats = load("quickstart"), 2, 2, 1
    where = {"data_dir": options.data_dir, "device": options.device}
    results, tests = trained(study, seeds, options.store, **where, workers=None)
    with TemporaryDirectory() as folder:
        timed, _ = trained(study, options.timed, Path(folder), **where, workers=1)
    on_cpu = options.device == "cpu"
    rate = plain_images_per_second(report_recipe(), batches, repeats) if on_cpu else None
    rows = [row(*each) for each in zip_longest(results, tests, timed[: len(results)])]
    command = f"python benchmarks/time_to_accuracy.py --seeds {seeds} --timed {options.timed}"
    command += "" if on_cpu else f" --device {options.device}"
    timing.write(
        "time_to_accuracy" if on_cpu else "time_to_accuracy_cuda",
        command,
        COLUMNS,
        rows,
        facts=facts(results, tests, timed, rate),
        quick=options.quick,
    )


if __name__ == "__main__":
    main()
