"""Caveats: what a comparison is to be read with, beside its figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rungs.foundation.wording import counted
from rungs.recipe import Recipe
from rungs.recipe.components import is_recorded
from rungs.report.figures.caveats import AFTER_THE_TEST
from rungs.statistics.verdicts import differing


@dataclass(frozen=True)
class Side:
    """One side of a comparison, as far as its caveats go.

    Attributes:
        name: of the rung, ensemble or run.
        recipe: of its runs.
        epochs: of all runs of a seed together.
        records: execution records of its finished runs.
        seeds: number of finished ones.
        planned_seeds: number of seeds of the plan.
        failed: number of runs that failed.
        failed_seeds: number of seeds that lack such a run.
        inexact: number of seeds with a run that went on under another execution record.
        late: number of seeds that were trained, unplanned, after the test was seen.
    """

    name: str
    recipe: Recipe
    epochs: int
    records: Sequence[Mapping[str, Any]]
    seeds: int
    planned_seeds: int
    failed: int
    failed_seeds: int
    inexact: int
    late: int


def caveats_between(a: Side, b: Side, *, declared: bool) -> tuple[str, ...]:
    """What two sides differ in that is no part of the question, and what they lack.

    Args:
        a: what is judged.
        b: what it is held against.
        declared: whether the study itself says what their recipes differ in.
    """
    caveats = []
    if a.epochs != b.epochs:
        caveats.append(f"unequal budget: {counted(a.epochs, 'epoch')} against {b.epochs}")
    if is_recorded(a.recipe) != is_recorded(b.recipe):
        one, other = (a, b) if is_recorded(a.recipe) else (b, a)
        caveats.append(f"{one.name} was trained elsewhere and recorded, {other.name} here")
    elif not declared and not is_recorded(a.recipe):
        for words, name in (("batch size", "batch_size"), ("precision", "precision")):
            ours, theirs = (getattr(side.recipe, name) for side in (a, b))
            if ours != theirs:
                caveats.append(f"{words} differs: {ours} against {theirs}")
    caveats += differing(a.records, b.records)
    for side in (a, b):
        if side.failed:
            caveats.append(f"{side.failed} failed of {side.name}")
        missing = side.planned_seeds - side.seeds - side.failed_seeds
        if side.seeds and missing:
            caveats.append(f"{missing} of {side.planned_seeds} seeds of {side.name} missing")
        if side.inexact:
            caveats.append(f"{side.inexact} of {side.name} resumed under another execution record")
        if side.late:
            count = counted(side.seeds, "seed")
            caveats.append(f"{side.late} of {count} of {side.name} {AFTER_THE_TEST}")
    return tuple(caveats)
