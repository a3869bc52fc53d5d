"""Seeds and hours that it takes to find 1 point in ladders that were trained.

What the recipes of an archive's ladder vary by, between seeds and over images, is taken from their
test answers, as means over its pairs (`rungs.statistics.power.components`), those that move
their statistics (*plain*) and those that average or renew (*steady*) apart. Ladders of such rungs
are drawn in which each truly differs by 1 point from the one before, and judged on 10,000 images by
the rule as it is and by both tests, which held before. *Seeds*: the fewest of every rung with which
four fifths of the differences are found, or more than are tried. *Hours*: that many times what one
seed of all rungs took in the archive, all of a machine's cores busy. *Trained* are the hours of all
runs that the archive's verdicts are of, and *decided* the comparisons that they tell: those that
help, hurt or make no difference. Run as

    python benchmarks/one_point.py [--quick] STUDY:BUDGET:SEEDS ...

for archives under `results/`, such as ``cifar100:equal:2``, with their data at hand
(``RUNGS_DATA``). SEEDS may be ``all``: those that each rung has.
"""

import itertools
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import timing
from false_words import draw, judged
from ladders import Ladder

from rungs.data.loading import load as load_data
from rungs.evidence.archives import take
from rungs.evidence.kinds import STEADY
from rungs.evidence.labels import keep_labels
from rungs.foundation.environment import available_cores
from rungs.report.gather.gathering import gather
from rungs.report.gather.judging import evidence_of
from rungs.statistics.levels import POWER
from rungs.statistics.power import Components, components
from rungs.statistics.verdicts import Evidence
from rungs.store import Store, open_store
from rungs.store.results import Result
from rungs.study import Study, load
from rungs.study.jobs import with_finished_seeds
from rungs.study.plan import Plan, plan

IMAGES = 10_000
TRUE = 1.0  # points
TRIED = (*range(2, 13), 15, 20, 25, 30, 40)
DRAWS = 4_000
DECIDED = ("helps", "hurts", "no difference")
COLUMNS = (
    *("archive", "rungs", "processor", "plain S", "steady S", "independent", "images"),
    *("hours a seed", "seeds, both tests", "hours, both tests", "seeds", "hours"),
    *("trained, hours", "decided", "hours a decided"),
)


@dataclass(frozen=True)
class Measured:
    """A trained ladder.

    Attributes:
        ladder: to draw from, of rungs that stand each on the one before.
        deviations: kind -> between seeds of its recipes, points.
        hours: of one seed of all rungs on a machine with all cores busy.
        trained: hours of all runs.
        decided: comparisons that have another word than *undecided*.
        comparisons: in all.
        processors: that trained it.
    """

    ladder: Ladder
    deviations: Mapping[str, float]
    hours: float
    trained: float
    decided: int
    comparisons: int
    processors: str


def varying(study: Study, answers: Mapping[str, Evidence]) -> Mapping[str, Components]:
    """Kind -> what its recipes vary by: from pairs of that kind, or else from all."""
    pairs = [
        (answers[rung.name], answers[after])
        for rung in study.rungs
        if rung.name in answers and (after := rung.after or "") in answers
    ]
    everything = components([(a.correct, b.correct) for a, b in pairs])
    if everything is None:
        raise SystemExit(f"{study.name}: no two seeds of a rung and of the one that it stands on")
    kinds = {item.kind for item in answers.values()}
    return {
        kind: components([(a.correct, b.correct) for a, b in pairs if a.kind == b.kind == kind])
        or everything
        for kind in kinds
    }


def measured(wanted: Plan, store: Store) -> Measured:
    """A study's ladder as it was trained."""
    report = gather(wanted, store, with_test=True)
    answers = {rung.name: evidence_of(wanted.study, rung) for rung in report.rungs}
    parts = varying(wanted.study, answers)
    deviations = {
        kind: 100 * float(np.sqrt(one.seed + one.interaction / IMAGES))
        for kind, one in parts.items()
    }
    results = {
        item.rung.name: [store.result(run.key) for run in item.runs if store.is_finished(run.key)]
        for item in wanted.rungs
    }
    seconds = {
        name: [one.train_seconds * _share(one) for one in some] for name, some in results.items()
    }
    words = [rung.verdict.outcome for rung in report.rungs if rung.verdict is not None]
    kinds = [item.kind for item in answers.values()]
    mean = {
        name: float(np.mean([getattr(parts[kind], name) for kind in kinds]))
        for name in ("image", "interaction")
    }
    ladder = Ladder(
        wanted.study.name,
        tuple(deviations[kind] for kind in kinds),
        tuple(kind == STEADY for kind in kinds),
        images=100 * float(np.sqrt(mean["image"] / IMAGES)),
        independent=100 * float(np.sqrt(mean["interaction"] / IMAGES)),
    )
    return Measured(
        ladder,
        deviations,
        hours=sum(float(np.mean(some)) for some in seconds.values() if some) / 3600,
        trained=sum(map(sum, seconds.values())) / 3600,
        decided=sum(word in DECIDED for word in words),
        comparisons=len(words),
        processors=", ".join(
            sorted({_processor(one.execution) for some in results.values() for one in some})
        ),
    )


def _share(result: Result) -> float:
    """Of the machine that trained a run: its threads, or all of a GPU."""
    if result.execution["device"] != "cpu":
        return 1.0
    return float(result.execution["threads"]) / available_cores()


def _processor(execution: Mapping[str, Any]) -> str:
    return f"{execution['processor']} {execution.get('instructions', '')}".strip()


def found(ladder: Ladder, seeds: int, *, old: bool) -> float:
    """Share of true differences of 1 point that are found, mean over the comparisons."""
    counts = (seeds,) * len(ladder.deviations)
    drawn = draw(ladder, counts, np.random.default_rng(seeds), DRAWS)
    shifts = TRUE * (np.arange(len(counts)) % 2)
    differences, limits = judged(ladder, drawn, shifts, old=old)
    signs = np.array([1.0 if a > b else -1.0 for b, a in itertools.pairwise(shifts)])
    return float((differences * signs > limits).mean())


def fewest(ladder: Ladder, tried: tuple[int, ...], *, old: bool) -> int | None:
    """The fewest seeds that find enough; None if even the most that are tried do not."""
    return next((n for n in tried if found(ladder, n, old=old) >= POWER), None)


def main() -> None:
    """Measures every archive that is named."""
    parser = timing.options(__doc__)
    parser.add_argument("archives", nargs="+", metavar="STUDY:BUDGET:SEEDS")
    given = parser.parse_args()
    rows = []
    for text in given.archives:
        name, budget, seeds = text.split(":")
        study = load(name)
        wanted = plan(study, budget=budget, seeds=None if seeds == "all" else int(seeds))
        with TemporaryDirectory() as folder:
            store = open_store(Path(folder))
            take(timing.RESULTS.parent / study.name, store, wanted)
            keep_labels(store, load_data(study.data))
            if seeds == "all":
                wanted = with_finished_seeds(wanted, store)
            one = measured(wanted, store)
        row: dict[str, object] = {
            "archive": f"{study.name}, {budget}, {seeds} seeds",
            "rungs": len(one.ladder.deviations),
            "processor": one.processors,
            "plain S": one.deviations.get("plain"),
            "steady S": one.deviations.get(STEADY),
            "independent": one.ladder.independent,
            "images": one.ladder.images,
            "hours a seed": one.hours,
        }
        tried = TRIED[:3] if given.quick else TRIED
        for words, old in ((", both tests", True), ("", False)):
            count = fewest(one.ladder, tried, old=old)
            row[f"seeds{words}"] = f"> {tried[-1]}" if count is None else count
            row[f"hours{words}"] = None if count is None else count * one.hours
        row["trained, hours"] = one.trained
        row["decided"] = f"{one.decided} of {one.comparisons}"
        row["hours a decided"] = one.trained / one.decided if one.decided else None
        rows.append(row)
    command = shlex.join(["python", "benchmarks/one_point.py", *sys.argv[1:]])
    timing.write("one_point", command, COLUMNS, rows, quick=given.quick)


if __name__ == "__main__":
    main()
