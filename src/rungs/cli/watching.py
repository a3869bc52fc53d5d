"""The command that shows a study while it is trained."""

from typing import Annotated

import typer

from rungs.cli.options import (
    BudgetOption,
    EpochsOption,
    NoTestOption,
    OverrideOption,
    SeedsOption,
    StoreOption,
    StudyArgument,
    answering,
    asked_seeds,
    planned_by,
)
from rungs.foundation import interrupts
from rungs.foundation.browser import show_address
from rungs.store import DEFAULT_STORE

# Seconds after which a lost Ctrl-C is asked for again.
_MOMENT = 0.5


@answering
def watch(
    study: StudyArgument,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    epochs: EpochsOption = None,
    store: StoreOption = DEFAULT_STORE,
    no_test: NoTestOption = False,
    overrides: OverrideOption = None,
    host: Annotated[
        str,
        typer.Option(
            "--host", help="Address to serve on; any but this one lets others read the page."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option("--port", min=0, max=65535, help="Port to serve on; 0 for one that is free."),
    ] = 7864,
    opens: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Serve a study's page on this machine, and keep it up to date while the study is trained.

    It shows what is being trained, each epoch as it ends, against epochs and seconds. It only reads
    the store and trains nothing; Ctrl-C ends it, and no training.
    """
    from rungs.report.serving import PageServer
    from rungs.report.watched import Watched

    watched = Watched(
        lambda: planned_by(
            study, budget, seeds, epochs, None, overrides=overrides, trained_in=(store,)
        )[1],
        store,
        every_seed=not isinstance(asked_seeds(seeds), int),
        with_test=not no_test,
    )
    with PageServer(watched, host, port) as server:
        try:
            with interrupts.remembered():
                typer.echo(f"{watched.name}: {server.url} shows it; Ctrl-C ends this, no training")
                if opens and not show_address(server.url):
                    typer.echo("no browser can be started here: open it in one yourself", err=True)
                server.timeout = _MOMENT
                while True:
                    server.handle_request()
                    interrupts.check()
        except KeyboardInterrupt:
            typer.echo("no more watched")
