"""The command that judges what was trained elsewhere."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from rungs.cli.options import answering, page_width
from rungs.foundation.errors import UsageError
from rungs.foundation.wording import shown
from rungs.statistics.levels import MARGIN


@answering
def judge(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Answers of models: CSV, TSV, parquet or .npz."),
    ],
    after: Annotated[
        list[str] | None,
        typer.Option(
            "--after",
            metavar="NAME=PARENT",
            help="What a recipe stands on, if not the one before it; NAME= for nothing. May be "
            "given several times.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="A file of the true classes, where the others lack them."),
    ] = None,
    margin: Annotated[
        float,
        typer.Option(
            "--margin",
            metavar="FRACTION",
            help="The largest difference in accuracy that counts as none.",
        ),
    ] = MARGIN,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="NAME=WORD",
            help="A recipe known beforehand to vary more or less between seeds than others: steady "
            "(averaged weights), ensemble, or a word of your own. May be given several times.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON.")] = False,
) -> None:
    """Judge changes that were trained elsewhere, from files of predictions. Needs no torch.

    A table has a row for each answer, with the columns predicted, name (of the recipe), seed, image
    and label; an .npz file has an array NAME@SEED for each run, and labels. Without name and seed
    in it a file is of the run that it is called by, NAME@SEED.csv.
    """
    # numpy takes a while to import.
    from rungs.report.judged import judge_files

    stands = {name: below or None for name, below in _assigned("--after", after or [])}
    found = judge_files(
        files,
        labels=labels,
        after=stands,
        margin=margin,
        kinds=dict(_assigned("--kind", kind or [])),
    )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1))
    else:
        typer.echo(found.text(page_width()), nl=False)


def _assigned(option: str, given: Sequence[str]) -> list[tuple[str, str]]:
    """Name and value of each ``NAME=VALUE``."""
    pairs = []
    for text in given:
        name, assigned, value = (part.strip() for part in text.partition("="))
        if not assigned or not name:
            raise UsageError(
                f"{option}: expected NAME=..., such as `{option} warmer=base`, found {shown(text)}"
            )
        pairs.append((name, value))
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"{option}: expected {shown(name)} once, found it twice; leave out one"
            )
    return pairs
