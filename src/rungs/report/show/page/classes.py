"""Every class of a rung, sorted, and which groups of classes are taken for which."""

from dataclasses import dataclass

from rungs.evidence.metrics import ClassAccuracy
from rungs.report.data import ReportData, RungReport

# So that the page stays small whatever the study: what goes beyond is left out, and said so.
MOST_CLASSES = 200
MOST_GROUPS = 30


@dataclass(frozen=True)
class ClassTable:
    """All classes, the best first."""

    rung: RungReport
    rows: tuple[tuple[int, ClassAccuracy, str], ...]  # rank, class, group
    left_out: int


def class_table(rung: RungReport, data: ReportData) -> ClassTable:
    """The classes of one rung; classes of one accuracy share a rank."""
    ordered = sorted(rung.classes, key=lambda item: (-item.accuracy, item.index))
    ranks: dict[float, int] = {}
    for rank, item in enumerate(ordered, start=1):
        ranks.setdefault(item.accuracy, rank)
    rows = [
        (
            ranks[item.accuracy],
            item,
            data.group_names[data.groups[item.index]] if data.groups else "",
        )
        for item in ordered
    ]
    if len(rows) > MOST_CLASSES:
        half = MOST_CLASSES // 2
        rows = [*rows[:half], *rows[-half:]]
    return ClassTable(rung, tuple(rows), len(ordered) - len(rows))


@dataclass(frozen=True)
class Confusion:
    """Shares of each true group's images that are taken for each group."""

    rung: RungReport
    rows: tuple[tuple[int, ...], ...]  # whole percent
    right: float
    pairs: tuple[tuple[str, str, float], ...]  # the most frequent mistakes


def confusion(rung: RungReport, data: ReportData) -> Confusion:
    """The table of one rung, and the mistakes that it makes most."""
    names = data.group_names
    wrong = sorted(
        (-share, true, taken)
        for true, row in enumerate(rung.confusion)
        for taken, share in enumerate(row)
        if true != taken and share > 0
    )
    kept = [row[true] for true, row in enumerate(rung.confusion)]
    return Confusion(
        rung,
        tuple(tuple(round(100 * share) for share in row) for row in rung.confusion),
        sum(kept) / len(kept),
        tuple((names[true], names[taken], -share) for share, true, taken in wrong[:5]),
    )
