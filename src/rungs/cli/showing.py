"""Commands that show what is planned, kept and known; none of them trains."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rungs.cli import completion
from rungs.cli.options import (
    AblateOption,
    ArchiveOption,
    BudgetOption,
    DataOption,
    Device,
    DeviceOption,
    EpochsOption,
    FigureForm,
    FigureWidth,
    Format,
    JsonOption,
    NoPicturesOption,
    NoTestOption,
    OnlyOption,
    OverrideOption,
    Rows,
    SeedsOption,
    StoreOption,
    StoresOption,
    StudyArgument,
    UnbundleOption,
    WorkersOption,
    answering,
    as_finished,
    asked_seeds,
    load_study,
    looked_into,
    page_width,
    planned_by,
    print_json,
)
from rungs.foundation.errors import UsageError
from rungs.foundation.wording import counted, shown
from rungs.report.publishing import lessens, publish, unwritten
from rungs.store import DEFAULT_STORE

if TYPE_CHECKING:
    from rungs.report.figures.whole import ReportData


@answering
def plan(
    context: typer.Context,
    study: StudyArgument,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    epochs: EpochsOption = None,
    only: OnlyOption = None,
    unbundle: UnbundleOption = None,
    ablate: AblateOption = False,
    overrides: OverrideOption = None,
    device: DeviceOption = Device.auto,  # noqa: ARG001 - shown by --show-config, as are the next
    workers: WorkersOption = None,  # noqa: ARG001
    data_dir: DataOption = None,
    store: StoreOption = DEFAULT_STORE,
    archive: ArchiveOption = None,
    show_config: Annotated[
        bool,
        typer.Option("--show-config", help="Show each setting and where it comes from, no plan."),
    ] = False,
    detect: Annotated[
        float | None,
        typer.Option(
            "--detect",
            metavar="POINTS",
            min=0.01,
            max=100,
            help="Say how many seeds detect this difference, no plan.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Show what a study would train, and what each rung changes and costs. Trains nothing.

    Where nothing was ever trained on this machine, it is tried for a moment, once.
    """
    from rungs.execution.first_look import time_left_or_looked_at
    from rungs.report.gather.rounds import seed_rounds
    from rungs.report.gather.runs import ended_by_name
    from rungs.report.show.planned import planned, planned_json
    from rungs.store import existing_store, is_store, open_store
    from rungs.study.cautions import cautions, fault_lines, lost_ensembles
    from rungs.study.costs import costs, faults
    from rungs.study.estimate import unfinished
    from rungs.study.sizes import check_sizes
    from rungs.study.trained import at_other_lengths, lost_classes, on_other_data

    wanted, _ = planned_by(
        study,
        budget,
        seeds,
        epochs,
        only,
        unbundle=unbundle,
        ablate=ablate,
        overrides=overrides,
    )
    if show_config:
        seeds_of = wanted.study.adaptive or wanted.study.seeds
        of_study = {"budget": wanted.study.budget, "seeds": seeds_of}
        typer.echo("\n".join(_settings(context, of_study)))
        return
    opened = open_store(store) if archive or is_store(store) else None
    if opened is not None and archive is not None:
        from rungs.evidence.archives import take

        take(archive, opened, wanted)
    asked, wanted = wanted, as_finished(wanted, opened, seeds)
    if detect is not None:
        from rungs.report.gather.detection import seeds_needed
        from rungs.report.show.detection import show_detection

        # However many seeds are finished, they all tell how much seeds differ.
        said = asked_seeds(seeds)
        number = said if isinstance(said, int) else _SEEDS_LOOKED_AT
        every, _ = planned_by(study, budget, str(number), epochs, None, overrides=overrides)
        opened = opened or existing_store(store)
        if archive is not None:
            from rungs.evidence.labels import find_labels

            find_labels(every, opened, data_dir, partial(typer.echo, err=True))
        needed = seeds_needed(every, opened, detect)
        plain = needed.to_dict()
        typer.echo(json.dumps(plain, indent=1) if as_json else show_detection(needed))
        return
    known, ended = costs(wanted.study, opened), ended_by_name(wanted, opened)
    faulty = faults(wanted.study, known)
    check_sizes(wanted, opened, but=faulty)
    rounds = seed_rounds(wanted, opened)
    reach = None
    if opened is not None and opened.index.last_machine() is not None:
        from rungs.report.gather.reach import reaches  # numpy: not where nothing was trained

        # However many seeds are asked for, all that are finished tell how much they differ.
        reach = reaches(asked, as_finished(asked, opened, None), opened, known)
    left = time_left_or_looked_at(wanted, opened, known)
    if as_json:
        plain = planned_json(wanted, ended, known, left, rounds, reach) | {"faults": faulty}
        typer.echo(json.dumps(plain, indent=1))
        return
    shown = planned(wanted, ended, known, width=page_width(), rounds=rounds, reach=reach)
    typer.echo(shown, nl=False)
    for line in fault_lines(faulty, wanted):
        typer.echo(line)
    kept: tuple[str, ...] = ()
    if opened:
        others = (*on_other_data(wanted, opened), *at_other_lengths(wanted, opened))
        kept = (*lost_ensembles(wanted, opened), *others)
    for line in (*cautions(wanted.study, opened, strict=False), *kept):
        typer.echo(line)
    if opened and (gone := lost_classes(wanted.study, opened)):
        typer.echo(f"Warning: {gone}.")
    if left is not None:
        typer.echo(str(left))
    elif unfinished(wanted, opened):
        typer.echo(
            "Time left: not known, and none of these networks is tried in a moment; "
            f"`rungs run {study} --epochs 1` measures it."
        )


# More than anybody trains; each takes a look into the store.
_SEEDS_LOOKED_AT = 20

_SETTINGS = ("budget", "seeds", "epochs", "device", "workers", "data_dir", "store")
# What holds where nothing is said.
_DEFAULTS = {
    "epochs": "as the budget says",
    "workers": "as many as finish the study soonest; one for a GPU",
    "data_dir": "the user's cache",
}


def _settings(context: typer.Context, of_study: Mapping[str, object]) -> Iterator[str]:
    """Each setting with its value and its source: flag > environment > study file > default."""
    for name in _SETTINGS:
        source = getattr(context.get_parameter_source(name), "name", "DEFAULT")
        value: object = context.params[name]
        if name == "data_dir" and value is None and os.environ.get("RUNGS_DATA"):
            said, value = "environment RUNGS_DATA", os.environ["RUNGS_DATA"]
        elif source == "COMMANDLINE":
            said = "flag"
        elif source == "ENVIRONMENT":
            said = f"environment RUNGS_{name.upper()}"
        elif name in of_study:
            said, value = "study file", of_study[name]
        else:
            said, value = "default", _DEFAULTS.get(name, value)
        yield f"{'--' + name.replace('_', '-'):<12}{value}  ({said})"


@answering
def status(
    study: StudyArgument,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    epochs: EpochsOption = None,
    only: OnlyOption = None,
    overrides: OverrideOption = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: Annotated[bool, typer.Option("--json", help="Print the runs as JSON.")] = False,
) -> None:
    """Show how far each run of a study is."""
    from rungs.report.gather.rounds import seed_rounds
    from rungs.report.gather.runs import run_states
    from rungs.report.show.planned import progress
    from rungs.store import is_store, open_store
    from rungs.study.costs import costs
    from rungs.study.estimate import describe_left
    from rungs.study.trained import at_other_lengths, on_other_data

    wanted, _ = planned_by(study, budget, seeds, epochs, only, overrides=overrides)
    opened = open_store(store) if is_store(store) else None
    wanted = as_finished(wanted, opened, seeds)
    states, rounds = run_states(wanted, opened), seed_rounds(wanted, opened)
    if as_json:
        runs = [asdict(state) for state in states]
        plain = {
            "study": wanted.study.name,
            "budget": wanted.budget,
            "rounds": None if rounds is None else rounds.to_dict(),
            "runs": runs,
        }
        typer.echo(json.dumps(plain, indent=1))
        return
    typer.echo(progress(wanted, states, width=page_width(), rounds=rounds), nl=False)
    for line in (
        (*on_other_data(wanted, opened), *at_other_lengths(wanted, opened)) if opened else ()
    ):
        typer.echo(line)
    left = opened and describe_left(wanted, opened, costs(wanted.study, opened))
    if left:
        typer.echo(left)


@answering
def report(
    study: StudyArgument,
    format: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.text,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Also write all forms and the plots to this folder."),
    ] = None,
    figures: Annotated[
        str | None,
        typer.Option(
            "--figures",
            metavar="FORMS",
            help="Also write the plots to the folder for print: pdf, png, or pdf,png.",
        ),
    ] = None,
    figure_width: Annotated[
        FigureWidth,
        typer.Option("--figure-width", help="Of these: a column is 8.5 cm wide, a page 17 cm."),
    ] = FigureWidth.column,
    rows: Annotated[
        Rows | None, typer.Option("--rows", help="With csv: a row a rung, a run or an epoch.")
    ] = None,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    epochs: EpochsOption = None,
    only: OnlyOption = None,
    unbundle: UnbundleOption = None,
    ablate: AblateOption = False,
    overrides: OverrideOption = None,
    data_dir: DataOption = None,
    store: StoreOption = DEFAULT_STORE,
    archive: ArchiveOption = None,
    no_test: NoTestOption = False,
    no_pictures: NoPicturesOption = False,
) -> None:
    """Show a study's results from what is finished. Trains nothing.

    With --archive the archive is brought up to date, its report too.
    """
    if rows is not None and format is not Format.csv:
        raise UsageError(f"--rows is of --format csv alone, and {format} has no rows to choose")
    forms = _figure_forms(figures, output)
    if format is Format.docx:
        from rungs.report.show.writeup.word import check_library

        check_library()
        if output is None:
            raise UsageError("--format docx is a file: --output FOLDER says where it goes")
    from rungs.report.gather.derived import limited_to
    from rungs.report.gather.gallery import gallery_from
    from rungs.report.gather.gathering import gather
    from rungs.report.show.rendering import render, write_figures
    from rungs.study.known import note_study

    wanted, whole = planned_by(
        study,
        budget,
        seeds,
        epochs,
        only,
        unbundle=unbundle,
        ablate=ablate,
        overrides=overrides,
        trained_in=(store, archive),
    )
    opened = looked_into(store, archive, wanted, data_dir)
    find = None if no_pictures else gallery_from(opened, data_dir)
    every = as_finished(whole, opened, None)
    note_study(opened, every, trains=False)
    whole = whole if isinstance(asked_seeds(seeds), int) else every
    data = gather(whole, opened, with_test=not no_test)
    folders = [output] if output else []
    if output and whole.most_seeds < every.most_seeds and lessens(data, output):
        # Somebody asked for fewer seeds than are finished: that is to be read, not to be kept.
        typer.echo(
            f"{output} is left as it is: it is of more finished runs than these; "
            "write to another folder, or leave out --seeds",
            err=True,
        )
        folders = []
    written = publish(data, opened, folders, archive, plan=whole, pictures=find)
    for folder in folders:
        write_figures(data, folder, [form.value for form in forms], figure_width.value)
    if archive is not None:
        kept = len(written) == len(folders)
        typer.echo(unwritten(data, archive) if kept else f"written: {written[-1]}", err=True)
    whole_data, data = data, limited_to(data, wanted.names)
    gallery = find(data) if find and format is Format.html else None
    if format in (Format.document, Format.docx):
        _show_document(data, whole_data, folders, format)
        return
    of = (rows or Rows.rungs).value
    text = render(data, format.value, width=page_width(), rows=of, gallery=gallery)
    # The ends of lines of CSV are its own.
    typer.echo(text.encode() if format is Format.csv else text, nl=False)


def _show_document(
    data: "ReportData", whole: "ReportData", folders: list[Path], format: Format
) -> None:
    """Prints a study written up, and writes it into folders; of .docx only the file's name."""
    from rungs.report.gather.writeup import ends
    from rungs.report.show.rendering import document, write_document

    both = ends(whole)
    form: Literal["md", "docx"] = "docx" if format is Format.docx else "md"
    for folder in folders:
        path = write_document(whole, both, folder, form)
        typer.echo(f"written: {path}", err=form == "md")
    if form == "md":
        typer.echo(document(data, both), nl=False)


def _figure_forms(asked: str | None, output: Path | None) -> list[FigureForm]:
    """The forms that ``--figures`` names, each once.

    Raises:
        UsageError: one that there is not, or no folder for them.
    """
    names = list(dict.fromkeys(name.strip() for name in asked.split(","))) if asked else []
    if strange := [name for name in names if name not in list(FigureForm)]:
        known = " and ".join(FigureForm)
        raise UsageError(f"--figures: no form {', '.join(map(shown, strange))}; known are {known}")
    if names and output is None:
        raise UsageError("--figures writes plots to a folder: --output FOLDER says to which")
    return [FigureForm(name) for name in names]


@answering
def compare(
    study: StudyArgument,
    one: Annotated[
        str | None,
        typer.Argument(
            metavar="A",
            help="A rung or an ensemble, NAME@SEED for one run; without B, another study.",
            autocompletion=completion.answering,
        ),
    ] = None,
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="B",
            help="What A is compared with.",
            autocompletion=completion.answering,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON.")] = False,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    epochs: EpochsOption = None,
    unbundle: UnbundleOption = None,
    ablate: AblateOption = False,
    overrides: OverrideOption = None,
    data_dir: DataOption = None,
    store: StoresOption = None,
    archive: ArchiveOption = None,
) -> None:
    """Say whether A is better than B on test, with interval and p. Trains nothing.

    Without B two studies are compared rung by rung: STUDY and A, or STUDY in two stores, the first
    of which is --store; or STUDY with -o and without. What did not answer the same images is not
    compared, and it is said why. These differences are of test where both seals are open, else of
    validation.
    """
    places = tuple(store or (DEFAULT_STORE,))
    if len(places) > 2 or (other is not None and len(places) > 1):
        raise UsageError("--store is given twice for two studies, not for A and B, nor more often")
    if other is None:
        if unbundle is not None or ablate or archive is not None:
            raise UsageError(
                "--unbundle, --ablate and --archive are of A and B in one study; of two studies "
                "give those two, or one and --store twice, or one and -o"
            )
        _compare_studies(
            (study, one or study), places, budget, seeds, epochs, overrides, as_json=as_json
        )
        return
    from rungs.evidence.selection import finished_otherwise
    from rungs.report.gather.comparison import compare as compared
    from rungs.report.gather.gathering import gather
    from rungs.report.show.tables.verdicts import accuracy_of, verdict_section
    from rungs.report.show.text import to_text

    _, wanted = planned_by(
        study,
        budget,
        seeds,
        epochs,
        None,
        unbundle=unbundle,
        ablate=ablate,
        overrides=overrides,
        trained_in=(places[0], archive),
    )
    opened = looked_into(places[0], archive, wanted, data_dir)
    wanted = as_finished(wanted, opened, seeds)
    data = gather(wanted, opened, with_test=True)
    verdict = compared(
        data, one or "", other, lambda name: finished_otherwise(wanted, name, opened)
    )
    if as_json:
        typer.echo(json.dumps(verdict.to_dict(), indent=1))
        return
    title = f"{wanted.study.title}: budget {wanted.budget}, on {data.judged_on}"
    table = verdict_section(title, [verdict], accuracy_of(data))
    typer.echo(to_text((table,), width=page_width()), nl=False)


def _compare_studies(
    studies: tuple[str, str],
    stores: tuple[Path, ...],
    budget: str | None,
    seeds: str | None,
    epochs: int | None,
    overrides: list[str] | None,
    *,
    as_json: bool,
) -> None:
    """Prints two studies rung by rung; each is in its store, and overrides are of the first."""
    from rungs.report.gather.across import Placed, across
    from rungs.report.show.across import show_across
    from rungs.store import existing_store
    from rungs.study.known import overrides_of, source_of

    sides: list[Placed] = []
    given: tuple[list[str], list[str]] = (overrides or [], [])
    for study, store, more in zip(studies, (stores[0], stores[-1]), given, strict=True):
        if sides and study in sides[0].plan.names and not Path(study).exists():
            raise UsageError(
                f"{shown(study)} is of study '{sides[0].plan.study.name}': name what it is "
                "compared with, too, or another study in its place"
            )
        wanted, _ = planned_by(
            source_of(study, store),
            budget,
            seeds,
            epochs,
            None,
            overrides=[*overrides_of(study, store), *more],
            trained_in=(store,),
        )
        opened = existing_store(store)
        sides.append(Placed(as_finished(wanted, opened, seeds), opened))
    found = across(*sides)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1))
        return
    typer.echo(show_across(found, width=page_width()), nl=False)


@answering
def unseal(
    study: StudyArgument,
    overrides: OverrideOption = None,
    store: StoreOption = DEFAULT_STORE,
    yes: Annotated[
        bool, typer.Option("--yes", help="Open it even if no verdict is possible.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Open a study's test set, once and for good. Rungs that are added later are marked."""
    from rungs.evidence.unsealing import open_test_set
    from rungs.store import existing_store

    opened = existing_store(store)
    asked = load_study(study, overrides, trained_in=(store,))
    found = open_test_set(opened, asked, anyway=yes)
    if as_json:
        print_json(found.to_dict())
    else:
        typer.echo(found)


@answering
def catalogue(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A modification; all if left out.", autocompletion=completion.modifications
        ),
    ] = None,
    module: Annotated[
        Path | None,
        typer.Option(
            "--module", help="Your own Python file, whose modifications count; it is run."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the modifications that a study can apply; for a single one, also what it costs."""
    from rungs.recipe.modifications import catalogue as entries
    from rungs.recipe.modifications import find

    if module is not None:
        from rungs.recipe.own_modules import load_module

        load_module(module)
    chosen = entries() if name is None else (find(name),)
    if as_json:
        plain = [entry.to_dict() for entry in chosen]
        if name is not None:
            from rungs.network.typical_cost import typical_cost

            plain[0]["typical_cost"] = typical_cost(chosen[0])
        print_json(plain)
        return
    family = ""
    for entry in chosen:
        if entry.family != family:
            family = entry.family
            typer.echo(f"{family}:")
        typer.echo(f"  {entry.signature}\n      {entry.doc}\n      Source: {entry.source}")
    if name is not None:
        from rungs.network.typical_cost import typical_cost  # torch: not for the list

        typer.echo(f"      Typical cost: {typical_cost(find(name))}")


@answering
def data(
    study: StudyArgument,
    overrides: OverrideOption = None,
    data_dir: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find, fetch or draw a study's data, check it, and say what it holds."""
    from rungs.data.loading import load
    from rungs.data.pictures import survey_lines

    asked = load_study(study, overrides)
    spec = asked.data
    loaded = load(spec, data_dir=data_dir, progress=partial(typer.echo, err=as_json))
    pictures = () if asked.pictures is None else survey_lines(asked.pictures)
    if as_json:
        print_json(
            {
                "name": loaded.name,
                "fingerprint": loaded.fingerprint,
                "sizes": dict(spec.sizes),
                "image_shape": list(spec.image_shape),
                "class_names": list(loaded.class_names),
                "folds": asked.folds,
                "pictures": list(pictures),
            }
        )
        return
    sizes = ", ".join(f"{count:,} {part}" for part, count in spec.sizes.items())
    channels, height, width = spec.image_shape
    typer.echo(
        f"{loaded.name}: {sizes}; {len(loaded.class_names)} classes; "
        f"{height}x{width} pixels, {counted(channels, 'channel')}; fingerprint {loaded.fingerprint}"
    )
    if asked.folds is not None:
        held_out = sorted({fold.sizes["validation"] for fold in asked.splits}, reverse=True)
        each = " or ".join(f"{count:,}" for count in held_out)
        typer.echo(
            f"{asked.judged_images:,} of them are dealt into {asked.folds} folds of {each}, each "
            "held out in turn"
        )
    if pictures:
        typer.echo("\n".join(pictures))
