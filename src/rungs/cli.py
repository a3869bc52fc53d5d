"""The command line: each command parses, makes one call and prints."""

import os
import sys
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import typer

import rungs
from rungs.errors import DataError, RungsError
from rungs.files import DISK_ERRORS, disk_message

if TYPE_CHECKING:
    from rungs.plan import Plan
    from rungs.report import ReportData
    from rungs.store import Store

P = ParamSpec("P")
T = TypeVar("T")

app = typer.Typer(
    name="rungs",
    help="Take a base image classifier to a good one, one measured change at a time.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """Forms of a report."""

    text = "text"
    markdown = "markdown"
    json = "json"
    html = "html"


class Device(StrEnum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


StudyArgument = Annotated[
    str, typer.Argument(metavar="STUDY", help="A study file, or a built-in study's name.")
]
StoreOption = Annotated[
    Path,
    typer.Option("--store", envvar="RUNGS_STORE", help="Folder of the runs.", show_default=True),
]
BudgetOption = Annotated[
    str | None, typer.Option("--budget", help="A budget of the study, such as equal or own.")
]
SeedsOption = Annotated[
    int | None, typer.Option("--seeds", min=1, max=1000, help="Number of seeds.")
]
EpochsOption = Annotated[
    int | None,
    typer.Option("--epochs", min=1, max=100_000, help="Epochs of every rung, instead of a budget."),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", help="Train and print only this one; may be given several times."),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where the data is; otherwise RUNGS_DATA or the user's cache."),
]
NoTestOption = Annotated[
    bool, typer.Option("--no-test", help="Leave the test set sealed: nothing of it is shown.")
]
ResultsOption = Annotated[
    Path | None,
    typer.Option(
        "--results",
        help="Archive of results: its runs count as finished, and new ones are added.",
    ),
]
DEFAULT_STORE = Path("runs")


def _answering(command: Callable[P, T]) -> Callable[P, T]:
    """Our errors are one line on stderr and exit code 1; anything else is a bug's traceback."""

    @wraps(command)
    def answered(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except RungsError as error:
            typer.echo(f"rungs: {error}", err=True)
            raise typer.Exit(1) from error
        except BrokenPipeError:
            # The reader, such as `head`, has had enough; Python would complain at exit otherwise.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            typer.echo(f"rungs: {disk_message(error)}", err=True)
            raise typer.Exit(1) from error

    return answered


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rungs {rungs.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def _width() -> int:
    """Columns to print in: the terminal's, or enough for the whole table elsewhere."""
    from rich.console import Console

    return Console().width if sys.stdout.isatty() else 160


def _plan(
    study: str,
    budget: str | None,
    seeds: int | None,
    epochs: int | None,
    only: list[str] | None,
) -> "Plan":
    """The plan that the options of most commands ask for."""
    from rungs.plan import plan
    from rungs.study import load

    return plan(load(study), budget=budget, seeds=seeds, epochs=epochs, only=tuple(only or ()))


@app.command(epilog="Example: rungs plan cifar100 --budget own")
@_answering
def plan(
    study: StudyArgument,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    epochs: EpochsOption = None,
    only: OnlyOption = None,
    store: StoreOption = DEFAULT_STORE,
    results: ResultsOption = None,
) -> None:
    """Show what a study would train, and what each rung changes and costs. Trains nothing."""
    from rungs.archive import import_runs
    from rungs.costs import costs
    from rungs.report.planned import planned
    from rungs.store import open_store

    wanted = _plan(study, budget, seeds, epochs, only)
    opened = open_store(store) if store.exists() or results else None
    if opened is not None and results is not None:
        import_runs(opened, results)
    typer.echo(planned(wanted, opened, costs(wanted.study, opened), width=_width()), nl=False)


@app.command(epilog="Example: rungs run quickstart --seeds 2")
@_answering
def run(
    study: StudyArgument,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    epochs: EpochsOption = None,
    only: OnlyOption = None,
    device: Annotated[Device, typer.Option("--device", help="Where to compute.")] = Device.auto,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=256, help="Runs side by side; shares the cores."),
    ] = None,
    data_dir: DataOption = None,
    store: StoreOption = DEFAULT_STORE,
    results: ResultsOption = None,
    no_test: NoTestOption = False,
) -> None:
    """Train what a study still lacks, and report. Started again, it goes on where it was."""
    from rungs.archive import import_runs
    from rungs.costs import costs
    from rungs.execution.conduct import conduct, missing
    from rungs.plan import slug
    from rungs.report import render
    from rungs.report.planned import describe
    from rungs.store import open_store

    wanted = _plan(study, budget, seeds, epochs, only)
    opened = open_store(store)
    if results is not None:
        import_runs(opened, results)
    folders = [opened.root / "reports" / wanted.study.name / slug(wanted.budget)]

    whole = _plan(study, budget, seeds, epochs, None)

    def publish() -> None:
        _publish(whole, opened, folders, results, with_test=not no_test)

    # A network that cannot be built is found now, not in the middle of the study.
    costs(wanted.study, opened)
    todo = missing(wanted, opened)
    typer.echo(
        f"{wanted.study.title}: {len(wanted.runs)} runs, {len(wanted.runs) - len(todo)} finished, "
        f"{len(todo)} to do"
    )
    for line in wanted.left_out:
        typer.echo(line)
    lost: list[str] = []
    try:
        for event in conduct(
            wanted,
            opened,
            device=device.value,
            workers=workers,
            data_dir=data_dir,
            say=typer.echo,
        ):
            line = describe(event.kind, event.spec, event.values, wanted)
            typer.echo(line)
            if event.kind == "lost":
                lost.append(line)
            if event.kind == "done":
                publish()
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on from the last finished epoch", err=True)
        raise typer.Exit(130) from None
    publish()
    data = _gather(wanted, opened, with_test=not no_test)
    typer.echo(render(data, "text", width=_width()), nl=False)
    if results is not None:
        folders.append(results / slug(wanted.budget))
    typer.echo(f"the page: {folders[0] / 'report.html'}")
    typer.echo("written: " + ", ".join(str(folder) for folder in folders))
    if lost:
        raise RungsError(
            "not all runs could be finished; the same command goes on with them:\n  "
            + "\n  ".join(lost)
        )


def _gather(plan: "Plan", store: "Store", *, with_test: bool) -> "ReportData":
    """The report of a plan, as of now."""
    from rungs.costs import costs, layer_tables
    from rungs.environment import environment
    from rungs.report import build

    return build(
        plan,
        store,
        with_test=with_test,
        environment=environment(),
        costs=costs(plan.study, store),
        layers=layer_tables(plan.study, store),
    )


def _publish(
    plan: "Plan", store: "Store", folders: list[Path], results: Path | None, *, with_test: bool
) -> None:
    """Writes the report of a plan to the folders, and brings the archive up to date."""
    from rungs.archive import export_runs
    from rungs.plan import slug
    from rungs.report import write

    data = _gather(plan, store, with_test=with_test)
    for folder in folders:
        write(data, folder)
    # Compact predictions are made with the test labels: without them there is nothing to keep,
    # and figures that an archive has must not be replaced by none.
    if results is not None and data.test_labels:
        export_runs(store, [spec.key for spec in plan.runs], results)
        write(data, results / slug(plan.budget))


@app.command(epilog="Example: rungs status cifar100")
@_answering
def status(
    study: StudyArgument,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    epochs: EpochsOption = None,
    only: OnlyOption = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Show how far each run of a study is."""
    from rungs.report.planned import progress
    from rungs.store import open_store

    wanted = _plan(study, budget, seeds, epochs, only)
    opened = open_store(store) if store.exists() else None
    typer.echo(progress(wanted, opened, width=_width()), nl=False)


@app.command(epilog="Example: rungs report cifar100 --format json > cifar100.json")
@_answering
def report(
    study: StudyArgument,
    format: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.text,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Also write all forms and the plots to this folder."),
    ] = None,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    epochs: EpochsOption = None,
    only: OnlyOption = None,
    data_dir: DataOption = None,
    store: StoreOption = DEFAULT_STORE,
    results: ResultsOption = None,
    no_test: NoTestOption = False,
) -> None:
    """Show a study's results from what is finished. Trains nothing."""
    from rungs.archive import import_runs
    from rungs.report import render
    from rungs.store import open_store

    wanted = _plan(study, budget, seeds, epochs, only)
    opened = open_store(store)
    if results is not None:
        import_runs(opened, results)
        _find_labels(wanted, opened, data_dir)
    whole = _plan(study, budget, seeds, epochs, None)
    _publish(whole, opened, [output] if output else [], results, with_test=not no_test)
    data = _gather(wanted, opened, with_test=not no_test)
    typer.echo(render(data, format.value, width=_width()), nl=False)


def _find_labels(plan: "Plan", store: "Store", data_dir: Path | None) -> None:
    """Keeps the data set's labels, which an archive lacks, if the data is at hand."""
    from rungs.store import PARTS

    spec = plan.study.data
    if all(store.labels(spec.fingerprint, part) is not None for part in PARTS):
        return
    from rungs.data import load
    from rungs.execution.run_one import keep_labels

    try:
        keep_labels(store, load(spec, data_dir=data_dir, allow_download=False))
    except DataError as error:
        typer.echo(f"no figures from predictions, for want of labels: {error}", err=True)


@app.command(epilog="Example: rungs catalogue dropout")
@_answering
def catalogue(
    name: Annotated[str | None, typer.Argument(help="A modification; all if left out.")] = None,
) -> None:
    """List the modifications that a study can apply."""
    from rungs.modifications import catalogue as entries
    from rungs.modifications import find

    chosen = entries() if name is None else (find(name),)
    family = ""
    for entry in chosen:
        if entry.family != family:
            family = entry.family
            typer.echo(f"{family}:")
        typer.echo(f"  {entry.signature}\n      {entry.doc}\n      Source: {entry.source}")


@app.command(epilog="Example: rungs data cifar100 --data-dir ~/data")
@_answering
def data(study: StudyArgument, data_dir: DataOption = None) -> None:
    """Find, fetch or draw a study's data, check it, and say what it holds."""
    from rungs import study as studies
    from rungs.data import load

    spec = studies.load(study).data
    loaded = load(spec, data_dir=data_dir, progress=typer.echo)
    sizes = ", ".join(f"{count:,} {part}" for part, count in spec.sizes.items())
    channels, height, width = spec.image_shape
    typer.echo(
        f"{loaded.name}: {sizes}; {len(loaded.class_names)} classes; "
        f"{height}x{width} pixels, {channels} channels; fingerprint {loaded.fingerprint}"
    )


def main() -> None:
    """The program ``rungs``."""
    app()
