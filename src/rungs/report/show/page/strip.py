"""The ladder as a plot: a row for each rung, a mark for each seed."""

from collections.abc import Sequence
from dataclasses import dataclass

from rungs.foundation.wording import counted
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import ReportData
from rungs.report.show.charts import Axis, axis
from rungs.report.show.placing import lifted
from rungs.report.show.scales import short
from rungs.report.show.section import Section, filled, megaflops, percent, points
from rungs.report.show.tables.ladder import outcomes


@dataclass(frozen=True)
class Row:
    """A rung's row of the ladder's plot; places in percent of the width."""

    rung: RungReport
    depth: int
    dots: tuple[float, ...]
    lifts: tuple[float, ...]  # of the dots, in pixels, up from the middle of the row
    mean: float | None
    label: str
    label_left: bool  # of the dots, not right
    state: str
    reported: float | None
    same_budget: bool
    after: int | None  # row of the rung that it stands on


@dataclass(frozen=True)
class Strip:
    """The whole plot, the same in sentences, and the headline figures of its rows."""

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
                percent(mean),
                _stands_left(dots, cross),
                _rung_state(rung, data),
                cross,
                rung.reported.epochs in (None, rung.epochs),
                numbers.get(rung.after or ""),
            )
        )
    sentences = tuple(_sentence(rung, data) for rung in data.rungs)
    return Strip(across, tuple(rows), sentences, _figures(data))


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
    """One line a rung, short enough to stand beside the plot; means over seeds."""
    words = outcomes(data)
    rows = [
        {
            "rung": rung.name,
            "test %": percent(rung.test_accuracy.mean),
            "val %": percent(rung.val_accuracy.mean),
            "vs previous": points(rung.delta_previous),
            "verdict": words.get(rung.name, ""),
            "parameters": "-" if rung.cost[0] is None else short(rung.cost[0]),
            "MFLOPs": megaflops(rung.cost[2]),
        }
        for rung in data.rungs
    ]
    return filled("Headline figures", rows, set(rows[0] if rows else ()) - {"rung", "verdict"})


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
