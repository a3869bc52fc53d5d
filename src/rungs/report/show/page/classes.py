"""Every class of a rung, sorted, and which groups of classes are taken for which."""

from dataclasses import dataclass

from rungs.evidence.metrics import ClassAccuracy
from rungs.report.figures.rungs import GroupConfusion, RungReport
from rungs.report.figures.whole import ReportData

# So that the page stays small whatever the study: what goes beyond is left out, and said so.
MOST_CLASSES = 200
MOST_GROUPS = 30
_MOST_MISTAKES = 5


@dataclass(frozen=True)
class ClassTable:
    """All classes, the best first."""

    rung: RungReport
    rows: tuple[tuple[int, ClassAccuracy, str], ...]  # rank, class, group
    left_out: int
    untested: tuple[tuple[str, str], ...]  # class without test images, group


def class_table(rung: RungReport, data: ReportData) -> ClassTable:
    """The classes of one rung; classes of one accuracy share a rank."""

    def group(index: int) -> str:
        return data.group_names[data.groups[index]] if data.groups else ""

    rows = [(one.rank, one.item, group(one.item.index)) for one in rung.ranking]
    if len(rows) > MOST_CLASSES:
        half = MOST_CLASSES // 2
        rows = [*rows[:half], *rows[-half:]]
    untested = tuple((name, group(index)) for index, name in rung.untested[:MOST_CLASSES])
    left_out = len(rung.ranking) - len(rows)
    return ClassTable(rung, tuple(rows), left_out, untested)


@dataclass(frozen=True)
class Confusion:
    """Shares of each true group's images that are taken for each group."""

    rung: RungReport
    rows: tuple[tuple[int, ...], ...]  # whole percent
    right: float
    pairs: tuple[tuple[str, str, float], ...]  # the most frequent mistakes


def confusion(rung: RungReport, found: GroupConfusion, data: ReportData) -> Confusion:
    """The table of one rung, and the mistakes that it makes most."""
    names = data.group_names
    return Confusion(
        rung,
        tuple(tuple(round(100 * share) for share in row) for row in found.shares),
        found.right,
        tuple(
            (names[true], names[taken], share)
            for true, taken, share in found.mistakes[:_MOST_MISTAKES]
        ),
    )
