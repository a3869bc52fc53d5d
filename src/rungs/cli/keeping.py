"""Commands for the store itself."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rungs.cli import completion
from rungs.cli.options import JsonOption, StoreOption, answering, page_width, print_json
from rungs.foundation.errors import StoreError, StrangerError
from rungs.foundation.wording import counted
from rungs.store import DEFAULT_STORE

if TYPE_CHECKING:
    from rungs.store import Store

app = typer.Typer(
    help="Check, repair and prune a store of runs.",
    epilog="Example: rungs store check --store runs",
    no_args_is_help=True,
)


@app.command(epilog="Example: rungs store rebuild --store runs")
@answering
def rebuild(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Rebuild the index from the run folders. Nothing else is changed."""
    from rungs.store import existing_store

    opened = existing_store(store)
    opened.index.clear()
    count, unreadable = opened.refresh_index()
    strangers = [key for key in unreadable if _is_stranger(opened, key)]
    unreadable = [key for key in unreadable if key not in strangers]
    if as_json:
        found = {"runs": count, "strangers": strangers, "unreadable": unreadable}
        print_json({"index": str(opened.index.path), **found})
    else:
        typer.echo(f"{opened.index.path}: {counted(count, 'run')}")
        if strangers:
            typer.echo(f"left out, made with components that are not here: {', '.join(strangers)}")
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
    as_json: JsonOption = False,
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
    gone = sorted(known - set(keys))
    moves = set_aside and bool(damaged)
    for key in damaged if moves else ():
        target = opened.root / "damaged" / key
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        opened.run_folder(key).rename(target)
    if moves:
        opened.refresh_index()
    if as_json:
        found = {"damaged": damaged, "strangers": strangers, "gone": gone, "set_aside": moves}
        print_json({"store": str(store), "runs": len(keys), **found})
    else:
        _tell(store, len(keys), damaged, strangers, gone)
        if moves:
            typer.echo(f"moved to {opened.root / 'damaged'}; `rungs run` does them again")
    if damaged and not moves:
        raise StoreError("`rungs store check --set-aside` takes the damaged runs away")


def _tell(
    store: Path, runs: int, damaged: list[str], strangers: list[str], gone: list[str]
) -> None:
    """Says what a check has found."""
    others = f", {len(strangers)} made with components that are not here" if strangers else ""
    typer.echo(f"{store}: {counted(runs, 'run')}, {len(damaged)} damaged{others}")
    if gone:
        typer.echo(
            f"{counted(len(gone), 'run')} that the index knew {'is' if len(gone) == 1 else 'are'} "
            f"not in {store / 'runs'} any more; `rungs run` does what a study lacks again"
        )
    elif not runs and (store / "reports").is_dir():
        typer.echo(
            f"{store / 'reports'} has reports, but {store / 'runs'} has no run any more; "
            "`rungs run` does what a study lacks again"
        )


@app.command(epilog="Example: rungs store prune --yes")
@answering
def prune(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...",
            help="Studies that are given up, by name, and single runs, by key.",
            autocompletion=completion.stored,
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    yes: Annotated[
        bool, typer.Option("--yes", help="Delete; without, it is only shown what would go.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what of a store can be deleted and how much that frees; with --yes, delete it.

    Can go: damaged runs that were moved aside, what killed processes left, checkpoints that no
    study in training needs, and finished runs that no study asks for, such as tried ones. Stay:
    all runs of unfinished studies, all finished runs that a study's reports rest on unless it is
    named, and all reports, seals and labels.
    """
    from rungs.evidence.pruning import prunable
    from rungs.evidence.pruning import prune as delete
    from rungs.report.show.kept import pruned
    from rungs.store import existing_store

    opened = existing_store(store)
    found = delete(opened, names or ()) if yes else prunable(opened, names or ())
    if as_json:
        plain = {
            "deleted": yes,
            "bytes": found.bytes,
            "going": [item.to_dict() for item in found.going],
            "staying": list(found.staying),
        }
        typer.echo(json.dumps(plain, indent=1))
        return
    typer.echo(pruned(found, str(store), deleted=yes, width=page_width()), nl=False)
