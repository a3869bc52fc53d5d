"""The command that writes a study."""

import os
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rungs.cli.options import JsonOption, answering, print_json
from rungs.foundation.errors import RungsError
from rungs.foundation.limits import MAX_SIDE


class FolderLayout(StrEnum):
    """See `rungs.data.spec.Layout`, which would bring much that other commands do without."""

    CLASS = "class"
    PART_CLASS = "part/class"
    CLASS_PART = "class/part"
    GROUP_CLASS = "group/class"


@answering
def init(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Of the study; its file is NAME.toml.")
    ],
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            help="A folder of pictures, a CSV or parquet file of paths and labels, a folder of "
            "parquet files with pictures, an .npz file, FILE.py:FUNCTION, hub:NAME@REVISION, or "
            "a published set: cifar10, cifar100, mnist, fashion_mnist.",
        ),
    ],
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            min=8,
            max=MAX_SIDE,
            help="Height and width in pixels that pictures are brought to; chosen if left out.",
        ),
    ] = None,
    picture_column: Annotated[
        str | None,
        typer.Option(
            "--picture-column", help="A table's column of pictures; found by its name if left out."
        ),
    ] = None,
    label_column: Annotated[
        str | None, typer.Option("--label-column", help="A table's column of labels, likewise.")
    ] = None,
    part_column: Annotated[
        str | None,
        typer.Option(
            "--part-column", help="A table's column of parts (train, validation, test), likewise."
        ),
    ] = None,
    layout: Annotated[
        FolderLayout | None,
        typer.Option(
            "--layout",
            help="What the first folder is that a picture lies in, and the second; seen from "
            "their names if left out.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a first study for pictures of your own. Reads them all, and changes none."""
    from rungs.data.pictures import MOST_LISTED, survey_lines
    from rungs.data.spec import PARTS
    from rungs.execution.first_look import time_left_or_looked_at
    from rungs.foundation.files import write_text
    from rungs.foundation.wording import listed
    from rungs.study import load
    from rungs.study.cautions import few_images
    from rungs.study.costs import costs
    from rungs.study.plan import plan
    from rungs.study.proposal import propose

    file = Path(name if name.endswith(".toml") else f"{name}.toml")
    _check(file)
    columns = {
        "picture_column": picture_column,
        "label_column": label_column,
        "part_column": part_column,
    }
    proposal = propose(
        file,
        data,
        size=size,
        columns=columns,
        layout=None if layout is None else layout.value,
        say=partial(typer.echo, err=as_json),
    )
    write_text(file, proposal.text)
    study = load(file)  # one that cannot be loaded would be our bug, and is told here
    survey = study.pictures
    spec = study.data
    if as_json:
        print_json(
            {
                "file": str(file),
                "data": spec.name,
                "fingerprint": spec.fingerprint,
                "sizes": dict(spec.sizes),
                "classes": spec.classes,
                "image_shape": list(spec.image_shape),
                "folds": proposal.folds,
                "classes_left_out": list(proposal.left_out),
                "pictures": [] if survey is None else list(survey_lines(survey, MOST_LISTED)),
                "warnings": list(few_images(study)),
            }
        )
        return
    train, validation, test = (spec.sizes[part] for part in PARTS)
    channels, height, width = spec.image_shape
    typer.echo(
        f"{spec.name}: {train:,} training, {validation:,} validation and {test:,} "
        f"test pictures in {spec.classes:,} classes, {'of' if survey is None else 'brought to'} "
        f"{height}x{width} pixels in {'colour' if channels == 3 else 'grey'}"
    )
    if survey is not None:
        typer.echo("\n".join(survey_lines(survey, MOST_LISTED)))
    if proposal.left_out:
        typer.echo(
            "classes left out, too few pictures (leave_out in the file): "
            + listed(proposal.left_out)
        )
    typer.echo(f"written: {file}")
    if proposal.folds is not None:
        typer.echo(
            f"few test pictures: {train + validation:,} others judge changes, in "
            f"{proposal.folds} folds, each answered by models that did not see it"
        )
    for line in few_images(study):
        typer.echo(line)
    if proposal.few:
        typer.echo(
            f"few pictures: weights that were trained on others are a better start; the end of "
            f"{file} says how to use them"
        )
    left = time_left_or_looked_at(plan(study), None, costs(study, None))
    if left is not None:
        typer.echo(str(left))
    typer.echo(f"next: `rungs plan {file}` shows what it would train, `rungs run {file}` trains it")


def _check(file: Path) -> None:
    """Refuses a file that is there, or cannot be a study's.

    Raises:
        RungsError: says why.
    """
    from pydantic import TypeAdapter, ValidationError

    from rungs.foundation.values import NAME_FORM, Name
    from rungs.foundation.wording import shown

    try:
        TypeAdapter(Name).validate_python(file.stem)
    except ValidationError as error:
        raise RungsError(
            f"{shown(file.stem)} cannot be a study's name: expected {NAME_FORM}"
        ) from error
    if file.exists() or file.is_symlink():
        raise RungsError(f"{file} is there already; choose another name, or remove it first")
    if not file.absolute().parent.is_dir():
        raise RungsError(f"{file}: there is no folder {file.parent}")
    if not os.access(file.absolute().parent, os.W_OK):
        # Before all pictures are read in vain.
        raise RungsError(f"{file}: the folder {file.absolute().parent} cannot be written to")
