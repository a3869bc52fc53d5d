"""The command that puts notes and tags on runs."""

import json
from typing import Annotated

import typer

from rungs.cli import completion
from rungs.cli.options import (
    BudgetOption,
    EpochsOption,
    OverrideOption,
    StoreOption,
    StudyArgument,
    answering,
    as_finished,
    page_width,
    planned_by,
)
from rungs.store import DEFAULT_STORE


@answering
def note(
    study: StudyArgument,
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A rung or an ensemble, for all its runs; NAME@SEED for those of one seed.",
            autocompletion=completion.answering,
        ),
    ],
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT...", help="Notes to add; without any, they are only shown."),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TAG", help="Add a tag; may be given several times."),
    ] = None,
    untag: Annotated[
        list[str] | None,
        typer.Option("--untag", metavar="TAG", help="Take a tag away."),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="TEXT", help="Take a note away."),
    ] = None,
    budget: BudgetOption = None,
    epochs: EpochsOption = None,
    overrides: OverrideOption = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: Annotated[bool, typer.Option("--json", help="Print the runs as JSON.")] = False,
) -> None:
    """Put notes and tags on runs, which reports, `rungs list` and archives carry; or show them.

    A note is of the runs that are there; runs stay as they are, and so do their keys.
    """
    from rungs.evidence.selection import runs_called
    from rungs.report.figures.runs import fold_words
    from rungs.report.show.section import Section
    from rungs.report.show.text import to_text
    from rungs.store import existing_store
    from rungs.store.notes import Change, change_notes, read_notes

    change = Change(tuple(texts or ()), tuple(tag or ()), tuple(remove or ()), tuple(untag or ()))
    asked, _ = planned_by(
        study, budget, None, epochs, None, overrides=overrides, trained_in=(store,)
    )
    opened = existing_store(store)
    runs = runs_called(as_finished(asked, opened, None), run, opened)
    keys = [spec.key for spec in runs]
    found = (
        change_notes(opened, keys, change)
        if change
        else {key: read_notes(opened.root, key) for key in keys}
    )
    name = run.partition("@")[0]
    if as_json:
        plain = [
            {"name": name, "seed": spec.seed, "key": spec.key, **found[spec.key].to_dict()}
            for spec in runs
        ]
        typer.echo(json.dumps(plain, indent=1, ensure_ascii=False))
        return
    rows = tuple(
        (
            ", ".join(filter(None, (f"seed {spec.seed}", fold_words(spec)))),
            spec.key,
            ", ".join(found[spec.key].tags),
            "; ".join(item.text for item in found[spec.key].notes),
        )
        for spec in runs
    )
    columns = ("run", "key", "tags", "notes")
    table = Section(f"{asked.study.title}: {name}, budget {asked.budget}", columns, rows=rows)
    typer.echo(to_text((table,), width=page_width()), nl=False)
