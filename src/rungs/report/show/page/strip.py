"""The ladder as a plot: a row for each rung, a mark for each seed."""

from collections.abc import Sequence
from dataclasses import dataclass

from rungs.foundation.wording import counted
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import ReportData
from rungs.report.show.charts import Axis, axis
from rungs.report.show.placing import lifted
from rungs.report.show.section import Section, filled, interval, percent, points
from rungs.report.show.tables.verdicts import verdicts_of


@dataclass(frozen=True)
class Row:
    """A rung's row of the ladder's plot; places in percent of the width."""

    rung: RungReport
    depth: int
    dots: tuple[float, ...]
    lifts: tuple[float, ...]  # of the dots, in pixels, up from the middle of the row
    mean: float | None
    label: str
    label_left: bool  # of the marks, not right
    words: str  # beside its name
    state: str
    reported: float | None
    same_budget: bool
    after: int | None  # row of the rung that it stands on

    @property
    def leftmost(self) -> float:
        """Left of it a label hides no mark of a seed."""
        return min(self.dots)

    @property
    def rightmost(self) -> float:
        """Right of it a label hides no mark of a seed."""
        return max(self.dots)


@dataclass(frozen=True)
class Strip:
    """The whole plot, the same in sentences, and the figures of its rows.

    Attributes:
        step: height of a row, pixels.
    """

    step: int
    axis: Axis
    rows: tuple[Row, ...]
    sentences: tuple[str, ...]
    figures: Section


def strip(data: ReportData) -> Strip:
    """The plot's rows, in the ladder's order."""
    trunk = _trunk(data)
    values = [value for rung in data.rungs for value in data.accuracy(rung).values]
    if data.part == "test":
        values += [r.reported.test_accuracy for r in data.rungs if r.reported.test_accuracy]
    across = axis(100 * max(values, default=1.0), marks=6, most=100)
    numbers = {rung.name: number for number, rung in enumerate(data.rungs)}
    depths: dict[str, int] = {}
    one_length = len({rung.epochs for rung in data.rungs}) == 1
    rows = []
    for rung in data.rungs:
        on_trunk = rung.name in trunk or rung.after is None
        depths[rung.name] = 0 if on_trunk else min(3, depths.get(str(rung.after), 0) + 1)
        mean = data.accuracy(rung).mean
        reported = rung.reported.test_accuracy if data.part == "test" else None
        dots = tuple(across.place(100 * value) for value in data.accuracy(rung).values)
        cross = None if reported is None else across.place(100 * reported)
        rows.append(
            Row(
                rung,
                depths[rung.name],
                dots,
                lifted(dots),
                None if mean is None else across.place(100 * mean),
                percent(mean) + (" mean" if len(dots) > 1 else ""),
                _stands_left(dots, cross),
                _words(rung, one_length=one_length),
                _rung_state(rung, data),
                cross,
                rung.reported.epochs in (None, rung.epochs),
                numbers.get(rung.after or ""),
            )
        )
    sentences = tuple(_sentence(rung, data) for rung in data.rungs)
    return Strip(_step(data), across, tuple(rows), sentences, _figures(data))


# A row holds a rung's name and what it is, or on a narrow screen its name above its marks.
_STEP = 44
# Of more rungs than these, each has less.
_MANY = 12
_STEP_OF_MANY = 36


def _step(data: ReportData) -> int:
    return _STEP if len(data.rungs) <= _MANY else _STEP_OF_MANY


def _words(rung: RungReport, *, one_length: bool) -> str:
    """What stands beside a rung's name: its epochs where rungs differ, and that it was tried."""
    epochs = "" if one_length else counted(rung.epochs, "epoch")
    return ", ".join(filter(None, (epochs, "" if rung.kept else "tried")))


# Of the plot's width in percent: what a mean's label takes beside the dots, and where, to the right
# of them, there is no room for it.
_LABEL = 26.0
_NO_ROOM = 82.0


def _stands_left(dots: Sequence[float], cross: float | None) -> bool:
    """Whether a label stands left of its dots: it hides no cross, and seems to be of none."""
    if not dots:
        return False
    return max(dots) > _NO_ROOM or (cross is not None and 0 < cross - max(dots) < _LABEL)


def _figures(data: ReportData) -> Section:
    """One row a rung, short enough to stand beside the plot; means over seeds."""
    words = {item.name: item.outcome for item in verdicts_of(data)} if data.judged else {}
    rows = []
    for rung in data.rungs:
        effect = data.effect(rung)
        rows.append(
            {
                "rung": rung.name,
                "test %": percent(rung.test_accuracy.mean),
                "val %": percent(rung.val_accuracy.mean),
                "vs previous": "" if effect is None else points(effect.delta),
                "95 % interval": "" if effect is None else interval(effect),
                "verdict": words.get(rung.name, ""),
            }
        )
    return filled("Figures", rows, ("test %", "val %", "vs previous"))


def _trunk(data: ReportData) -> set[str]:
    """From the final rung down to its root."""
    trunk: set[str] = set()
    name: str | None = data.study.final
    while name is not None and name not in trunk:
        trunk.add(name)
        name = data.study.rung(name).after
    return trunk


def _rung_state(rung: RungReport, data: ReportData) -> str:
    """What stands in place of a figure."""
    if rung.seeds:
        return ""
    if rung.failed:
        return "failed"
    begun = any(rung.name in run.names for run in data.runs if run.state == "begun")
    return "running" if begun else "to do"


def _sentence(rung: RungReport, data: ReportData) -> str:
    mean = data.accuracy(rung).mean
    figure = _rung_state(rung, data) if mean is None else f"{percent(mean)} %"
    reported = ""
    if data.part == "test" and rung.reported.test_accuracy is not None:
        at = rung.reported.epochs
        epochs = "" if at in (None, rung.epochs) else f" in {counted(at, 'epoch')}"
        reported = f", reported {percent(rung.reported.test_accuracy)} %{epochs}"
    return f"{rung.name} ({'kept' if rung.kept else 'tried'}): {figure}{reported}"
