"""Loss and accuracy over epochs."""

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rungs.report.figures.rungs import RungReport, answering_epoch
from rungs.report.show.plots.style import COLOURS, LINES, SHAPES

# With more rungs than these colours, training curves are left out and names stand below the axes.
_FEW = 6
_WIDTH = 8.5
_HEIGHT = 3.4
# Of the legend below, in inches: a line of it, a letter of a name, and what stands before a name.
_ROW = 0.17
_LETTER = 0.075
_HANDLE = 0.6


def curves(rungs: Iterable[RungReport], *, training: bool) -> Figure | None:
    """Loss and accuracy over epochs; thin lines for every seed's run.

    Args:
        rungs: those without a finished run are left out.
        training: draw training curves too, dashed, as far as few enough rungs leave room for them.
    """
    # Of what was recorded there may be no curve; what is not told of an epoch is left out.
    shown = [rung for rung in rungs if any(rung.history)]
    if not shown:
        return None
    many = len(shown) > _FEW
    columns = _columns(shown)
    rows = -(-len(shown) // columns) if many else 0
    figure = Figure(figsize=(_WIDTH, _HEIGHT + rows * _ROW), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    for number, rung in enumerate(shown):
        first = next(seed for seed, history in enumerate(rung.history) if history)
        for seed, history in enumerate(rung.history):
            if not history:
                continue
            epochs = [entry.epoch for entry in history]
            alone = len(epochs) == 1  # a line would not be seen
            style = _style(number, many=many, alone=alone)
            label = rung.name if seed == first else None
            validation = label if many else f"{label}, validation" if label else None
            loss.plot(epochs, [e.val_loss for e in history], label=validation, **style)
            accuracy.plot(
                epochs, [100 * e.val_accuracy for e in history], label=validation, **style
            )
            if training and not many:
                train = f"{label}, training" if label else None
                dashed = {**style, "linestyle": "--", "marker": "x" if alone else None}
                loss.plot(epochs, [e.train_loss for e in history], label=train, **dashed)
                accuracy.plot(
                    epochs, [100 * e.train_accuracy for e in history], label=train, **dashed
                )
            best = rung.best_epochs[seed]
            tested = {**style, "marker": "o", "markersize": 5}
            if best:
                loss.plot([best], [history[best - 1].val_loss], **tested)
    _name(loss, "cross-entropy (nats)")
    _name(accuracy, "accuracy (%)")
    loss.set_title(f"o: {_answering(shown)}", loc="left", fontsize=8)
    accuracy.set_ylim(bottom=0)
    if many:
        accuracy.set_title("all curves are of validation", loc="left", fontsize=8)
        handles, labels = loss.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8)
    else:
        loss.legend(fontsize=8)
    return figure


def _style(number: int, *, many: bool, alone: bool) -> dict[str, Any]:
    """How a rung's lines look; no two rungs of many look alike."""
    if not many:
        marker = "." if alone else None
        return {"color": COLOURS[number], "linestyle": "-", "linewidth": 1.4, "marker": marker}
    turn, colour = divmod(number, len(COLOURS))
    shape, line = divmod(turn, len(LINES))
    marker = SHAPES[turn % len(SHAPES)] if alone else ("", *SHAPES)[shape % (len(SHAPES) + 1)]
    return {
        "color": COLOURS[colour],
        "linestyle": LINES[line],
        "linewidth": 1.4,
        "marker": marker,
        "markersize": 4,
    }


def _answering(shown: list[RungReport]) -> str:
    return answering_epoch(held_out=any(rung.held_out for rung in shown))


def _columns(shown: list[RungReport]) -> int:
    """How many names of rungs stand side by side below the axes."""
    longest = max(len(rung.name) for rung in shown)
    return max(1, int(_WIDTH / (_HANDLE + _LETTER * longest)))


def _name(axes: Axes, quantity: str) -> None:
    axes.set_xlabel("epoch")
    axes.set_ylabel(quantity)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
