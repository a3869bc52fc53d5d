"""Accuracy against what it costs: which rungs are beaten on both counts, and which by none."""

from collections.abc import Callable

from rungs.report.figures.rungs import RungReport
from rungs.report.figures.tradeoffs import FLOPS, PARAMETERS, SECONDS, Dot, Tradeoff
from rungs.report.figures.whole import ReportData

_COSTS: dict[str, Callable[[RungReport], float | None]] = {
    PARAMETERS: lambda rung: rung.cost[0],
    FLOPS: lambda rung: rung.cost[2],
    SECONDS: lambda rung: rung.train_seconds,
}


def trained_alike(data: ReportData) -> bool:
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
        if name != SECONDS or trained_alike(data)
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
    frontier = sorted((dot for dot in dots if dot.best), key=lambda dot: dot.cost)
    return Tradeoff(name, dots, tuple(frontier))


def _beaten(paid: float, accuracy: float, all_of: list[tuple[RungReport, float, float]]) -> bool:
    return any(
        other <= paid and reached >= accuracy and (other < paid or reached > accuracy)
        for _, other, reached in all_of
    )
