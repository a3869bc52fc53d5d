"""What is going on while a study is trained: runs that have begun, with their curves so far."""

from collections.abc import Sequence
from dataclasses import dataclass

from rungs.foundation.wording import counted
from rungs.report.figures.under_way import Begun
from rungs.report.figures.whole import ReportData
from rungs.report.show.charts import Axis, points
from rungs.report.show.commands import command
from rungs.report.show.page.curves import (
    QUANTITIES,
    Across,
    Line,
    Plot,
    drawn,
    over_epochs,
    over_time,
    quantity,
    up_to,
)
from rungs.report.show.section import Section, filled, percent, seconds
from rungs.store.results import Epoch, elapsed
from rungs.study.estimate import duration

# As many as there are colours; the table has all.
MOST_DRAWN = 7
# What of an epoch stands in the table, beside accuracies.
_LOSSES = (("train loss", "train_loss"), ("val loss", "val_loss"))


@dataclass(frozen=True)
class Now:
    """The part of the page that is about what is going on.

    Attributes:
        sentences: how far the plan is.
        table: a row for each run that has begun.
        drawn: the runs that have curves, in the order of their colours.
        plots: loss and accuracy against epochs, then against time; empty without an epoch.
        finished: whether finished runs are drawn too.
    """

    heading: str
    sentences: tuple[str, ...]
    table: Section
    drawn: tuple[Begun, ...]
    plots: tuple[tuple[Plot, ...], ...]
    finished: bool


def now(data: ReportData) -> Now:
    """What is going on with the runs of a report."""
    going = data.under_way
    begun = tuple(run for run in going.begun if run.history)[:MOST_DRAWN]
    finished = drawn(data.rungs)
    histories = [*finished, *(run.history for run in begun)]
    longest = max((*map(len, finished), *(run.epochs for run in begun)), default=0)
    heading = "Nothing is being trained now"
    if going.begun:
        heading = "Being trained now" if going.trained else "Begun, and not being trained now"
    both = (("now", over_epochs(longest)), ("now-timed", over_time(histories))) if begun else ()
    ups = {kind: up_to(histories, accuracy=kind) for kind in (False, True)}
    return Now(
        heading,
        tuple(_sentences(data)),
        _table(going.begun),
        begun,
        tuple(
            tuple(_plot(name, data, begun, across, ups[kind], accuracy=kind) for kind in ups)
            for name, across in both
        ),
        bool(finished),
    )


def _sentences(data: ReportData) -> list[str]:
    """How far the plan is, what is left, and what to do where nobody goes on with it."""
    going, states = data.under_way, [run.state for run in data.runs]
    trained = len(going.trained)
    counts = {
        "finished": states.count("finished"),
        "failed": states.count("failed"),
        "being trained": trained,
        "stopped halfway": len(going.begun) - trained,
    }
    counts["to do"] = len(states) - sum(counts.values())
    done = counts.pop("finished")
    whole = f"{done} of {counted(len(states), 'run')}" if done else "no run"
    said = [f"So far {whole} {'is' if done < 2 else 'are'} finished"]
    said += [f"{number} {words}" for words, number in counts.items() if number]
    found = [", ".join(said) + "."]
    if going.seconds_left is not None:
        found.append(f"Time left: about {duration(going.seconds_left)} on {going.machine}.")
    if going.trains and not trained:
        found.append(
            "A process does runs in this store now, and at this moment none of these: it may have "
            "other options, such as `--budget` or `--seeds`."
        )
    if not going.trains and len(states) > states.count("finished") + states.count("failed"):
        found.append(f"`{command(data, 'run')}` goes on with it.")
    return found


def _table(begun: Sequence[Begun]) -> Section:
    rows = []
    for run in begun:
        last = run.history[-1] if run.history else None
        row = {
            "run": run.name,
            "state": "" if run.trained else "stopped",
            "epoch": f"{len(run.history)} of {run.epochs}",
        }
        row |= {name: f"{getattr(last, of):.3f}" if last else "" for name, of in _LOSSES}
        row["train %"] = percent(last.train_accuracy if last else None)
        row["val %"] = percent(last.val_accuracy if last else None)
        row["seconds"] = seconds(elapsed(run.history)[-1] if last else None)
        row["s/epoch"] = f"{last.train_seconds:.1f}" if last else ""
        rows.append(row)
    words = ("run", "state")
    right = {name for row in rows for name in row if name not in words}
    return filled("Runs that have begun", rows, right)


def _plot(
    name: str,
    data: ReportData,
    begun: Sequence[Begun],
    across: Across,
    up: Axis,
    *,
    accuracy: bool,
) -> Plot:
    fields = [(field, words) for field, words, kind in QUANTITIES if kind == accuracy]
    unit = "%" if accuracy else "nats"

    def line(number: int, history: Sequence[Epoch], field: str, words: str, of: str) -> Line:
        at = across.places(history)
        placed = points(quantity(history, field), across.axis, up, at, most=across.most)
        return Line(number, words, placed, of)

    validation = fields[-1][0]
    lines = [
        line(0, history, validation, "finished", f"{rung.name}, seed {seed}, finished")
        for rung in data.rungs
        for seed, history in zip(rung.seeds, drawn([rung]), strict=False)
        # Of what was recorded, not all may have been told.
        if quantity(history, validation) and across.places(history)
    ]
    sentences = []
    for number, run in enumerate(begun):
        for field, words in fields:
            lines.append(line(number, run.history, field, words.split()[0], f"{run.name}, {words}"))
            last = quantity(run.history, field)[-1]
            sentences.append(
                f"{run.name}, {words}: {last:.2f} {unit} after epoch {len(run.history)}"
            )
    word = "accuracy" if accuracy else "loss"
    return Plot(f"{name}-{word}", word, unit, ". ".join(sentences), across, up, tuple(lines), ())
