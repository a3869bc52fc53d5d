"""How much of the spread between seeds is measurement: one training, evaluated four ways.

Rungs of built-in studies are trained as their studies train them. After every epoch the very same
training is evaluated on validation with batch normalisation's moving statistics (*moving*), with
statistics taken anew (*renewed*, `rungs.training.evaluation`), as an exponential moving average of
weights and statistics over about half an epoch (*average*), and as that average with statistics
taken anew (*both*). Training notices nothing. The test set is not touched. Run as

    python benchmarks/measurement.py STUDY:RUNG[:SEEDS[:EPOCHS[:PRECISION]]] ... [--threads N]

*best*: the epoch of the lowest validation loss, as its way of measuring sees it. *sd*: between
seeds. *wobble*: mean absolute change of the accuracy from one epoch to the next in the last third.
Accuracies are in percent. Trainings that are finished are not trained again: their curves lie in
``results/benchmarks/measurement/``.
"""

import copy
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import timing

from rungs.data.images import Exploration
from rungs.data.loading import load as load_data
from rungs.foundation.environment import environment
from rungs.ops.averages import ExponentialAverage
from rungs.recipe import Recipe, recipe_key, replace
from rungs.recipe.components import MovingStatistics, NoAverage
from rungs.study import load
from rungs.study.plan import plan
from rungs.training.epoch import Training, steps_per_epoch, train_epoch
from rungs.training.evaluation import evaluate, settle
from rungs.training.record import ExecutionRecord, candidates
from rungs.training.throughput import measure, quickest, usable

WAYS = ("moving", "renewed", "average", "both")
COLUMNS = (
    *("study", "rung", "epochs", "precision", "way"),
    *("seeds", "best mean", "best sd", "last mean", "last sd", "wobble", "seconds a time"),
)


@dataclass(frozen=True)
class Question:
    """Trainings of one rung, of one study's budget."""

    study: str
    rung: str
    seeds: int
    epochs: int
    recipe: Recipe


@cache
def exploration(study: str) -> Exploration:
    """Training and validation images of a built-in study."""
    return load_data(load(study).data).exploration


def asked(text: str) -> Question:
    """A question as the command names it; three seeds, and the rest the study's, unless it says."""
    name, rung, *rest = text.split(":")
    item = next(item for item in plan(load(name)).rungs if item.rung.name == rung)
    numbers = [int(one) for one in rest[:2]]
    seeds, epochs = (*numbers, *(3, item.epochs)[len(numbers) :])
    # Statistics and average are what is compared; all else is the rung's.
    recipe = replace(item.rung.recipe, average=NoAverage(), statistics=MovingStatistics())
    if len(rest) > len(numbers):
        recipe = replace(recipe, precision=rest[-1])
    return Question(name, rung, seeds, epochs, recipe)


def curves(question: Question, seed: int, record: ExecutionRecord) -> list[dict[str, Any]]:
    """For each epoch and way: validation loss and accuracy, and the seconds of the evaluation."""
    recipe, data = question.recipe, exploration(question.study)
    training = Training.begin(recipe, data, seed, question.epochs, record)
    half = steps_per_epoch(len(data.train), recipe.batch_size) / 2
    average = ExponentialAverage(training.model, 1 - 1 / half)
    rows: list[dict[str, Any]] = []
    for number in range(1, question.epochs + 1):
        entry = train_epoch(training, number, lambda done: average.update(done, epoch_ends=False))
        found: dict[str, Any] = {
            "moving": [entry.val_loss, entry.val_accuracy, entry.val_seconds],
        }
        for way in WAYS[1:]:
            began = time.perf_counter()
            model = copy.deepcopy(training.model if way == "renewed" else average.model())
            if way == "average":
                model.eval()
            else:
                settle(model, recipe, data.train, seed=seed, record=record)
            loss, accuracy = evaluate(model, data.validation, record, recipe.precision)
            found[way] = [loss, accuracy, time.perf_counter() - began]
        rows.append({"epoch": number, "train_seconds": entry.train_seconds, **found})
        print(question.rung, seed, number, *(f"{found[way][1]:.4f}" for way in WAYS), flush=True)
    return rows


@cache
def quickest_record(question: Question, threads: int) -> ExecutionRecord:
    """How its recipe computes quickest here, as a study finds it."""
    data = load(question.study).data
    records = usable(question.recipe, data.image_shape, data.classes, candidates("cpu", threads))
    return quickest(records, measure(question.recipe, data, records))


def remembered(question: Question, seed: int, threads: int, folder: Path) -> Any:
    """The curves of one training, from the file of an earlier call if there is one."""
    name = f"{question.study}-{question.rung}-{question.epochs}-seed{seed}.json"
    path = folder / name
    key = recipe_key(question.recipe)
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["recipe"] == key:
            return known["epochs"]
    record = quickest_record(question, threads)
    rows = curves(question, seed, record)
    kept = {"recipe": key, "record": record.to_dict(), "environment": environment()}
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**kept, "epochs": rows}) + "\n", encoding="utf-8")
    return rows


def best_of(rows: Sequence[Mapping[str, Any]], way: str) -> float:
    """Accuracy of the epoch of the lowest validation loss, percent."""
    return 100 * float(min(rows, key=lambda row: row[way][0])[way][1])


def wobble(rows: Sequence[Mapping[str, Any]], way: str) -> float:
    """Mean absolute change of the accuracy between neighbours of the last third, points."""
    late = rows[len(rows) - max(2, len(rows) // 3) :] if len(rows) > 1 else [rows[0], rows[0]]
    return statistics.fmean(abs(100 * (b[way][1] - a[way][1])) for a, b in pairwise(late))


def summary(question: Question, trainings: Sequence[Any]) -> list[dict[str, object]]:
    """One row for each way."""
    rows: list[dict[str, object]] = []
    for way in WAYS:
        best = [best_of(item, way) for item in trainings]
        last = [100 * item[-1][way][1] for item in trainings]
        rows.append(
            {
                "study": question.study,
                "rung": question.rung,
                "epochs": question.epochs,
                "precision": question.recipe.precision,
                "way": way,
                "seeds": len(trainings),
                "best mean": statistics.mean(best),
                "best sd": statistics.stdev(best) if len(best) > 1 else None,
                "last mean": statistics.mean(last),
                "last sd": statistics.stdev(last) if len(last) > 1 else None,
                "wobble": statistics.fmean(wobble(item, way) for item in trainings),
                "seconds a time": statistics.median(
                    row[way][2] for item in trainings for row in item
                ),
            }
        )
    return rows


def main() -> None:
    """Trains what is not trained yet, a seed of every rung in turn, and writes after each."""
    parser = timing.options(__doc__)
    parser.add_argument("rungs", nargs="+", metavar="STUDY:RUNG[:SEEDS[:EPOCHS[:PRECISION]]]")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    questions = [asked(text) for text in options.rungs]
    folder = timing.RESULTS / "measurement"
    if options.quick:
        questions = [Question(q.study, q.rung, 1, 1, q.recipe) for q in questions]
        folder = timing.quick_folder() / "measurement"
    done: dict[int, list[Any]] = {number: [] for number in range(len(questions))}
    command = f"python benchmarks/measurement.py {' '.join(options.rungs)}"
    for seed in range(max(item.seeds for item in questions)):
        for number, question in enumerate(questions):
            if seed < question.seeds:
                done[number].append(remembered(question, seed, options.threads, folder))
                rows = [
                    row
                    for n, found in done.items()
                    if found
                    for row in summary(questions[n], found)
                ]
                timing.write(
                    "measurement", command, COLUMNS, rows, quick=options.quick, silent=True
                )
    print((folder.parent / "measurement.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
