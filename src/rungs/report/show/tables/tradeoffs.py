"""Accuracy against what it costs, as a table."""

from rungs.report.figures.tradeoffs import COSTS
from rungs.report.figures.whole import ReportData
from rungs.report.show.scales import short
from rungs.report.show.section import Section, percent


def tradeoff_section(data: ReportData) -> Section:
    """For each rung, what it costs and on which counts no other rung beats it."""
    found = data.tradeoffs
    names = dict.fromkeys(dot.rung for item in found for dot in item.dots)
    rows = []
    for name in names:
        dots = {item.cost: dot for item in found for dot in item.dots if dot.rung == name}
        best = [cost for cost, dot in dots.items() if dot.best]
        cells = [short(dots[cost].cost) if cost in dots else "" for cost in COSTS]
        accuracy = next(iter(dots.values())).accuracy
        rows.append((name, percent(accuracy), *cells, ", ".join(best)))
    return Section(
        "Accuracy for what it costs",
        ("rung", f"{data.part} %", *COSTS, "beaten by none on"),
        frozenset((f"{data.part} %", *COSTS)),
        tuple(rows),
        (
            "A rung is beaten where another is as accurate for less, or more accurate for as much. "
            + (
                "Seconds are those of one run; runs side by side share the processor."
                if data.trained_alike
                else "Seconds are left out: not all rungs were trained with the same threads."
            ),
        )
        if rows
        else (),
    )
