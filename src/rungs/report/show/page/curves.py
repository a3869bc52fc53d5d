"""Curves over epochs and time: every run's own, rungs over each other, base against final."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import ReportData
from rungs.report.show.charts import MOST_POINTS, Axis, axis, epoch_axis, points
from rungs.report.show.section import is_told
from rungs.store.results import Epoch, elapsed

# So that the page stays small whatever the study: what goes beyond is left out, and said so.
MOST_SEEDS_DRAWN = 5
MOST_TABLE_EPOCHS = 40


@dataclass(frozen=True)
class Line:
    """A polyline: what it is for, and how it looks.

    Attributes:
        rung: number of its colour, by the rung or run that it is of.
        words: how it is drawn: ``training``, ``validation``, or ``finished`` for no more than that.
        points: in the square of `rungs.report.show.charts`.
        name: what it is of, to be told where one points at it; empty for nothing.
    """

    rung: int
    words: str
    points: str
    name: str = ""

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
class Across:
    """What curves are drawn against.

    Attributes:
        axis: from 0 to the end of the longest curve.
        word: of its unit, below the axis.
        words: what it is, in a sentence.
        most: points of a line.
    """

    axis: Axis
    word: str
    words: str
    most: int = MOST_POINTS

    def places(self, history: Sequence[Epoch]) -> Sequence[float]:
        """Where each epoch of a run ends, in the axis's unit; empty where nobody told it."""
        return elapsed(history) if self.word == _SECONDS else [item.epoch for item in history]


@dataclass(frozen=True)
class Plot:
    """One plot of curves. ``name`` makes its ids."""

    name: str
    title: str
    unit: str
    describe: str
    across: Across
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
    """All curves of a page.

    Attributes:
        cards: one for each rung.
        overlay: all rungs over each other, against epochs, then, on validation, against time.
        first: names of the rungs that are laid over each other at first.
    """

    cards: tuple[Card, ...]
    overlay: tuple[tuple[Plot, ...], tuple[Plot, ...]]
    first: frozenset[str]


_SECONDS = "seconds of training"

# Field of an epoch, its words, whether it is an accuracy.
QUANTITIES = (
    ("train_loss", "training loss", False),
    ("val_loss", "validation loss", False),
    ("train_accuracy", "training accuracy", True),
    ("val_accuracy", "validation accuracy", True),
)


def quantity(history: Sequence[Epoch], field: str) -> list[float]:
    """A field of each epoch: a loss in nats, an accuracy in percent; empty where it is not told."""
    factor = 100 if field.endswith("accuracy") else 1
    values = [factor * float(getattr(entry, field)) for entry in history]
    return values if all(map(is_told, values)) else []


def _has_curves(rung: RungReport) -> bool:
    """Whether there is something to draw of it: what was recorded may come without."""
    return any(quantity(history, field) for history in rung.history for field, _, _ in QUANTITIES)


def over_epochs(epochs: int) -> Across:
    """Against epochs, of which the longest run has so many."""
    return Across(epoch_axis(epochs), "epoch", "epochs")


def over_time(histories: Sequence[Sequence[Epoch]]) -> Across:
    """Against the time that runs have trained for; coarser, for a page has each curve twice."""
    longest = max((at[-1] for history in histories if (at := elapsed(history))), default=0.0)
    return Across(axis(longest), _SECONDS, _SECONDS, MOST_POINTS // 2)


def up_to(histories: Sequence[Sequence[Epoch]], *, accuracy: bool) -> Axis:
    """One axis for all plots of a quantity, so that they can be compared by eye."""
    fields = [field for field, _, kind in QUANTITIES if kind == accuracy]
    values = (
        value for history in histories for field in fields for value in quantity(history, field)
    )
    return axis(max(values, default=0.0), marks=4, most=100 if accuracy else None)


def drawn(rungs: Sequence[RungReport]) -> list[Sequence[Epoch]]:
    """The runs of some rungs that are drawn."""
    return [history for rung in rungs for history in rung.history[:MOST_SEEDS_DRAWN]]


def curves(data: ReportData) -> Curves | None:
    """The curves of every rung that has some; None if there are none."""
    rungs = [rung for rung in data.rungs if _has_curves(rung)]
    if not rungs:
        return None
    numbers = {rung.name: number for number, rung in enumerate(rungs)}
    ends = (data.rung(data.study.base), data.chosen)
    shown = rungs if len(rungs) <= 3 else [rung for rung in rungs if rung in ends]
    shown_runs = drawn(rungs)
    ups = {kind: up_to(shown_runs, accuracy=kind) for kind in (False, True)}

    def overlay(name: str, across: Across, among: tuple[str, ...]) -> tuple[Plot, ...]:
        return tuple(
            _plot(
                f"{name}-{field.replace('_', '-')}",
                rungs,
                ((field, words),),
                numbers,
                across,
                ups[accuracy],
                marks=field == "val_loss",
            )
            for field, words, accuracy in QUANTITIES
            if field.startswith(among)
        )

    both = (
        overlay("over", _longest(rungs), ("train", "val")),
        overlay("timed", over_time(shown_runs), ("val",)),
    )
    cards = tuple(_card(rung, number, ups) for number, rung in enumerate(rungs))
    return Curves(cards, both, frozenset(rung.name for rung in shown))


def _longest(rungs: Sequence[RungReport]) -> Across:
    return over_epochs(max(len(history) for rung in rungs for history in rung.history))


def _plot(
    name: str,
    rungs: Sequence[RungReport],
    fields: Sequence[tuple[str, str]],
    numbers: dict[str, int],
    across: Across,
    up: Axis,
    *,
    marks: bool,
) -> Plot:
    lines, dots, sentences = [], [], []
    for rung in rungs:
        number = numbers[rung.name]
        for field, words in fields:
            for seed, history in enumerate(rung.history[:MOST_SEEDS_DRAWN]):
                values, at = quantity(history, field), across.places(history)
                if not values or not at:
                    continue
                line = points(values, across.axis, up, at, most=across.most)
                lines.append(Line(number, words.split()[0], line))
                best = rung.best_epochs[seed]
                if marks and best and field.startswith("val"):
                    place = up.place(values[best - 1])
                    dots.append(
                        Mark(number, across.axis.place(at[best - 1]), round(100 - place, 2))
                    )
            first = quantity(rung.history[0], field)
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
    plots = tuple(
        _plot(
            f"run-{rung.name}-{word}",
            [rung],
            [(field, words) for field, words, kind in QUANTITIES if kind == accuracy],
            {rung.name: number},
            replace(_longest([rung]), most=MOST_POINTS // 2),  # half as wide as the others
            ups[accuracy],
            marks=True,
        )
        for word, accuracy in (("loss", False), ("accuracy", True))
    )
    every = -(-max(map(len, rung.history)) // MOST_TABLE_EPOCHS)
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
    plots = tuple(
        _plot(
            f"pair-{word}",
            rungs,
            [(field, words) for field, words, kind in QUANTITIES if kind == accuracy],
            {base.name: 0, final.name: 1},
            _longest(rungs),
            up_to(drawn(rungs), accuracy=accuracy),
            marks=True,
        )
        for word, accuracy in (("loss", False), ("accuracy", True))
    )
    return Pair(base, final, plots)
