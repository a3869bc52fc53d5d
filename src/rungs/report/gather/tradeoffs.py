"""Accuracy against what it costs: which rungs are beaten on both counts, and which by none."""

from collections.abc import Callable, Sequence

from rungs.report.figures.rungs import RungReport
from rungs.report.figures.tradeoffs import FLOPS, PARAMETERS, SECONDS, Dot, Tradeoff, Untimed
from rungs.report.figures.whole import ReportData

_COSTS: dict[str, Callable[[RungReport], float | None]] = {
    PARAMETERS: lambda rung: rung.cost[0],
    FLOPS: lambda rung: rung.cost[2],
    SECONDS: lambda rung: rung.train_seconds,
}


def untimed(data: ReportData) -> Untimed:
    """The measured rungs whose seconds say nothing about their cost, by the reason.

    Seconds are those of a rung only where nothing was trained beside it, and compare only what
    the same kind of processor did with as many threads.
    """
    measured = [rung for rung in data.rungs if rung.train_seconds]
    beside = [rung for rung in measured if any((count or 1) > 1 for count in rung.workers)]
    unknown = [rung for rung in measured if rung not in beside and None in rung.workers]
    alone = [rung for rung in measured if rung not in beside and rung not in unknown]
    names = ("device", "processor", "threads")
    how = {tuple(record.get(name) for name in names) for rung in alone for record in rung.records}
    unlike = alone if len(how) > 1 else []
    return Untimed(*(tuple(rung.name for rung in rungs) for rungs in (beside, unknown, unlike)))


def tradeoffs(data: ReportData) -> tuple[Tradeoff, ...]:
    """Accuracy per parameter, per FLOP and per second; none with fewer than two rungs measured.

    Seconds only of rungs that are not `untimed`.
    """
    left_out = untimed(data).names
    timed = [rung for rung in data.rungs if rung.name not in left_out]
    found = (
        _tradeoff(data, name, cost, timed if name == SECONDS else data.rungs)
        for name, cost in _COSTS.items()
    )
    return tuple(item for item in found if len(item.dots) > 1)


def _tradeoff(
    data: ReportData,
    name: str,
    cost: Callable[[RungReport], float | None],
    rungs: Sequence[RungReport],
) -> Tradeoff:
    measured = []
    for rung in rungs:
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
