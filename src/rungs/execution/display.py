"""What is seen while a study runs: bars in a terminal, lines elsewhere, JSON, or nothing."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from rungs.execution.engine import (
    Cancelled,
    EpochEnded,
    Event,
    Finished,
    LeftOut,
    Lost,
    Started,
    Stepped,
)
from rungs.execution.messages import plain
from rungs.foundation.wording import counted
from rungs.report.figures.runs import run_name
from rungs.store.results import RunSpec
from rungs.study.estimate import duration
from rungs.study.plan import Plan

# Given the epochs done of each run by key, the seconds that are left, or None if nobody knows.
TimeLeft = Callable[[Mapping[str, float]], float | None]


class Display:
    """Shows nothing: base of the others, and what ``--quiet`` asks for."""

    def say(self, line: str) -> None:
        """A line for the user."""

    def show(self, spec: RunSpec, event: Event) -> None:
        """Something that happened to a run."""

    def failed_before(self, spec: RunSpec, reason: str) -> None:
        """A run that an earlier call finished as failed; others say it at the end, on stderr."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leaves the terminal as it was."""


class Lines(Display):
    """One line for every finished epoch."""

    def __init__(self, plan: Plan, left: TimeLeft) -> None:
        self._plan = plan
        self._left = left
        self._done: dict[str, float] = {}

    def say(self, line: str) -> None:
        """Prints it."""
        typer.echo(line)

    def show(self, spec: RunSpec, event: Event) -> None:
        """Prints all but the steps within an epoch."""
        if isinstance(event, LeftOut):
            self.say(describe(spec, event, self._plan))
            return
        self._done[spec.key] = _done(spec, event)
        if isinstance(event, Stepped):
            return
        line = describe(spec, event, self._plan)
        left = self._left(self._done) if isinstance(event, EpochEnded) else None
        typer.echo(line if left is None else f"{line}, {duration(left)} left in all")


class JsonLines(Display):
    """One JSON object per line for every event."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def say(self, line: str) -> None:
        """An event of its own."""
        typer.echo(json.dumps({"event": "say", "text": line}))

    def show(self, spec: RunSpec, event: Event) -> None:
        """The event with the run's names, key and values."""
        if isinstance(event, Stepped):
            return
        run = run_name(spec, self._plan)
        typer.echo(json.dumps({"event": event.kind, "run": run, **plain(event)}))

    def failed_before(self, spec: RunSpec, reason: str) -> None:
        """An event of its own: a reader of events learns all that the exit code is about."""
        run = run_name(spec, self._plan)
        said = {"event": "failed before", "run": run, "key": spec.key, "failed": reason}
        typer.echo(json.dumps(said))


class Bars(Display):
    """A bar for the study and one for each run that is being done."""

    def __init__(
        self,
        plan: Plan,
        todo: Sequence[RunSpec],
        left: TimeLeft,
        console: Console,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._left = left
        self._clock = clock
        self._done: dict[str, float] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
            console=console,
        )
        self._todo = {spec.key: spec for spec in todo}
        self._study = self._progress.add_task(
            plan.study.name, total=sum(spec.epochs for spec in todo) or 1, figures=""
        )
        self._tasks: dict[str, TaskID] = {}
        self._finished = 0
        self._said = (self._clock(), None if not todo else left({}))

    def __enter__(self) -> Self:
        self._progress.start()
        self._draw()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Takes the bars off the screen."""
        for task in (*self._tasks.values(), self._study):
            self._progress.remove_task(task)
        self._progress.stop()

    def say(self, line: str) -> None:
        """Prints it above the bars."""
        self._progress.console.print(line, highlight=False, markup=False)

    def show(self, spec: RunSpec, event: Event) -> None:
        """Moves the bars; finished, failed and lost runs leave a line above them."""
        if isinstance(event, LeftOut):
            self.say(describe(spec, event, self._plan))
            return
        key = spec.key
        self._done[key] = _done(spec, event)
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(
                run_name(spec, self._plan), total=spec.epochs, figures=""
            )
        if isinstance(event, Started | EpochEnded):
            # Time runs from the start: until then the worker has read its data.
            self._said = (self._clock(), self._left(self._done))
        if isinstance(event, EpochEnded):
            accuracy = f"val {100 * event.entry.val_accuracy:.1f} %"
            self._progress.update(self._tasks[key], figures=accuracy)
        ended = isinstance(event, Finished | Lost | Cancelled)
        if ended or (isinstance(event, Started) and (event.done or event.anew)):
            self.say(describe(spec, event, self._plan))
        if ended:
            self._finished += 1
            self._progress.remove_task(self._tasks.pop(key))
        self._draw()

    def _draw(self) -> None:
        for key, task in self._tasks.items():
            spec = self._todo[key]
            self._progress.update(
                task,
                completed=self._done[key],
                description=f"{run_name(spec, self._plan)}, epoch "
                f"{min(int(self._done[key]) + 1, spec.epochs)} of {spec.epochs}",
            )
        at, left = self._said
        figures = f"{self._finished} of {len(self._todo)} runs"
        if left is not None:
            figures += f", about {duration(max(0.0, left - (self._clock() - at)))} left"
        self._progress.update(self._study, completed=sum(self._done.values()), figures=figures)


def _done(spec: RunSpec, event: Event) -> float:
    """How many epochs of its run are done after an event."""
    match event:
        case EpochEnded():
            return float(event.entry.epoch)
        case Started() | Stepped():
            return float(event.done)
    return float(spec.epochs)


def describe(spec: RunSpec, event: Event, plan: Plan) -> str:
    """One line for an event of a run."""
    name = run_name(spec, plan)
    match event:
        case Started() if event.done:
            inexact = "" if event.exact else ", not bit-exact: its execution record differs"
            return f"{name}: resumes after epoch {event.done} of {spec.epochs}{inexact}"
        case Started():
            anew = ", from the first epoch: its checkpoint cannot be read" if event.anew else ""
            return f"{name}: begins, {counted(spec.epochs, 'epoch')}{anew}"
        case Stepped():
            return f"{name}: {event.done:.2f} of {counted(spec.epochs, 'epoch')}"
        case EpochEnded(entry=entry):
            return (
                f"{name}: epoch {entry.epoch} of {spec.epochs}, "
                f"train loss {entry.train_loss:.3f}, val loss {entry.val_loss:.3f}, "
                f"val accuracy {100 * entry.val_accuracy:.1f} %, "
                f"{entry.train_seconds + entry.val_seconds:.1f} s"
            )
        case Finished() if event.failed:
            return f"{name}: failed, {event.failed}"
        case Finished() if event.read_off:
            return f"{name}: finished, as the first {counted(spec.epochs, 'epoch')} of a longer run"
        case Finished():
            return f"{name}: finished"
        case Cancelled():
            return f"{name}: stopped"
        case LeftOut():
            return f"{event.reason}; no run is given to it from now on"
        case Lost() if event.memory is False:
            return f"{name}: not finished, {event.reason}"
        case Lost():
            size = spec.recipe.batch_size
            hint = f"if memory was short, try batch_size = {size // 2} instead of {size}"
            if size == 1:
                hint = "if memory was short, only a smaller network helps: batch_size is 1"
            return f"{name}: not finished, {event.reason}; {hint}"
        case _:  # an error, which is not a line
            raise ValueError(f"{event.kind} is not shown as a line")


def choose(
    plan: Plan, todo: Sequence[RunSpec], left: TimeLeft, *, quiet: bool, as_json: bool
) -> Display:
    """The display that the options and the terminal ask for."""
    if quiet:
        return Display()
    if as_json:
        return JsonLines(plan)
    console = Console()
    return Bars(plan, todo, left, console) if console.is_terminal else Lines(plan, left)
