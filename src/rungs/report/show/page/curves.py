"""Curves over epochs: every run's own, rungs over each other, and base against final."""

from collections.abc import Sequence
from dataclasses import dataclass

from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import ReportData
from rungs.report.show.charts import Axis, axis, epoch_axis, points
from rungs.report.show.section import is_told
from rungs.store.results import Epoch

# So that the page stays small whatever the study: what goes beyond is left out, and said so.
MOST_SEEDS_DRAWN = 5
MOST_TABLE_EPOCHS = 40


@dataclass(frozen=True)
class Line:
    """A polyline: what it is for, and how it looks."""

    rung: int
    words: str
    points: str

    @property
    def is_dot(self) -> bool:
        """Whether it is of one epoch, so that both its ends are in one place."""
        first, *others = self.points.split()
        return others == [first]


@dataclass(frozen=True)
class Mark:
    """A dot at a tested epoch, in percent of width and height."""

    rung: int
    x: float
    y: float


@dataclass(frozen=True)
class Plot:
    """One plot of curves. ``name`` makes its ids."""

    name: str
    title: str
    unit: str
    describe: str
    across: Axis
    up: Axis
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Card:
    """A rung's own curves: both plots and the table."""

    rung: RungReport
    number: int
    plots: tuple[Plot, ...]
    rows: tuple[tuple[int, Epoch, bool], ...]  # seed, epoch, whether it is the tested one
    every: int
    drawn: int


@dataclass(frozen=True)
class Curves:
    """All curves of a page."""

    cards: tuple[Card, ...]
    overlay: tuple[Plot, ...]
    first: frozenset[str]  # names of the rungs that are laid over each other at first


# Field of an epoch, its words, whether it is an accuracy.
_QUANTITIES = (
    ("train_loss", "training loss", False),
    ("val_loss", "validation loss", False),
    ("train_accuracy", "training accuracy", True),
    ("val_accuracy", "validation accuracy", True),
)


def _quantity(history: Sequence[Epoch], field: str) -> list[float]:
    """In nats, or in percent; empty where it was not told of every epoch."""
    factor = 100 if field.endswith("accuracy") else 1
    values = [factor * float(getattr(entry, field)) for entry in history]
    return values if all(map(is_told, values)) else []


def _has_curves(rung: RungReport) -> bool:
    """Whether there is something to draw of it: what was recorded may come without."""
    return any(_quantity(history, field) for history in rung.history for field, _, _ in _QUANTITIES)


def _up(rungs: Sequence[RungReport], *, accuracy: bool) -> Axis:
    """One axis for all plots of a quantity, so that they can be compared by eye."""
    fields = [field for field, _, kind in _QUANTITIES if kind == accuracy]
    highest = max(
        (
            value
            for rung in rungs
            for history in rung.history[:MOST_SEEDS_DRAWN]
            for field in fields
            for value in _quantity(history, field)
        ),
        default=1.0,
    )
    return axis(highest, marks=4, most=100 if accuracy else None)


def curves(data: ReportData) -> Curves | None:
    """The curves of every rung that has some; None if there are none."""
    rungs = [rung for rung in data.rungs if _has_curves(rung)]
    if not rungs:
        return None
    numbers = {rung.name: number for number, rung in enumerate(rungs)}
    ends = (data.rung(data.study.base), data.chosen)
    shown = rungs if len(rungs) <= 3 else [rung for rung in rungs if rung in ends]
    longest = max(len(history) for rung in rungs for history in rung.history)
    overlay = tuple(
        _plot(
            f"over-{field.replace('_', '-')}",
            rungs,
            ((field, words),),
            numbers,
            longest,
            _up(rungs, accuracy=accuracy),
            marks=field == "val_loss",
        )
        for field, words, accuracy in _QUANTITIES
    )
    cards = tuple(
        _card(rung, number, {kind: _up(rungs, accuracy=kind) for kind in (False, True)})
        for number, rung in enumerate(rungs)
    )
    return Curves(cards, overlay, frozenset(rung.name for rung in shown))


def _plot(
    name: str,
    rungs: Sequence[RungReport],
    fields: Sequence[tuple[str, str]],
    numbers: dict[str, int],
    epochs: int,
    up: Axis,
    *,
    marks: bool,
) -> Plot:
    across = epoch_axis(epochs)
    lines, dots, sentences = [], [], []
    for rung in rungs:
        number = numbers[rung.name]
        for field, words in fields:
            for seed, history in enumerate(rung.history[:MOST_SEEDS_DRAWN]):
                values = _quantity(history, field)
                if not values:
                    continue
                lines.append(Line(number, words.split()[0], points(values, across, up)))
                best = rung.best_epochs[seed]
                if marks and best and field.startswith("val"):
                    place = up.place(values[best - 1])
                    dots.append(Mark(number, across.place(best), round(100 - place, 2)))
            first = _quantity(rung.history[0], field)
            if not first:
                continue
            unit = "%" if field.endswith("accuracy") else "nats"
            sentences.append(
                f"{rung.name}, {words}: {first[0]:.2f} after epoch 1, "
                f"{first[-1]:.2f} {unit} after epoch {len(first)}"
            )
    accuracy = fields[0][0].endswith("accuracy")
    title = fields[0][1] if len(fields) == 1 else ("accuracy" if accuracy else "loss")
    unit = "%" if accuracy else "nats"
    return Plot(name, title, unit, ". ".join(sentences), across, up, tuple(lines), tuple(dots))


def _card(rung: RungReport, number: int, ups: dict[bool, Axis]) -> Card:
    longest = max(len(history) for history in rung.history)
    plots = tuple(
        _plot(
            f"run-{rung.name}-{word}",
            [rung],
            [(field, words) for field, words, kind in _QUANTITIES if kind == accuracy],
            {rung.name: number},
            longest,
            ups[accuracy],
            marks=True,
        )
        for word, accuracy in (("loss", False), ("accuracy", True))
    )
    every = -(-longest // MOST_TABLE_EPOCHS)
    rows = [
        (seed, entry, entry.epoch == best)
        for seed, best, history in zip(rung.seeds, rung.best_epochs, rung.history, strict=True)
        for entry in history
        if entry.epoch % every == 0 or entry.epoch in (1, best, len(history))
    ]
    kept = set(rung.seeds[:MOST_SEEDS_DRAWN])
    return Card(
        rung,
        number,
        plots,
        tuple(row for row in rows if row[0] in kept),
        every,
        min(len(rung.seeds), MOST_SEEDS_DRAWN),
    )


@dataclass(frozen=True)
class Pair:
    """Base against final."""

    base: RungReport
    final: RungReport
    plots: tuple[Plot, ...]


def pair(data: ReportData) -> Pair | None:
    """Both ends of the ladder; None unless both are measured."""
    base, final = data.rung(data.study.base), data.rung(data.study.final)
    if base is None or final is None or base is final:
        return None
    if not (_has_curves(base) and _has_curves(final)):
        return None
    rungs = [base, final]
    longest = max(len(history) for rung in rungs for history in rung.history)
    plots = tuple(
        _plot(
            f"pair-{word}",
            rungs,
            [(field, words) for field, words, kind in _QUANTITIES if kind == accuracy],
            {base.name: 0, final.name: 1},
            longest,
            _up(rungs, accuracy=accuracy),
            marks=True,
        )
        for word, accuracy in (("loss", False), ("accuracy", True))
    )
    return Pair(base, final, plots)
