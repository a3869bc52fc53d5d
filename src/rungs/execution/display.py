"""What is seen while a study runs: bars in a terminal, lines elsewhere, JSON, or nothing."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from rungs.report.figures.runs import run_name
from rungs.report.show.planned import describe
from rungs.store.results import RunSpec
from rungs.study.estimate import duration
from rungs.study.plan import Plan

# Given the epochs done of each run by key, the seconds that are left, or None if nobody knows.
TimeLeft = Callable[[Mapping[str, float]], float | None]


class Happening(Protocol):
    """An event of `rungs.execution`, which this module does not import."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def spec(self) -> RunSpec: ...  # noqa: D102
    @property
    def values(self) -> Mapping[str, Any]: ...  # noqa: D102


class Display:
    """Shows nothing: base of the others, and what ``--quiet`` asks for."""

    def say(self, line: str) -> None:
        """A line for the user."""

    def show(self, event: Happening) -> None:
        """Something that happened to a run."""

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

    def show(self, event: Happening) -> None:
        """Prints all but the steps within an epoch."""
        self._done[event.spec.key] = _done(event)
        if event.kind == "step":
            return
        line = describe(event.kind, event.spec, event.values, self._plan)
        left = self._left(self._done) if event.kind == "epoch" else None
        typer.echo(line if left is None else f"{line}, {duration(left)} left in all")


class JsonLines(Display):
    """One JSON object per line for every event."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def say(self, line: str) -> None:
        """An event of its own."""
        typer.echo(json.dumps({"event": "say", "text": line}))

    def show(self, event: Happening) -> None:
        """The event with the run's names, key and values."""
        if event.kind == "step":
            return
        run = {"run": run_name(event.spec, self._plan), "key": event.spec.key}
        typer.echo(json.dumps({"event": event.kind, **run, **event.values}))


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

    def show(self, event: Happening) -> None:
        """Moves the bars; finished, failed and lost runs leave a line above them."""
        key, spec = event.spec.key, event.spec
        self._done[key] = _done(event)
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(
                run_name(spec, self._plan), total=spec.epochs, figures=""
            )
        if event.kind == "start":
            # Time runs from here: until now the worker has read its data.
            self._said = (self._clock(), self._left(self._done))
        if event.kind == "epoch":
            self._said = (self._clock(), self._left(self._done))
            accuracy = f"val {100 * event.values['val_accuracy']:.1f} %"
            self._progress.update(self._tasks[key], figures=accuracy)
        goes_on = event.kind == "start" and (event.values["done"] or event.values["anew"])
        if event.kind in ("done", "lost") or goes_on:
            self.say(describe(event.kind, spec, event.values, self._plan))
        if event.kind in ("done", "lost"):
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


def _done(event: Happening) -> float:
    """How many epochs of its run are done after an event."""
    if event.kind == "epoch":
        return float(event.values["epoch"])
    if event.kind in ("start", "step"):
        return float(event.values["done"])
    return float(event.spec.epochs)


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
