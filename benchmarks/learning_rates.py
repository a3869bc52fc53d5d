"""How well networks train at the rate that `rungs lr` proposes, against the best of a grid.

    python benchmarks/learning_rates.py [--quick]

The rungs of the study `quickstart`; each is trained as the study trains it, with one seed. Writes
nothing: a table goes to standard output.
"""

import argparse
import tempfile
from pathlib import Path

from rungs.data.images import Exploration
from rungs.data.loading import load as load_data
from rungs.recipe import Recipe, replace
from rungs.statistics.range_test import UPDATES, know_nothing, suggest
from rungs.study import load
from rungs.study.plan import plan
from rungs.training.fit import fit
from rungs.training.rate_sweep import measure_range, measure_trials
from rungs.training.record import ExecutionRecord, choose_record

GRID = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
# Of the test and its trials, and of whole trainings.
TEST_SEED, TRAINING_SEED = 0, 1


def accuracy(
    recipe: Recipe, rate: float, data: Exploration, epochs: int, record: ExecutionRecord
) -> float:
    """On validation, a fraction, of the best epoch of a whole training at a rate."""
    changed = replace(recipe, optimiser=replace(recipe.optimiser, learning_rate=rate))
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit(
            changed, data, seed=TRAINING_SEED, epochs=epochs, record=record, folder=Path(folder)
        )
    assert fitted is not None
    return fitted.history[fitted.best_epoch - 1].val_accuracy


def main() -> None:
    """Prints a line for each rung."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rates, one epoch, short tests")
    quick = parser.parse_args().quick
    grid, epochs, updates = (GRID[1:3], 1, 20) if quick else (GRID, None, UPDATES)
    study, record = load("quickstart"), choose_record("cpu", 1)
    data = load_data(study.data).exploration
    nothing = know_nothing(data.validation.labels.bincount().tolist())
    print("rung       proposed  accuracy %  best of the grid")
    for item in plan(study).rungs[: 1 if quick else None]:
        rung, recipe = item.rung, item.rung.recipe
        test = measure_range(recipe, data, seed=TEST_SEED, updates=updates, record=record)
        trials = measure_trials(recipe, data, test, seed=TEST_SEED, updates=updates, record=record)
        proposed = suggest(trials, nothing).rate
        length = epochs or item.epochs
        found = {rate: accuracy(recipe, rate, data, length, record) for rate in grid}
        best = max(found, key=lambda rate: found[rate])
        own = None if proposed is None else accuracy(recipe, proposed, data, length, record)
        said = "none      -" if own is None else f"{proposed:<8g}  {100 * own:10.1f}"
        print(f"{rung.name:<10} {said}  {100 * found[best]:.1f} at {best:g}", flush=True)


if __name__ == "__main__":
    main()
