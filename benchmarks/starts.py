"""A few hundred pictures, from random weights and from trained ones: a study of its own.

Every tenth class of CIFAR-100 is held back. A network is trained on the other ninety
(``results/starts/many.toml``), then three rungs with three seeds on thirty pictures of each of the
ten (``few.toml``). Both are pictures in folders, as a user has them. Run as
``python benchmarks/starts.py --folder FOLDER`` with CIFAR-100 at hand (``RUNGS_DATA``): about
twenty minutes on two cores. What is trained stays in the folder, so that it goes on where it was.
"""

import argparse
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from PIL import Image

from rungs.data.images import ImageSet
from rungs.data.kinds.cifar100 import Cifar100Spec
from rungs.data.loading import load

RESULTS = Path(__file__).parents[1] / "results" / "starts"
EVERY = 10  # this class in ten is held back
PICTURES = {"train": 30, "validation": 20, "test": 100}  # of each class held back


def draw(folder: Path) -> None:
    """Writes the pictures of both studies."""
    data = load(Cifar100Spec(), allow_download=False)
    names = data.class_names
    held = set(range(0, len(names), EVERY))
    others = set(range(len(names))) - held
    _write(data.exploration.train, names, others, None, folder / "pictures-many")
    parts = {
        "train": data.exploration.train,
        "validation": data.exploration.validation,
        "test": data.test,
    }
    for part, count in PICTURES.items():
        _write(parts[part], names, held, count, folder / "pictures-few" / part)


def _write(
    images: ImageSet, names: tuple[str, ...], wanted: set[int], most: int | None, root: Path
) -> None:
    """The first ``most`` images of each wanted class, or all, as PNG files in a folder each."""
    written = Counter[int]()
    pixels = images.pixels[:].permute(0, 2, 3, 1).numpy()
    for index, label in enumerate(images.labels.tolist()):
        if label in wanted and (most is None or written[label] < most):
            written[label] += 1
            path = root / names[label] / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[index]).save(path)


def run(*arguments: str) -> None:
    """The command, as a user gives it."""
    subprocess.run([sys.executable, "-m", "rungs", *arguments], check=True)


def main() -> None:
    """Makes the pictures, trains the start, then runs the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("starts"))
    folder: Path = parser.parse_args().folder
    draw(folder)  # the same pictures each time: none is missing after an interruption
    many, few = (Path(shutil.copy(RESULTS / f"{name}.toml", folder)) for name in ("many", "few"))
    store = ("--store", str(folder / "runs"))
    run("run", str(many), *store, "--no-pictures")
    weights = ("--format", "safetensors", "--output", str(folder / "body.safetensors"))
    run("export", str(many), *weights, *store)
    run("run", str(few), *store, "--no-pictures", "--results", str(RESULTS))


if __name__ == "__main__":
    main()
