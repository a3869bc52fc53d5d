"""What commands share: options, the answer to errors, and the plan that is asked for."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import typer

from rungs.cli import completion
from rungs.foundation.errors import DISK_ERRORS, RungsError, UsageError, disk_message
from rungs.foundation.limits import MAX_EPOCHS, MAX_SEEDS
from rungs.foundation.wording import shown

if TYPE_CHECKING:
    from rungs.store import Store
    from rungs.study import Study
    from rungs.study.plan import Plan
    from rungs.study.seeds import SeedsAsked

P = ParamSpec("P")
T = TypeVar("T")

# Of a number in an option; Python refuses to read very many.
_MOST_DIGITS = 20


class Format(StrEnum):
    """Forms of a report."""

    text = "text"
    markdown = "markdown"
    json = "json"
    html = "html"
    csv = "csv"
    latex = "latex"
    document = "document"
    docx = "docx"


class Rows(StrEnum):
    """What a row of a table is of."""

    rungs = "rungs"
    runs = "runs"
    epochs = "epochs"


class FigureForm(StrEnum):
    """Forms of plots beside SVG."""

    pdf = "pdf"
    png = "png"


class FigureWidth(StrEnum):
    """To which plots for print are brought."""

    column = "column"
    page = "page"


class Device(StrEnum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


def asked_seeds(text: str | None) -> "SeedsAsked":
    """What ``--seeds`` asks for: a number, ``auto``, or nothing.

    Raises:
        UsageError: the text is something else.
    """
    from rungs.study.seeds import AUTO

    if text is None or text == AUTO:
        return text
    number = int(text) if text.isdecimal() and len(text) < _MOST_DIGITS else 0
    if not 1 <= number <= MAX_SEEDS:
        raise UsageError(f"expected a number from 1 to {MAX_SEEDS} or {AUTO}, found {shown(text)}")
    return number


def _checked_seeds(text: str | None) -> str | None:
    try:
        asked_seeds(text)
    except UsageError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def _checked_time(text: str | None) -> str | None:
    from rungs.study.estimate import seconds_of

    try:
        _ = text is None or seconds_of(text)
    except UsageError as error:
        raise typer.BadParameter(str(error)) from None
    return text


StudyArgument = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A study file, or a built-in study's name.",
        autocompletion=completion.studies,
    ),
]
OverrideOption = Annotated[
    list[str] | None,
    typer.Option(
        "--override",
        "-o",
        metavar="KEY=VALUE",
        help="Another value for a key of the study file, such as recipe.batch_size=64; may be "
        "given several times.",
    ),
]
StoreOption = Annotated[
    Path,
    typer.Option("--store", envvar="RUNGS_STORE", help="Folder of the runs.", show_default=True),
]
StoresOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--store",
        metavar="PATH",
        envvar="RUNGS_STORE",
        help="Folder of the runs, runs if left out; twice: of the first study, and of the second.",
    ),
]
BudgetOption = Annotated[
    str | None,
    typer.Option(
        "--budget",
        help="A budget of the study, such as equal or own.",
        autocompletion=completion.budgets,
    ),
]
SeedsOption = Annotated[
    str | None,
    typer.Option(
        "--seeds",
        metavar="N|auto",
        help="Number of seeds; with auto, more of them only where they decide.",
        callback=_checked_seeds,
    ),
]
WithinOption = Annotated[
    str | None,
    typer.Option(
        "--within",
        metavar="TIME",
        help="Add no seeds beyond the start's that do not fit into a time such as 3h or 2h30m.",
        callback=_checked_time,
    ),
]
EpochsOption = Annotated[
    int | None,
    typer.Option(
        "--epochs", min=1, max=MAX_EPOCHS, help="Epochs of every rung, instead of a budget."
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="NAME",
        help="Train and print only this rung or ensemble; may be given several times.",
        autocompletion=completion.answering,
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where the data is; otherwise RUNGS_DATA or the user's cache."),
]
DeviceOption = Annotated[
    Device, typer.Option("--device", envvar="RUNGS_DEVICE", help="Where to compute.")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        envvar="RUNGS_WORKERS",
        min=1,
        max=256,
        help="Runs side by side; shares the cores.",
    ),
]
EngineOption = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        envvar="RUNGS_ENGINE",
        help="What does the runs: local (processes of this machine), ray or slurm.",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="ADDR",
        envvar="RUNGS_ADDRESS",
        help="Where the engine's cluster is; its usual place if none.",
    ),
]
NoTestOption = Annotated[
    bool, typer.Option("--no-test", help="Leave the test set sealed: nothing of it is shown.")
]
NoPicturesOption = Annotated[
    bool, typer.Option("--no-pictures", help="Leave the data set's pictures out of the page.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
ArchiveOption = Annotated[
    Path | None,
    typer.Option(
        "--archive",
        help="Archive of results: its runs count as finished, and new ones are added.",
    ),
]
UnbundleOption = Annotated[
    str | None,
    typer.Option(
        "--unbundle",
        metavar="RUNG",
        help="Each change of this rung alone, in place of the ladder.",
        autocompletion=completion.rungs,
    ),
]
AblateOption = Annotated[
    bool,
    typer.Option("--ablate", help="The final rung without each of its changes, not the ladder."),
]


def print_json(value: object) -> None:
    """Plain JSON types on stdout, for a program to read."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))


def answering(command: Callable[P, T]) -> Callable[P, T]:
    """Our errors, and those of a user's module, are one message on stderr and exit code 1.

    Of usage it is 2. Anything else is a bug's traceback.
    """

    @wraps(command)
    def answered(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except RungsError as error:
            typer.echo(f"rungs: {error}", err=True)
            raise typer.Exit(2 if isinstance(error, UsageError) else 1) from error
        except BrokenPipeError:
            # The reader, such as `head`, has had enough; Python would complain at exit otherwise.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            typer.echo(f"rungs: {disk_message(error)}", err=True)
            raise typer.Exit(1) from error
        except Exception as error:
            said = _blamed(error)
            if said is None:
                for file in _suspected():
                    error.add_note(
                        f"{file} of your own takes part: `rungs check {file}` says whether what it "
                        "defines keeps its promises"
                    )
                raise
            typer.echo(f"rungs: {said}", err=True)
            raise typer.Exit(1) from error

    return answered


def _blamed(error: Exception) -> str | None:
    """What to say of an error in a module of the user's; None of any other."""
    own = sys.modules.get("rungs.recipe.own_modules")  # not loaded where no study was read
    return None if own is None else own.blamed(error)


def _suspected() -> tuple[str, ...]:
    """Modules of the user's, whose parts may break where only our code is at work."""
    own = sys.modules.get("rungs.recipe.own_modules")
    files = () if own is None else own.loaded_files()
    return tuple(os.path.relpath(file) for file in files)


def page_width() -> int:
    """Columns to print in: the terminal's, or enough for the whole table elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 160


def load_study(
    study: str,
    overrides: Sequence[str] | None = None,
    *,
    trained_in: Sequence[Path | None] = (),
) -> "Study":
    """The study of that name or in that file; reading pictures is told on stderr.

    Args:
        study: name or path.
        overrides: what is given by ``-o``.
        trained_in: stores and archives, to have the study on the data that these answer for.

    Raises:
        RungsError: mistakes of the study, or pictures that cannot be used.
    """
    say = partial(typer.echo, err=True)
    if trained_in:
        from rungs.study.trained import load_trained

        places = [place for place in trained_in if place is not None]
        return load_trained(study, places, say, overrides=overrides or ())
    from rungs.study import load

    return load(study, say=say, overrides=overrides or ())


def as_finished(plan: "Plan", store: "Store | None", seeds: str | None) -> "Plan":
    """A plan for reading: of every seed that is finished, unless the user says how many."""
    from rungs.study.jobs import with_finished_seeds

    said = isinstance(asked_seeds(seeds), int)
    return plan if store is None or said else with_finished_seeds(plan, store)


def planned_by(
    study: str,
    budget: str | None,
    seeds: str | None,
    epochs: int | None,
    only: list[str] | None,
    *,
    unbundle: str | None = None,
    ablate: bool = False,
    overrides: Sequence[str] | None = None,
    trained_in: Sequence[Path | None] = (),
) -> "tuple[Plan, Plan]":
    """The plan that the options of most commands ask for, and the whole that it is part of.

    With ``overrides`` and ``trained_in`` as `load_study`.

    Raises:
        RungsError: mistakes of the study or the options.
    """
    from rungs.study.asking import planned

    if unbundle is not None and ablate:
        raise UsageError("--unbundle and --ablate ask different questions: give one of them")
    return planned(
        load_study(study, overrides, trained_in=trained_in),
        budget=budget,
        seeds=asked_seeds(seeds),
        epochs=epochs,
        only=only or (),
        unbundle=unbundle,
        ablate=ablate,
    )


def looked_into(
    store: Path, archive: Path | None, wanted: "Plan", data_dir: Path | None
) -> "Store":
    """The store to show results from, with what an archive adds to it; only that may make one."""
    from rungs.evidence.archives import take
    from rungs.evidence.labels import find_labels
    from rungs.store import existing_store, open_store

    if archive is None:
        return existing_store(store)
    opened = open_store(store)
    take(archive, opened, wanted)
    find_labels(wanted, opened, data_dir, partial(typer.echo, err=True))
    return opened
