"""Commands for the store itself."""

import shutil
from typing import TYPE_CHECKING, Annotated

import typer

from rungs.cli.options import StoreOption, answering
from rungs.foundation.errors import StoreError, StrangerError
from rungs.foundation.wording import counted
from rungs.store import DEFAULT_STORE

if TYPE_CHECKING:
    from rungs.store import Store

app = typer.Typer(
    help="Check and repair a store of runs.",
    epilog="Example: rungs store check --store runs",
    no_args_is_help=True,
)


@app.command(epilog="Example: rungs store rebuild --store runs")
@answering
def rebuild(store: StoreOption = DEFAULT_STORE) -> None:
    """Rebuild the index from the run folders. Nothing else is changed."""
    from rungs.store import existing_store

    opened = existing_store(store)
    opened.index.clear()
    count, unreadable = opened.refresh_index()
    strangers = [key for key in unreadable if _is_stranger(opened, key)]
    typer.echo(f"{opened.index.path}: {counted(count, 'run')}")
    if strangers:
        typer.echo(f"left out, made with components that are not here: {', '.join(strangers)}")
    unreadable = [key for key in unreadable if key not in strangers]
    if unreadable:
        raise StoreError(
            f"{len(unreadable)} run folders cannot be read: {', '.join(unreadable)}; "
            "`rungs store check --set-aside` takes them away, so that they are trained again"
        )


def _is_stranger(opened: "Store", key: str) -> bool:
    try:
        opened.result(key)
    except StoreError as error:
        return isinstance(error, StrangerError)
    return False


@app.command(epilog="Example: rungs store check --set-aside")
@answering
def check(
    store: StoreOption = DEFAULT_STORE,
    set_aside: Annotated[
        bool,
        typer.Option(
            "--set-aside", help="Move damaged runs to STORE/damaged, to be trained again."
        ),
    ] = False,
) -> None:
    """Compare every file of every finished run with its checksum."""
    from rungs.store import Store, existing_store, is_store
    from rungs.store.run_folder import check_manifest

    known = Store(store).index.keys() if is_store(store) else set()
    opened = existing_store(store)
    damaged: list[str] = []
    strangers: list[str] = []
    keys = list(opened.keys())
    for key in keys:
        try:
            check_manifest(opened.run_folder(key))
            opened.result(key)
        except StrangerError as error:
            strangers.append(key)
            typer.echo(str(error), err=True)
        except StoreError as error:
            damaged.append(key)
            typer.echo(str(error), err=True)
    others = f", {len(strangers)} made with components that are not here" if strangers else ""
    typer.echo(f"{store}: {counted(len(keys), 'run')}, {len(damaged)} damaged{others}")
    if gone := known - set(keys):
        typer.echo(
            f"{counted(len(gone), 'run')} that the index knew {'is' if len(gone) == 1 else 'are'} "
            f"not in {store / 'runs'} any more; `rungs run` does what a study lacks again"
        )
    elif not keys and (store / "reports").is_dir():
        typer.echo(
            f"{store / 'reports'} has reports, but {store / 'runs'} has no run any more; "
            "`rungs run` does what a study lacks again"
        )
    if not damaged:
        return
    if not set_aside:
        raise StoreError("`rungs store check --set-aside` takes the damaged runs away")
    for key in damaged:
        target = opened.root / "damaged" / key
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        opened.run_folder(key).rename(target)
    opened.refresh_index()
    typer.echo(f"moved to {opened.root / 'damaged'}; `rungs run` does them again")
