"""Accuracy against what it costs: which rungs are beaten on both counts, and which by none."""

from collections.abc import Callable
from dataclasses import dataclass

from rungs.report.data import ReportData, RungReport
from rungs.report.show.scales import Scale, linear, logarithmic, short
from rungs.report.show.section import Section, percent


@dataclass(frozen=True)
class Dot:
    """A rung in a plot.

    Attributes:
        rung: its name.
        kept: whether it was kept.
        cost: in the plot's unit.
        accuracy: mean over seeds, a fraction.
        best: whether no other rung is as accurate for less, or more accurate for as much.
    """

    rung: str
    kept: bool
    cost: float
    accuracy: float
    best: bool


@dataclass(frozen=True)
class Tradeoff:
    """Accuracy against one cost (a Pareto plot).

    Attributes:
        cost: its name and unit.
        dots: the rungs that were measured, in the ladder's order.
        across: scale of the cost.
        up: scale of the accuracy, percent.
    """

    cost: str
    dots: tuple[Dot, ...]
    across: Scale
    up: Scale

    def at(self, dot: Dot) -> tuple[float, float]:
        """A dot's place in percent, from the left and from the top."""
        return self.across.place(dot.cost), round(100 - self.up.place(100 * dot.accuracy), 2)

    @property
    def frontier(self) -> tuple[Dot, ...]:
        """The dots that no other beats, by rising cost."""
        return tuple(sorted((dot for dot in self.dots if dot.best), key=lambda dot: dot.cost))


_SECONDS = "seconds of training"
_COSTS: dict[str, Callable[[RungReport], float | None]] = {
    "parameters": lambda rung: rung.cost[0],
    "FLOPs an image": lambda rung: rung.cost[2],
    _SECONDS: lambda rung: rung.train_seconds,
}


def _trained_alike(data: ReportData) -> bool:
    """Whether all runs had one kind of processor and as many threads."""
    records = [record for rung in data.rungs for record in rung.records]
    names = ("device", "processor", "threads")
    return len({tuple(record.get(name) for name in names) for record in records}) <= 1


def tradeoffs(data: ReportData) -> tuple[Tradeoff, ...]:
    """Accuracy per parameter, per FLOP and per second; none with fewer than two rungs measured.

    Seconds are left out where rungs had different processors, or shares of one.
    """
    found = (
        _tradeoff(data, name, cost)
        for name, cost in _COSTS.items()
        if name != _SECONDS or _trained_alike(data)
    )
    return tuple(item for item in found if len(item.dots) > 1)


def _tradeoff(data: ReportData, name: str, cost: Callable[[RungReport], float | None]) -> Tradeoff:
    measured = []
    for rung in data.rungs:
        accuracy = data.accuracy(rung).mean
        paid = cost(rung)
        if accuracy is not None and paid:
            measured.append((rung, float(paid), accuracy))
    dots = tuple(
        Dot(rung.name, rung.kept, paid, accuracy, not _beaten(paid, accuracy, measured))
        for rung, paid, accuracy in measured
    )
    paid_all = [dot.cost for dot in dots] or [1.0]
    accuracies = [100 * dot.accuracy for dot in dots] or [0.0]
    return Tradeoff(
        name,
        dots,
        logarithmic(min(paid_all), max(paid_all)),
        linear(min(accuracies), max(accuracies)),
    )


def _beaten(paid: float, accuracy: float, all_of: list[tuple[RungReport, float, float]]) -> bool:
    return any(
        other <= paid and reached >= accuracy and (other < paid or reached > accuracy)
        for _, other, reached in all_of
    )


def tradeoff_section(data: ReportData) -> Section:
    """For each rung, what it costs and on which counts no other rung beats it."""
    found = tradeoffs(data)
    names = dict.fromkeys(dot.rung for item in found for dot in item.dots)
    rows = []
    for name in names:
        dots = {item.cost: dot for item in found for dot in item.dots if dot.rung == name}
        best = [cost for cost, dot in dots.items() if dot.best]
        cells = [short(dots[cost].cost) if cost in dots else "" for cost in _COSTS]
        accuracy = next(iter(dots.values())).accuracy
        rows.append((name, percent(accuracy), *cells, ", ".join(best)))
    return Section(
        "Accuracy for what it costs",
        ("rung", f"{data.part} %", *_COSTS, "beaten by none on"),
        frozenset((f"{data.part} %", *_COSTS)),
        tuple(rows),
        (
            "A rung is beaten where another is as accurate for less, or more accurate for as much. "
            + (
                "Seconds are those of one run; runs side by side share the processor."
                if _trained_alike(data)
                else "Seconds are left out: not all rungs were trained with the same threads."
            ),
        )
        if rows
        else (),
    )
