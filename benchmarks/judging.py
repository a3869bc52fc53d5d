"""How long judging takes what was trained elsewhere: 10 recipes, 3 seeds each, 10,000 images.

Each way is a process of its own, from its start to its end, with bytecode compiled beforehand, as
an installed program has it. Run as ``python benchmarks/judging.py`` on an idle machine. What is
judged is drawn; the first row is what Python, numpy and scipy take to start, with nothing judged.
"""

import csv
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import timing

RECIPES, SEEDS, CLASSES = 10, 3, 100
IMAGES, QUICK_IMAGES = 10_000, 500
LIMIT_SECONDS = 1.0
NOTHING = "import numpy, scipy.special"
ARRAYS = """
import sys
import numpy as np
import rungs

with np.load(sys.argv[1]) as arrays:
    names = dict.fromkeys(name.split("@")[0] for name in arrays.files if name != "labels")
    answers = {name: [arrays[f"{name}@{seed}"] for seed in range(SEEDS)] for name in names}
    print(rungs.judge(answers, arrays["labels"]))
""".replace("SEEDS", str(SEEDS))
COMMAND = "from rungs.cli import main; main()"
HEAD = ("name", "seed", "image", "predicted", "label")
COLUMNS = ("way", "file, MB", "limit", "seconds")


def drawn(images: int) -> tuple[dict[str, Any], npt.NDArray[np.int64]]:
    """What each model predicts, by ``NAME@SEED``, and the true classes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=images)
    hard = rng.normal(size=images)
    answers: dict[str, Any] = {}
    for number in range(RECIPES):
        for seed in range(SEEDS):
            right = hard + rng.normal(0, 0.5, images) < 0.2 + 0.02 * number
            other = rng.integers(CLASSES, size=images)
            answers[f"recipe-{number}@{seed}"] = np.where(right, labels, other)
    return answers, labels


def written(folder: Path, images: int) -> dict[str, tuple[str, Path]]:
    """What each way runs, and on which file."""
    answers, labels = drawn(images)
    classes = folder / "classes.npz"
    np.savez(classes, labels=labels, **answers)
    probabilities = folder / "probabilities.npz"
    likely = (0.1 / CLASSES + 0.9 * np.eye(CLASSES)).astype(np.float32)
    every: dict[str, Any] = {name: likely[one] for name, one in answers.items()}
    np.savez(probabilities, labels=labels, **every)
    table = folder / "answers.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(HEAD)
        for run, predicted in answers.items():
            name, seed = run.split("@")
            for image in range(images):
                rows.writerow((name, seed, image, predicted[image], labels[image]))
    ways = {
        "rungs.judge, predicted classes": (ARRAYS, classes),
        f"rungs.judge, probabilities of {CLASSES} classes": (ARRAYS, probabilities),
        "rungs judge, .npz of predicted classes": (COMMAND, classes),
        "rungs judge, .csv": (COMMAND, table),
    }
    try:
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError:
        return ways
    parquet = folder / "answers.parquet"
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(table), parquet)
    return {**ways, "rungs judge, .parquet": (COMMAND, parquet)}


def answer(code: str, arguments: list[str], bytecode: Path) -> None:
    """Runs a process to its end."""
    surroundings = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=surroundings,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def main() -> None:
    """Times every way."""
    quick = timing.options(__doc__).parse_args().quick
    images = QUICK_IMAGES if quick else IMAGES
    with TemporaryDirectory() as name:
        folder = Path(name)
        ways = written(folder, images)
        sizes = {way: path.stat().st_size / 1e6 for way, (_, path) in ways.items()}
        bytecode = folder / "bytecode"
        candidates = {"nothing": partial(answer, NOTHING, [], bytecode)}
        for way, (code, path) in ways.items():
            arguments = ["judge", str(path)] if code is COMMAND else [str(path)]
            candidates[way] = partial(answer, code, arguments, bytecode)
        found = timing.interleaved(candidates, 1 if quick else 15)
    rows = [
        {
            "way": way,
            "file, MB": sizes.get(way),
            "limit": LIMIT_SECONDS if way in sizes else None,
            "seconds": seconds,
        }
        for way, seconds in found.items()
    ]
    timing.write(
        "judging",
        "python benchmarks/judging.py",
        COLUMNS,
        rows,
        facts={"recipes": RECIPES, "seeds": SEEDS, "images": f"{images:,}"},
        quick=quick,
    )


if __name__ == "__main__":
    main()
