"""The command that enters runs that were trained elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from rungs.cli.options import (
    BudgetOption,
    DataOption,
    JsonOption,
    StoreOption,
    StudyArgument,
    answering,
    load_study,
    print_json,
)
from rungs.foundation.errors import UsageError
from rungs.foundation.wording import counted
from rungs.store import DEFAULT_STORE


@answering
def import_(
    study: StudyArgument,
    more: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE...", help="More of them.", show_default=False),
    ] = None,
    first: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="FILE...",
            help="Answers and curves of runs, or folders that hold them.",
            show_default=False,
        ),
    ] = None,
    budget: BudgetOption = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Put them in the place of what was recorded before."),
    ] = False,
    data_dir: DataOption = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Enter runs that were trained elsewhere, for rungs that say recorded = true.

    A run's files are NAME@SEED/validation.npz and test.npz (also CSV or parquet, in the forms that
    `rungs judge` reads), NAME@SEED/summary.csv of timm or metrics.csv of Lightning for its curve,
    and environment.json. Either all runs are entered or, where something is wrong, none.
    """
    from dataclasses import asdict
    from functools import partial

    from rungs.evidence.recording.entering import enter
    from rungs.evidence.recording.files import runs_in
    from rungs.store import open_store
    from rungs.study.jobs import unrecorded
    from rungs.study.plan import plan

    paths = [*(first or ()), *(more or ())]
    if not paths:
        raise UsageError("expected files of runs: rungs import STUDY --from FILE...")
    wanted = plan(load_study(study), budget=budget)
    opened = open_store(store)
    say = partial(typer.echo, err=True)
    entered = enter(
        opened,
        wanted,
        lambda labels: runs_in(paths, labels),
        replace=replace,
        data_dir=data_dir,
        say=say,
    )
    left = len(unrecorded(wanted, opened))
    if as_json:
        print_json({"entered": [asdict(one) for one in entered], "left": left})
        return
    for one in entered:
        typer.echo(str(one))
    typer.echo(
        f"{counted(left, 'run')} of the study still to be recorded"
        if left
        else f"all that is trained elsewhere is recorded: `rungs report {study}` shows it"
    )
