"""How much longer a training takes with each modification of the catalogue than without it.

The example of each on the recipe that it changes, over noise of the size of CIFAR-100's images, in
a process that is set as those of a study are. A training is measured whole, from its first epoch to
its last, so that a change that acts in a part of them counts for that part; evaluation is left out.
Run as ``python benchmarks/catalogue.py`` on an idle machine: about ten minutes on two cores.
"""

import os
import subprocess
import sys
from collections.abc import Callable

import throughput
import timing
import torch

from rungs.data.images import Exploration
from rungs.execution.process import settings
from rungs.foundation.environment import available_cores
from rungs.network.typical_cost import is_chosen
from rungs.recipe import Recipe
from rungs.recipe.modifications import Modification, apply, catalogue, example_recipe
from rungs.training.epoch import Training, train_epoch
from rungs.training.record import use
from rungs.training.teaching import fresh_teacher

EPOCHS = 5
BATCHES = 2
COLUMNS = ("modification", "family", "ms an update without", "ms with", "times as long")


def training(recipe: Recipe, batches: int) -> Callable[[], float]:
    """Seconds of a whole training's updates."""
    train = throughput.images(batches * recipe.batch_size)
    names = tuple(map(str, range(throughput.CLASSES)))
    data = Exploration(train, train.subset(torch.arange(2)), names)
    record = throughput.quickest_record(recipe)
    teacher = None
    if recipe.teaching.teacher:  # by a network of its own size
        teacher = fresh_teacher(recipe, throughput.SHAPE, throughput.CLASSES, record)

    def whole() -> float:
        use(record)
        begun = Training.begin(recipe, data, 0, EPOCHS, record, teacher)
        epochs = (
            train_epoch(begun, number, on_step=lambda _: None) for number in range(1, EPOCHS + 1)
        )
        return sum(epoch.train_seconds for epoch in epochs)

    return whole


def measured(*, batches: int, repeats: int) -> list[dict[str, object]]:
    """A row for each modification whose example is a whole one."""
    tried: list[tuple[Modification, Recipe, Recipe]] = []
    for entry in catalogue():
        if not is_chosen(entry):
            recipe = example_recipe(entry)
            tried.append((entry, recipe, apply(recipe, entry.name, entry.example)))
    recipes = dict.fromkeys(recipe for _, *pair in tried for recipe in pair)
    seconds = timing.medians({recipe: training(recipe, batches) for recipe in recipes}, repeats)

    def update(recipe: Recipe) -> float:
        return 1000 * seconds[recipe] / (EPOCHS * batches)

    return [
        {
            "modification": entry.name,
            "family": entry.family,
            "ms an update without": update(without),
            "ms with": update(changed),
            # Of an image, since a change may be one of batch size.
            "times as long": update(changed)
            / changed.batch_size
            / (update(without) / without.batch_size),
        }
        for entry, without, changed in tried
    ]


def main() -> None:
    """Measures in a process of its own, whose memory is kept as a study's is."""
    parser = timing.options(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--set", action="store_true", help="for its own use: measure here")
    options = parser.parse_args()
    if not options.set:
        again = [sys.executable, __file__, *sys.argv[1:], "--set"]
        sys.exit(subprocess.run(again, env={**settings(), **os.environ}, check=False).returncode)
    batches, repeats = (1, 1) if options.quick else (BATCHES, options.repeats)
    rows = measured(batches=batches, repeats=repeats)
    facts = {
        "training": f"{EPOCHS} epochs of {batches} batches on {available_cores()} threads, "
        f"median of {repeats} repeats",
    }
    command = f"python benchmarks/catalogue.py --repeats {repeats}"
    timing.write("catalogue", command, COLUMNS, rows, facts=facts, quick=options.quick)


if __name__ == "__main__":
    main()
