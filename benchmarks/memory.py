"""Peak resident memory and time of CPU runs, against images, parameters and seeds: a plot for each.

Every run is a process of its own, with the allocator's settings that workers have, and trains one
epoch on noise; torch itself is counted. Run as ``python benchmarks/memory.py`` on an idle machine:
about a quarter of an hour on two cores.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import timing
import torch
from matplotlib.figure import Figure

from rungs.data.images import DataSet, Exploration, ImageSet
from rungs.data.kinds.synthetic import SyntheticSpec
from rungs.execution.process import settings
from rungs.execution.run_one import keep_labels, run_one
from rungs.foundation.environment import available_cores
from rungs.network.building import cost
from rungs.recipe import Recipe
from rungs.store import open_store
from rungs.store.results import RunSpec
from rungs.study import load
from rungs.study.jobs import Job
from rungs.training.record import Setting, choose_record

CLASSES = 100
SIZE = 32
COLUMNS = ("against", "value", "rung", "peak MB", "seconds an epoch")
LIMIT_MB = 1500


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        images: sizes of the training set for the final network, smallest first.
        elsewhere: size of the training set for other networks and for seeds.
        validation: images for validation.
        test: test images.
        rungs: names of the rungs whose networks are measured; empty for all.
        seeds: numbers of runs; as many as there are cores go side by side.
    """

    images: tuple[int, ...]
    elsewhere: int
    validation: int
    test: int
    rungs: tuple[str, ...]
    seeds: tuple[int, ...]


FULL = Scale((5_000, 15_000, 45_000), 15_000, 5_000, 10_000, (), (1, 2, 4, 8))
QUICK = Scale((64, 128), 128, 64, 64, ("base", "pooling"), (1, 2))


def alone(recipe: Recipe, sizes: Sequence[int], threads: int, seed: int = 0) -> dict[str, float]:
    """``mb`` and ``seconds`` of one run in a process of its own."""
    train, validation, test = sizes
    data = SyntheticSpec(classes=CLASSES, train=train, validation=validation, test=test, size=SIZE)
    asked = {"spec": RunSpec(recipe, 1, data, seed).to_dict(), "threads": threads}
    done = subprocess.run(
        [sys.executable, __file__, "--one", json.dumps(asked)],
        env={**settings(), **os.environ},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def one(asked: dict[str, Any]) -> dict[str, float]:
    """What `alone` asks its process for."""
    spec = RunSpec.from_dict(asked["spec"])
    sizes = spec.data.sizes
    data = DataSet(
        name="noise",
        exploration=Exploration(
            _noise(sizes["train"]), _noise(sizes["validation"]), tuple(map(str, range(CLASSES)))
        ),
        test=_noise(sizes["test"]),
        class_names=tuple(map(str, range(CLASSES))),
        group_names=(),
        groups=(),
        fingerprint=spec.data.fingerprint,
    )
    with TemporaryDirectory() as folder:
        store = open_store(Path(folder))
        keep_labels(store, data)
        run_one(store, Job(spec), data, setting=Setting(choose_record("cpu", asked["threads"])))
        seconds = store.result(spec.key).train_seconds
    # Kilobytes on Linux, bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"mb": peak * (1 if sys.platform == "darwin" else 1024) / 1e6, "seconds": seconds}


def _noise(count: int) -> ImageSet:
    generator = torch.Generator().manual_seed(count)
    pixels = torch.randint(0, 256, (count, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    return ImageSet(pixels, torch.randint(0, CLASSES, (count,), generator=generator))


def against_images(scale: Scale, threads: int) -> list[dict[str, object]]:
    """The final network on growing training sets."""
    study = load("cifar100")
    recipe = study.rung(study.final).recipe
    return [
        _row("images", train, study.final, alone(recipe, _sizes(scale, train), threads))
        for train in scale.images
    ]


def against_parameters(scale: Scale, threads: int) -> list[dict[str, object]]:
    """Every rung's network."""
    rows = []
    for rung in load("cifar100").rungs:
        if scale.rungs and rung.name not in scale.rungs:
            continue
        parameters = cost(rung.recipe.network, (3, SIZE, SIZE), CLASSES).parameters
        found = alone(rung.recipe, _sizes(scale, scale.elsewhere), threads)
        rows.append(_row("parameters", parameters, rung.name, found))
    return sorted(rows, key=lambda row: str(row["value"]).zfill(12))


def against_seeds(scale: Scale) -> list[dict[str, object]]:
    """The base network in growing numbers of runs, one thread each, as many at a time as cores.

    Memory is that of all runs that go on at once; seconds are those of all epochs by the cores.
    """
    study = load("cifar100")
    recipe = study.rung(study.base).recipe
    rows = []
    for seeds in scale.seeds:
        workers = min(seeds, available_cores())
        with ThreadPoolExecutor(workers) as pool:
            runs = list(
                pool.map(
                    lambda seed: alone(recipe, _sizes(scale, scale.elsewhere), 1, seed),
                    range(seeds),
                )
            )
        largest = sorted((run["mb"] for run in runs), reverse=True)[:workers]
        seconds = sum(run["seconds"] for run in runs) / workers
        found = {"mb": sum(largest), "seconds": seconds}
        rows.append(_row("seeds", seeds, study.base, found))
    return rows


def _sizes(scale: Scale, train: int) -> tuple[int, int, int]:
    return train, scale.validation, scale.test


def _row(against: str, value: int, rung: str, found: dict[str, float]) -> dict[str, object]:
    return {
        "against": against,
        "value": value,
        "rung": rung,
        "peak MB": round(found["mb"]),
        "seconds an epoch": found["seconds"],
    }


def plot(rows: Sequence[dict[str, Any]], against: str, folder: Path) -> None:
    """``memory-AGAINST.svg``: memory and time, one above the other."""
    chosen = [row for row in rows if row["against"] == against]
    figure = Figure(figsize=(6, 5), layout="constrained")
    for axes, name in zip(figure.subplots(2, 1, sharex=True), COLUMNS[3:], strict=True):
        axes.plot([row["value"] for row in chosen], [row[name] for row in chosen], "o-")
        axes.set_ylabel(name)
        axes.set_ylim(bottom=0)
        axes.grid(visible=True, color="#dddddd")
    axes.set_xlabel(against)
    figure.savefig(folder / f"memory-{against}.svg", metadata={"Date": None})


def main() -> None:
    """Measures everything, or one run in its own process."""
    parser = timing.options(__doc__)
    parser.add_argument("--one", help="for its own use: measure this run")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(json.loads(options.one))))
        return
    scale = QUICK if options.quick else FULL
    threads = available_cores()
    rows = [
        *against_images(scale, threads),
        *against_parameters(scale, threads),
        *against_seeds(scale),
    ]
    single = max(row["peak MB"] for row in rows if row["against"] != "seeds")  # type: ignore[type-var]
    facts: dict[str, object] = {
        "threads of a run": f"{threads}; against seeds, 1",
        "training images": f"{scale.elsewhere:,} but against images",
        "largest run, MB": single,
        "limit, MB": LIMIT_MB,
    }
    command = "python benchmarks/memory.py"
    folder = timing.write("memory", command, COLUMNS, rows, facts=facts, quick=options.quick)
    for against in ("images", "parameters", "seeds"):
        plot(rows, against, folder)


if __name__ == "__main__":
    main()
