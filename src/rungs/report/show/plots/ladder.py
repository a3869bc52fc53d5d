"""The ladder: a row for each rung, a mark for each seed."""

from matplotlib.figure import Figure

from rungs.foundation.wording import counted
from rungs.report.figures.whole import ReportData
from rungs.report.show.placing import lifted
from rungs.report.show.plots.style import COLOURS, mark
from rungs.report.show.scales import linear

# Of a row, in the pixels of `lifted`.
_ROW = 32.0
# Whether it was kept -> so that each of two marks that meet can be seen.
_OUTLINED = {True: {"markeredgecolor": "white"}, False: {}}


def ladder(data: ReportData) -> Figure | None:
    """One line per rung: every seed's accuracy as a dot, the reported figure as a cross."""
    shown = [rung for rung in data.rungs if data.accuracy(rung).values]
    if not shown:
        return None
    figure = Figure(figsize=(7.5, 1.4 + 0.38 * len(data.rungs)), layout="constrained")
    axes = figure.add_subplot()
    labels: set[str] = set()
    every = [100 * value for rung in shown for value in data.accuracy(rung).values]
    across = linear(0.0, max(every))

    def once(label: str) -> str | None:
        """A label for the legend the first time, then none."""
        if label in labels:
            return None
        labels.add(label)
        return label

    for row, rung in enumerate(data.rungs):
        values = [100 * value for value in data.accuracy(rung).values]
        axes.plot(
            values,
            [row - lift / _ROW for lift in lifted([across.place(value) for value in values])],
            **mark(kept=rung.kept) | _OUTLINED[rung.kept],
            label=once("kept" if rung.kept else "tried, not kept") if values else None,
        )
        reported = rung.reported
        if reported.test_accuracy is not None and data.part == "test":
            same = reported.epochs in (None, rung.epochs)
            axes.plot(
                [100 * reported.test_accuracy],
                [row],
                "x" if same else "+",
                color=COLOURS[6],
                label=once("reported" if same else "reported, at other epochs"),
            )
    axes.set_yticks(
        range(len(data.rungs)),
        [f"{rung.name} ({counted(rung.epochs, 'epoch')})" for rung in data.rungs],
    )
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{data.part} accuracy (%), one dot per seed")
    axes.set_title(f"{data.study.title}: budget {data.budget}", loc="left")
    # Below the axes: inside, it would hide the dots of some rung.
    figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    return figure
