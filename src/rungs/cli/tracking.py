"""The command that logs studies to trackers."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from rungs.cli.options import (
    ArchiveOption,
    BudgetOption,
    DataOption,
    JsonOption,
    NoTestOption,
    OverrideOption,
    SeedsOption,
    StoreOption,
    StudyArgument,
    answering,
    as_finished,
    looked_into,
    planned_by,
)
from rungs.foundation.wording import counted
from rungs.report.trackers.sending import Tracker, sender
from rungs.report.trackers.sent import Sent
from rungs.store import DEFAULT_STORE

if TYPE_CHECKING:
    from rungs.report.trackers.sending import Send
    from rungs.store import Store
    from rungs.study.plan import Plan


@answering
def log(
    study: StudyArgument,
    destination: Annotated[
        str,
        typer.Argument(
            metavar="DESTINATION",
            help="A folder; for mlflow also a server's or database's address.",
        ),
    ],
    to: Annotated[Tracker, typer.Option("--to", help="The tracker.", show_default=False)],
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Go on until the study is finished; Ctrl-C ends it."),
    ] = False,
    every: Annotated[
        float,
        typer.Option("--every", metavar="SECONDS", min=0.1, help="How often, with --follow."),
    ] = 15.0,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    overrides: OverrideOption = None,
    data_dir: DataOption = None,
    store: StoreOption = DEFAULT_STORE,
    archive: ArchiveOption = None,
    no_test: NoTestOption = False,
    as_json: JsonOption = False,
) -> None:
    """Log a study to TensorBoard, MLflow or W&B: each seed a run, each rung their aggregate.

    It reads what is finished or under way, and never slows a training down. Logged again, only what
    is new or has changed is written. Test figures are logged once the test set is unsealed.
    """
    from rungs.store import open_store

    send = sender(to)
    wanted, _ = planned_by(
        study, budget, seeds, None, None, overrides=overrides, trained_in=(store, archive)
    )
    opened = looked_into(store, archive, wanted, data_dir)
    while True:
        sent, finished = _send(send, destination, wanted, opened, seeds, not no_test)
        if not follow or sent != Sent(same=sent.same):
            if as_json:  # an object a line: there may be many
                typer.echo(json.dumps({"destination": destination, **asdict(sent)}))
            else:
                typer.echo(
                    f"{destination}: {counted(sent.new, 'run')} new, {sent.changed} changed, "
                    f"{sent.same} as before"
                )
        if not follow or finished:
            return
        time.sleep(every)
        # What was read once is remembered: a store that is opened anew sees what was added.
        opened = open_store(store)


def _send(
    send: "Send",
    destination: str,
    asked: "Plan",
    store: "Store",
    seeds: str | None,
    with_test: bool,
) -> tuple[Sent, bool]:
    """What came of it, and whether all that was planned is trained."""
    from rungs.report.gather.gathering import gather
    from rungs.report.show.plots.drawing import draw
    from rungs.report.show.rendering import render
    from rungs.report.trackers.logged import logged

    wanted = as_finished(asked, store, seeds)
    data = gather(wanted, store, with_test=with_test)
    with TemporaryDirectory() as folder:

        def figures() -> dict[str, Path]:
            return {path.stem: path for _, path in draw(data, Path(folder), form="png")}

        study = logged(wanted, data, store, render(data, "markdown"))
        return send(study, destination, figures), study.finished
