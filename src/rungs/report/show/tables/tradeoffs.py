"""Accuracy against what it costs, as a table."""

from collections.abc import Sequence

from rungs.foundation.wording import counted
from rungs.report.figures.tradeoffs import SECONDS
from rungs.report.figures.whole import ReportData
from rungs.report.show.scales import short
from rungs.report.show.section import Section, percent

# Rungs that a sentence names; of more it gives the number.
_MOST_NAMED = 4


def tradeoff_section(data: ReportData) -> Section:
    """For each rung, what it costs and in which costs it is Pareto-optimal."""
    found = data.tradeoffs
    costs = tuple(item.cost for item in found)
    names = dict.fromkeys(dot.rung for item in found for dot in item.dots)
    rows = []
    for name in names:
        dots = {item.cost: dot for item in found for dot in item.dots if dot.rung == name}
        best = [cost for cost, dot in dots.items() if dot.best]
        cells = [short(dots[cost].cost) if cost in dots else "" for cost in costs]
        accuracy = next(iter(dots.values())).accuracy
        rows.append((name, percent(accuracy), *cells, ", ".join(best)))
    return Section(
        "Accuracy for what it costs",
        ("rung", f"{data.part} %", *costs, "Pareto-optimal in"),
        frozenset((f"{data.part} %", *costs)),
        tuple(rows),
        (
            "Pareto-optimal: no other rung is as accurate for less, or more accurate for as much.",
            *_on_seconds(data),
        )
        if rows
        else (),
    )


def _on_seconds(data: ReportData) -> list[str]:
    """Which seconds are shown, and why others are not."""
    measured = sum(rung.train_seconds is not None for rung in data.rungs)
    lines = []
    if any(item.cost == SECONDS for item in data.tradeoffs):
        folds = data.study.folds
        what = "run that was" if folds is None else f"seed, whose {folds} runs were"
        lines.append(f"Seconds are those of one {what} trained alone.")
    for names, why in (
        (
            data.untimed.beside,
            "trained beside other runs, which slow each other; `rungs run --workers 1` trains one "
            "at a time",
        ),
        (data.untimed.unknown, "from before it was noted whether a run was trained alone"),
        (data.untimed.unlike, "not all trained on the same processor with the same threads"),
    ):
        if names:
            whose = _named(names) if len(names) < measured else ""
            lines.append(f"Seconds{whose} are left out: {why}.")
    return lines


def _named(names: Sequence[str]) -> str:
    """`` of A and B``, or how many there are where they are many."""
    if len(names) > _MOST_NAMED:
        return f" of {counted(len(names), 'rung')}"
    *some, last = names
    return f" of {', '.join(some)} and {last}" if some else f" of {last}"
