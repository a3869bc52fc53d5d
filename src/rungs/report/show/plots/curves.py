"""Loss and accuracy over epochs."""

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rungs.report.figures.rungs import RungReport
from rungs.report.show.plots.style import COLOURS


def curves(rungs: Iterable[RungReport], *, training: bool) -> Figure | None:
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
            alone = len(epochs) == 1  # a line would not be seen
            style["marker"] = "." if alone else None
            label = rung.name if seed == 0 else None
            validation = f"{label}, validation" if label else None
            loss.plot(epochs, [e.val_loss for e in history], "-", label=validation, **style)
            accuracy.plot(
                epochs, [100 * e.val_accuracy for e in history], "-", label=validation, **style
            )
            if training:
                train = f"{label}, training" if label else None
                dashed = {**style, "linestyle": "--", "marker": "x" if alone else None}
                loss.plot(epochs, [e.train_loss for e in history], label=train, **dashed)
                accuracy.plot(
                    epochs, [100 * e.train_accuracy for e in history], label=train, **dashed
                )
            best = rung.best_epochs[seed]
            tested = {**style, "marker": "o", "markersize": 5}
            loss.plot([best], [history[best - 1].val_loss], **tested)
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
