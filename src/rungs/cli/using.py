"""Commands that put a trained model to use."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rungs.cli.options import (
    BudgetOption,
    DataOption,
    Device,
    DeviceOption,
    EpochsOption,
    JsonOption,
    OverrideOption,
    StoreOption,
    answering,
    as_finished,
    load_study,
    page_width,
    print_json,
)
from rungs.foundation.errors import RungsError, UsageError
from rungs.foundation.files import write_text
from rungs.foundation.limits import MAX_SEEDS
from rungs.foundation.wording import counted
from rungs.store import DEFAULT_STORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from rungs.evidence.selection import Selection
    from rungs.models.card import Card
    from rungs.models.explaining import Explained
    from rungs.models.exporting import Exported
    from rungs.statistics.predictions import FloatArray
    from rungs.store import Store


class AnswerForm(StrEnum):
    """Forms of predictions."""

    table = "table"
    jsonl = "jsonl"
    csv = "csv"


class ModelFormat(StrEnum):
    """Formats of exported models."""

    onnx = "onnx"
    safetensors = "safetensors"
    torch_export = "torch-export"


SeedOption = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        max=MAX_SEEDS - 1,
        help="Seed of the run; the first finished one if left out.",
    ),
]


@answering
def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="STUDY, STUDY:RUNG, STUDY:ENSEMBLE, or an exported .safetensors file.",
        ),
    ],
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES...", help="Files, folders, patterns; - is a picture from stdin."
        ),
    ],
    top: Annotated[
        int,
        typer.Option("--top", min=1, max=1000, help="Number of classes shown for each picture."),
    ] = 3,
    format: Annotated[
        AnswerForm, typer.Option("--format", help="What to print.")
    ] = AnswerForm.table,
    seed: SeedOption = None,
    budget: BudgetOption = None,
    epochs: EpochsOption = None,
    overrides: OverrideOption = None,
    device: DeviceOption = Device.auto,
    store: StoreOption = DEFAULT_STORE,
    module: Annotated[
        Path | None,
        typer.Option(
            "--module",
            help="Your own Python file that an exported model was made with; it is executed.",
        ),
    ] = None,
    explain: Annotated[
        Path | None,
        typer.Option(
            "--explain",
            metavar="FOLDER",
            help="Also write where the network looked: a PNG for each picture, and a page.",
        ),
    ] = None,
) -> None:
    """Classify pictures, with calibrated probabilities. Exit code 1 if any cannot be read."""
    from rungs.data.finding import find_pictures
    from rungs.models.answers import Answer, csv_head, csv_line, json_line, table
    from rungs.models.model import answer, load_model
    from rungs.recipe.own_modules import load_module
    from rungs.report.show.section import Section
    from rungs.report.show.text import to_text
    from rungs.store import Store

    if module is not None:
        load_module(module)
    if explain is not None:
        from rungs.foundation.extras import require

        require("explain", "--explain")

    def say(line: str) -> None:
        typer.echo(line, err=True)

    loaded = load_model(
        model,
        Store(store),
        seed=seed,
        budget=budget,
        epochs=epochs,
        device=device.value,
        say=say,
        overrides=overrides or (),
    )
    count = min(top, len(loaded.card.class_names))
    pictures, problems = find_pictures(images, sys.stdin.buffer)
    if format is AnswerForm.csv:
        typer.echo(csv_head(count))
    shown: list[Answer] = []
    broken = 0

    def show(item: Answer) -> None:
        nonlocal broken
        if item.error is not None:
            broken += 1
            say(f"rungs: {item.picture}: {item.error}")
        elif item.warning is not None:
            say(f"rungs: warning: {item.picture}: {item.warning}")
        match format:
            case AnswerForm.jsonl:
                typer.echo(json_line(item))
            case AnswerForm.csv:
                typer.echo(csv_line(item, count))
            case AnswerForm.table if item.error is None:
                shown.append(item)

    for name, problem in problems:
        show(Answer(name, error=problem))
    explained: list[Explained] = []

    def look(
        answers: "Sequence[Answer]", pixels: "npt.NDArray[np.uint8]", found: "FloatArray"
    ) -> None:
        from rungs.models.explaining import Explained, heatmaps

        maps = heatmaps(loaded, pixels, found.argmax(axis=1))
        explained.extend(map(Explained, answers, pixels, maps))

    for item in answer(loaded, pictures, count, None if explain is None else look):
        show(item)
    if shown:
        columns = ("picture", *(f"{rank}." for rank in range(1, count + 1)))
        section = Section(counted(len(shown), "picture"), columns, rows=tuple(table(shown)))
        typer.echo(to_text((section,), width=page_width()), nl=False)
    if explain is not None:
        from rungs.models.explaining import write_explained

        say(f"where it looked: {write_explained(explain, explained, str(loaded.card))}")
    if broken:
        total = len(pictures) + len(problems)
        raise RungsError(f"{broken} of {total} could not be read")


@answering
def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="STUDY, STUDY:RUNG or STUDY:ENSEMBLE.")
    ],
    format: Annotated[
        ModelFormat | None,
        typer.Option("--format", help="File format; by the file's suffix if left out, else onnx."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", help="The file; without a suffix, a folder for STUDY-RUNG.SUFFIX."
        ),
    ] = None,
    seed: SeedOption = None,
    budget: BudgetOption = None,
    epochs: EpochsOption = None,
    overrides: OverrideOption = None,
    data_dir: DataOption = None,
    store: StoreOption = DEFAULT_STORE,
    card: Annotated[
        bool, typer.Option("--card", help="Also write a model card beside it: NAME.card.md.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a model as one file for other programs, checked on validation pictures."""
    from rungs.evidence.selection import parse_address, select
    from rungs.store import Store

    # A folder need not be there yet; a file of a model has its suffix.
    folder = output is None or output.is_dir() or not output.suffix
    form = _format(format, None if folder else output)
    study, name = parse_address(model)
    opened = Store(store)
    asked = load_study(study, overrides, trained_in=(store,))
    selection = select(asked, name, opened, seed=seed, budget=budget, epochs=epochs)

    from rungs.models.exporting import FORMATS, check_libraries, export, pictures_to_check
    from rungs.models.model import load_selected

    check_libraries(form.value)
    pixels, recorded = pictures_to_check(selection, opened, data_dir)
    loaded = load_selected(selection, opened, "cpu")
    path = Path(f"{selection.study.name}-{selection.name}{FORMATS[form.value].suffix}")
    if output is not None:
        path = output / path if folder else output
    replaced = path.exists()
    done = export(loaded, form.value, path, pixels, recorded)
    if as_json:
        print_json(
            {
                "file": str(done.path),
                "format": form.value,
                "study": selection.study.name,
                "name": selection.name,
                "seed": selection.seed,
                "replaced": replaced,
                "image_shape": list(loaded.card.image_shape),
                "class_names": list(loaded.card.class_names),
                "temperature": loaded.card.temperature,
                "pictures": done.pictures,
                "difference": done.difference,
                "difference_from_run": done.from_run,
                "card": str(path.with_suffix(".card.md")) if card else None,
            }
        )
    else:
        _tell(done, loaded.card, selection, replaced=replaced)
    if card:
        beside = path.with_suffix(".card.md")
        text = _model_card(loaded.card, selection, opened, budget, epochs, path, form)
        write_text(beside, text)
        if not as_json:
            typer.echo(f"{beside}: its model card")


def _tell(done: "Exported", card: "Card", selection: "Selection", *, replaced: bool) -> None:
    """Says what was written, and how it was checked."""
    if replaced:
        typer.echo(f"{done.path}: the file that was there is replaced")
    shape = ", ".join(map(str, card.image_shape))
    typer.echo(
        f"{done.path}: {selection}\n"
        f"takes pixels, uint8 [N, {shape}] from 0 to 255; gives probabilities, float32 "
        f"[N, {len(card.class_names)}], temperature {card.temperature:.3f} inside\n"
        f"checked with {_checked(done.pictures, done.from_run)}: a probability differs by "
        f"at most {done.difference:.1e} from the original"
        + ("" if done.from_run is None else f", {done.from_run:.1e} from what training answered")
    )


def _model_card(
    card: "Card",
    selection: "Selection",
    store: "Store",
    budget: str | None,
    epochs: int | None,
    path: Path,
    form: ModelFormat,
) -> str:
    """The card of a model that was exported, with what the report says of it."""
    from rungs.report.gather.gathering import gather
    from rungs.report.gather.model_card import model_figures
    from rungs.report.show.model_card import to_model_card
    from rungs.study.plan import plan

    study = selection.study
    seeds = max(study.seeds, selection.seed + 1)
    wanted = as_finished(plan(study, budget=budget, seeds=seeds, epochs=epochs), store, None)
    data = gather(wanted, store, with_test=True)
    figures = model_figures(data, selection.name, selection.seed)
    return to_model_card(card, data, figures, file=path.name, form=form.value)


def _format(asked: ModelFormat | None, file: Path | None) -> ModelFormat:
    """In which format a model is written.

    Args:
        asked: by ``--format``.
        file: that is written; None where its name is ours to choose.

    Raises:
        UsageError: the file's suffix is another format's, or none's where no format is asked for.
    """
    from rungs.evidence.selection import SUFFIXES

    if file is None:
        return asked or ModelFormat.onnx
    suffix = file.suffix.lower()
    meant = next((ModelFormat(form) for form, its in SUFFIXES.items() if its == suffix), None)
    if asked is None and meant is None:
        known = ", ".join(f"{its} ({form})" for form, its in SUFFIXES.items())
        raise UsageError(
            f"{file}: no format has the suffix {file.suffix}; known are {known}, and --format "
            "says what a file of another name holds"
        )
    if asked is not None and meant not in (None, asked):
        raise UsageError(
            f"{file} has the suffix of {meant}, and --format asks for {asked}, whose files end in "
            f"{SUFFIXES[asked]}: leave one of them out"
        )
    found = asked or meant
    assert found is not None
    return found


def _checked(pictures: int, from_run: float | None) -> str:
    if from_run is None:
        return f"{counted(pictures, 'picture')} of noise, as those of validation are not at hand"
    return counted(pictures, "validation picture")
