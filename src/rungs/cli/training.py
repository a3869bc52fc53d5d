"""Commands that train."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rungs.cli.options import (
    DEFAULT_STORE,
    BudgetOption,
    DataOption,
    Device,
    DeviceOption,
    EpochsOption,
    LeaveOneOutOption,
    NoPicturesOption,
    NoTestOption,
    OnlyOption,
    ResultsOption,
    SeedsOption,
    SplitOption,
    StoreOption,
    StudyArgument,
    WorkersOption,
    answering,
    page_width,
    planned_by,
)
from rungs.cli.publishing import gallery_from, gather, publish, take
from rungs.errors import RungsError

if TYPE_CHECKING:
    from rungs.estimate import Machine
    from rungs.plan import Plan
    from rungs.report.data import ReportData
    from rungs.store import Store

# Seconds from which on an estimate is given before a study begins.
_WORTH_SAYING = 600

QuietOption = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print events as JSON, one a line.")]


@answering
def run(
    study: StudyArgument,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    epochs: EpochsOption = None,
    only: OnlyOption = None,
    split: SplitOption = None,
    leave_one_out: LeaveOneOutOption = False,
    device: DeviceOption = Device.auto,
    workers: WorkersOption = None,
    data_dir: DataOption = None,
    store: StoreOption = DEFAULT_STORE,
    results: ResultsOption = None,
    no_test: NoTestOption = False,
    no_pictures: NoPicturesOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train what a study still lacks, and report. Started again, it goes on where it was."""
    from rungs.plan import slug
    from rungs.report.forms import render
    from rungs.store import open_store

    wanted, whole = planned_by(
        study, budget, seeds, epochs, only, split=split, leave_one_out=leave_one_out
    )
    opened = open_store(store)
    if results is not None:
        take(results, opened, wanted)
    folders = [opened.root / "reports" / wanted.study.name / slug(wanted.budget)]

    def write(pictures: bool = False) -> "ReportData":
        data = gather(whole, opened, with_test=not no_test)
        find = gallery_from(opened, data_dir) if pictures else None
        keys = [spec.key for spec in whole.runs]
        publish(data, opened, folders, results, keys=keys, pictures=find)
        return data

    lost = train(
        wanted,
        opened,
        device=device,
        workers=workers,
        data_dir=data_dir,
        quiet=quiet,
        as_json=as_json,
        on_done=write,
    )
    if wanted.study.unseal == "at end" and not lost and not no_test:
        from rungs.seal import unseal

        unseal(opened, wanted.study)
    data = write(pictures=not no_pictures)
    if results is not None:
        folders.append(results / slug(wanted.budget))
    if as_json:
        typer.echo(json.dumps({"event": "written", "folders": [str(path) for path in folders]}))
    elif not quiet:
        data = data.limited_to(wanted.names)
        typer.echo(render(data, "text", width=page_width()), nl=False)
        typer.echo(f"the page: {folders[0] / 'report.html'}")
        typer.echo("written: " + ", ".join(str(folder) for folder in folders))
    complain(lost)


@answering
def try_(
    study: StudyArgument,
    changes: Annotated[
        list[str],
        typer.Argument(metavar="CHANGE...", help="Modifications as calls, such as 'residual()'."),
    ],
    on: Annotated[
        str | None, typer.Option("--on", help="The rung to change; the study's final one if none.")
    ] = None,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    epochs: EpochsOption = None,
    device: DeviceOption = Device.auto,
    workers: WorkersOption = None,
    data_dir: DataOption = None,
    store: StoreOption = DEFAULT_STORE,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Try a change on a rung without editing a file, and show what it did on validation."""
    from rungs.plan import plan
    from rungs.report.trial import show_trial
    from rungs.store import open_store
    from rungs.study import load
    from rungs.trial import with_trial

    asked = load(study)
    parent = on or asked.final
    tried, name = with_trial(asked, parent, changes)
    wanted = plan(tried, budget=budget, seeds=seeds, epochs=epochs, only=(parent, name))
    opened = open_store(store)
    lost = train(
        wanted,
        opened,
        device=device,
        workers=workers,
        data_dir=data_dir,
        quiet=quiet,
        as_json=as_json,
        on_done=lambda: None,
    )
    if not as_json and not quiet:
        # Trying is choosing: the test set stays out of it.
        data = gather(wanted, opened, with_test=False)
        typer.echo(show_trial(data, parent, name, width=page_width()), nl=False)
    complain(lost)


def train(
    wanted: "Plan",
    opened: "Store",
    *,
    device: Device,
    workers: int | None,
    data_dir: Path | None,
    quiet: bool,
    as_json: bool,
    on_done: Callable[[], object],
) -> list[str]:
    """Does what a plan lacks and shows it as it happens.

    Args:
        wanted: the plan.
        opened: the store.
        device: where to compute.
        workers: processes side by side; None to share the cores.
        data_dir: where the user has the data.
        quiet: show nothing.
        as_json: show events as JSON lines.
        on_done: called after each finished run.

    Returns:
        A line for each run that was lost.
    """
    from rungs.costs import costs
    from rungs.display import choose
    from rungs.estimate import duration, rates, seconds_left
    from rungs.execution.choosing import choose_machine
    from rungs.execution.conduct import conduct
    from rungs.jobs import jobs, missing
    from rungs.report.planned import describe

    # A network that cannot be built is found now, not in the middle of the study.
    known_costs = costs(wanted.study, opened)
    todo = missing(wanted, opened)
    trainings = [job.spec for job in jobs(wanted, opened)]
    machine: Machine | None = None

    def time_left(done: Mapping[str, float]) -> float | None:
        if machine is None:
            return None
        known = rates(wanted, opened, machine, known_costs)
        at = [(spec, done.get(spec.key, opened.epochs_done(spec.key))) for spec in trainings]
        return seconds_left(at, known, machine.workers)

    lost: list[str] = []
    with choose(wanted, todo, time_left, quiet=quiet, as_json=as_json) as display:
        display.say(
            f"{wanted.study.title}: {len(wanted.runs)} runs, "
            f"{len(wanted.runs) - len(todo)} finished, {len(todo)} to do"
        )
        for line in wanted.left_out:
            display.say(line)
        try:
            machine = choose_machine(
                wanted,
                opened,
                known_costs,
                device=device.value,
                workers=workers,
                say=display.say,
            )
            seconds = time_left({}) if todo else None
            if seconds is not None and seconds > _WORTH_SAYING:
                display.say(f"about {duration(seconds)} on {machine}")
            for event in conduct(wanted, opened, machine, data_dir=data_dir, say=display.say):
                display.show(event)
                if event.kind == "lost":
                    lost.append(describe(event.kind, event.spec, event.values, wanted))
                if event.kind == "done":
                    on_done()
        except KeyboardInterrupt:
            typer.echo("stopped; the same command goes on from the last finished epoch", err=True)
            raise typer.Exit(130) from None
    return lost


def complain(lost: list[str]) -> None:
    """The error of a command whose runs are not all finished.

    Raises:
        RungsError: there are lost runs.
    """
    if lost:
        raise RungsError(
            "not all runs could be finished; the same command goes on with them:\n  "
            + "\n  ".join(lost)
        )
