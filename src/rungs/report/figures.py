"""Plots of a report, as SVG files that are the same for the same content."""

import warnings
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rungs.files import write_atomically
from rungs.report.data import ReportData, RungReport

# Okabe and Ito's colours, told apart by all common forms of colour vision. Training lines are
# dashed and tried rungs hollow, so that nothing is told by colour alone.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

_SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "rungs",
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "font.size": 9,
}


def draw(
    data: ReportData, folder: Path, *, form: Literal["svg", "png"] = "svg"
) -> list[tuple[str, Path]]:
    """Draws every plot for which there are figures.

    Args:
        data: what is known.
        folder: where the files go; a file of a plot that is not drawn any more is removed.
        form: of the files; PNG is for looking at, SVG is the same file for the same content.

    Returns:
        Title and file of each plot.
    """
    base, final = data.rung(data.study.base), data.rung(data.study.final)
    drawn: list[tuple[str, Path]] = []

    def keep(title: str, name: str, figure: Figure | None) -> None:
        path = folder / f"{name}.{form}"
        if figure is None:
            path.unlink(missing_ok=True)
        else:
            drawn.append((title, _save(figure, path)))

    with mpl.rc_context(_SETTINGS):  # type: ignore[arg-type]
        keep("The ladder", "ladder", _ladder(data))
        if base is not None:
            tried = [rung for rung in data.rungs if rung.after == base.name and not rung.kept]
            keep("Curves of the base", "base", _curves([base, *tried], training=True))
            pair = [base, final] if final is not None and final.history else []
            keep("Base against final", "base-final", _curves(pair, training=False))
        if final is not None:
            keep(f"Accuracy per class of {final.name}", "classes", _classes(final))
    return drawn


def _save(figure: Figure, path: Path) -> Path:
    buffer = BytesIO()
    form = path.suffix[1:]
    # A date in the file would make it another one every time; PNG has none.
    metadata = {"Date": None} if form == "svg" else None
    with warnings.catch_warnings():
        # Names of classes may be in any script; a letter that the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format=form, dpi=150, metadata=metadata)
    write_atomically(path, lambda file: file.write(buffer.getvalue()))
    return path


def _ladder(data: ReportData) -> Figure | None:
    """One line per rung: every seed's accuracy as a dot, the reported figure as a cross."""
    shown = [rung for rung in data.rungs if _accuracy(rung, data)]
    if not shown:
        return None
    figure = Figure(figsize=(7.5, 1.4 + 0.38 * len(data.rungs)), layout="constrained")
    axes = figure.add_subplot()
    labels: set[str] = set()

    def once(label: str) -> str | None:
        """A label for the legend the first time, then none."""
        if label in labels:
            return None
        labels.add(label)
        return label

    for row, rung in enumerate(data.rungs):
        values = [100 * value for value in _accuracy(rung, data)]
        axes.plot(
            values,
            [row] * len(values),
            "o",
            markersize=7,
            color=COLOURS[0] if rung.kept else COLOURS[1],
            markerfacecolor=COLOURS[0] if rung.kept else "white",
            label=once("kept" if rung.kept else "tried, not kept") if values else None,
        )
        reported = rung.reported
        if reported.test_accuracy is not None and data.with_test:
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
        [f"{rung.name} ({rung.epochs} epochs)" for rung in data.rungs],
    )
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    part = "test" if data.with_test else "validation"
    axes.set_xlabel(f"{part} accuracy (%), one dot per seed")
    axes.set_title(f"{data.study.title}: budget {data.budget}", loc="left")
    # Below the axes: inside, it would hide the dots of some rung.
    figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _accuracy(rung: RungReport, data: ReportData) -> tuple[float, ...]:
    return rung.test_accuracy.values if data.with_test else rung.val_accuracy.values


def _curves(rungs: Iterable[RungReport], *, training: bool) -> Figure | None:
    """Loss and accuracy over epochs; thin lines for every seed's run."""
    shown = [rung for rung in rungs if rung.history]
    if not shown:
        return None
    figure = Figure(figsize=(8.5, 3.4), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    for number, rung in enumerate(shown):
        for seed, history in enumerate(rung.history):
            epochs = [entry.epoch for entry in history]
            style: dict[str, Any] = {"color": COLOURS[number % 6], "linewidth": 1.4}
            label = rung.name if seed == 0 else None
            validation = f"{label}, validation" if label else None
            loss.plot(epochs, [e.val_loss for e in history], "-", label=validation, **style)
            accuracy.plot(
                epochs, [100 * e.val_accuracy for e in history], "-", label=validation, **style
            )
            if training:
                train = f"{label}, training" if label else None
                loss.plot(epochs, [e.train_loss for e in history], "--", label=train, **style)
                accuracy.plot(
                    epochs, [100 * e.train_accuracy for e in history], "--", label=train, **style
                )
            best = rung.best_epochs[seed]
            loss.plot([best], [history[best - 1].val_loss], "o", markersize=5, **style)
    _name(loss, "cross-entropy (nats)")
    _name(accuracy, "accuracy (%)")
    loss.set_title("o: lowest validation loss, the epoch that is tested", loc="left", fontsize=8)
    accuracy.set_ylim(bottom=0)
    loss.legend(fontsize=8)
    return figure


def _name(axes: Axes, quantity: str) -> None:
    axes.set_xlabel("epoch")
    axes.set_ylabel(quantity)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _classes(rung: RungReport) -> Figure | None:
    """Every class's accuracy, sorted, with 95 % Wilson intervals."""
    if not rung.classes:
        return None
    ordered = sorted(rung.classes, key=lambda item: item.accuracy)
    wide = len(ordered) > 30
    figure = Figure(
        figsize=(7, 1.2 + (0.13 if wide else 0.25) * len(ordered)), layout="constrained"
    )
    axes = figure.add_subplot()
    rows = range(len(ordered))
    middle = [100 * item.accuracy for item in ordered]
    below = [100 * (item.accuracy - item.low) for item in ordered]
    above = [100 * (item.high - item.accuracy) for item in ordered]
    axes.errorbar(
        middle,
        rows,
        xerr=[below, above],
        fmt="o",
        markersize=3,
        color=COLOURS[0],
        ecolor="#bbbbbb",
        elinewidth=1,
    )
    axes.set_yticks(rows, [item.name for item in ordered], fontsize=6 if wide else 8)
    axes.set_ylim(-1, len(ordered))
    axes.set_xlim(0, 100)
    axes.set_xlabel("test accuracy (%), 95 % Wilson interval before selection")
    axes.set_title(f"Accuracy per class of {rung.name}", loc="left")
    return figure
