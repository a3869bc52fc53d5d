"""Commands that find what is there: studies, and their pages."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rungs.cli import completion
from rungs.cli.options import (
    ArchiveOption,
    BudgetOption,
    DataOption,
    EpochsOption,
    NoPicturesOption,
    OverrideOption,
    StoreOption,
    answering,
    as_finished,
    looked_into,
    page_width,
    planned_by,
)
from rungs.foundation.browser import show_page
from rungs.foundation.errors import StoreError
from rungs.store import DEFAULT_STORE

if TYPE_CHECKING:
    from rungs.store import Store
    from rungs.study.plan import Plan


@answering
def list_(
    tag: Annotated[
        str | None, typer.Option("--tag", metavar="TAG", help="Only runs that have this tag.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List the studies of a store with their runs and sizes, and those that are built in."""
    from rungs.report.show.kept import listed, tagged_runs
    from rungs.store import is_store, open_store
    from rungs.study.listing import Listing, builtin_titles, listing

    found = listing(open_store(store)) if is_store(store) else None
    builtins = [*builtin_titles()]
    if tag is not None:
        found, builtins = None if found is None else found.tagged(tag), []
    if as_json:
        plain = Listing(None).to_dict() if found is None else found.to_dict()
        named = [{"name": name, "title": title} for name, title in builtins]
        typer.echo(json.dumps({**plain, "builtin": named}, indent=1, ensure_ascii=False))
        return
    if tag is not None:
        typer.echo(tagged_runs(found, tag, width=page_width()), nl=False)
        return
    if found is None:
        typer.echo(f"{store}: there is no store yet; `rungs run STUDY` makes one\n")
    typer.echo(listed(found, builtins, width=page_width()), nl=False)


@answering
def open_(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            help="A study file, or the name of a built-in study or of one in the store.",
            autocompletion=completion.studies,
        ),
    ],
    budget: BudgetOption = None,
    epochs: EpochsOption = None,
    overrides: OverrideOption = None,
    data_dir: DataOption = None,
    store: StoreOption = DEFAULT_STORE,
    archive: ArchiveOption = None,
    no_pictures: NoPicturesOption = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only make the page and print its path.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Open a study's page in the browser, and print its path.

    It is made anew if it is missing, or older than what it shows. Trains nothing.
    """
    from rungs.report.publishing import is_current
    from rungs.study.known import overrides_of, source_of
    from rungs.study.plan import slug

    source, noted = source_of(study, store), overrides_of(study, store)
    wanted, _ = planned_by(
        source,
        budget,
        None,
        epochs,
        None,
        overrides=[*noted, *(overrides or ())],
        trained_in=(store, archive),
    )
    opened = looked_into(store, archive, wanted, data_dir)
    wanted = as_finished(wanted, opened, None)
    if not any(opened.is_finished(spec.key) for spec in wanted.runs):
        raise StoreError(
            f"nothing of study '{wanted.study.name}' is finished in {store} at "
            f"{wanted.budget_with_epochs}: `rungs run {wanted.study.typed}` trains it"
        )
    folder = opened.root / "reports" / wanted.study.name / slug(wanted.budget)
    made = not is_current(wanted, opened, folder) and _make(
        wanted, opened, folder, data_dir, pictures=not no_pictures
    )
    page = folder / "report.html"
    opens = not no_browser and show_page(page)
    if as_json:
        typer.echo(json.dumps({"page": str(page), "made": made, "opened": opens}))
        return
    typer.echo(str(page))
    if not (opens or no_browser):
        typer.echo("no browser can be started here: open this file in one yourself", err=True)


def _make(
    wanted: "Plan", opened: "Store", folder: Path, data_dir: Path | None, *, pictures: bool
) -> bool:
    """Writes the page anew; False where the one that is there is of more than can be shown now."""
    from rungs.report.gather.gallery import gallery_from
    from rungs.report.gather.gathering import gather
    from rungs.report.publishing import lessens, publish

    data = gather(wanted, opened, with_test=True)
    if lessens(data, folder):
        typer.echo(
            f"{folder}: left as it is, since it is of finished runs that are not there any more",
            err=True,
        )
        return False
    find = gallery_from(opened, data_dir) if pictures else None
    publish(data, opened, [folder], None, plan=wanted, pictures=find)
    return True
