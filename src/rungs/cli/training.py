"""Commands that train."""

import json
import math
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import typer

from rungs.cli import completion
from rungs.cli.options import (
    AblateOption,
    AddressOption,
    ArchiveOption,
    BudgetOption,
    DataOption,
    Device,
    DeviceOption,
    EngineOption,
    EpochsOption,
    JsonOption,
    NoPicturesOption,
    NoTestOption,
    OnlyOption,
    OverrideOption,
    SeedsOption,
    StoreOption,
    StudyArgument,
    UnbundleOption,
    WithinOption,
    WorkersOption,
    answering,
    as_finished,
    asked_seeds,
    load_study,
    page_width,
    planned_by,
    print_json,
)
from rungs.foundation import interrupts
from rungs.foundation.errors import DataError, UsageError
from rungs.foundation.wording import counted
from rungs.report.publishing import in_archive, publish, unwritten
from rungs.statistics.range_test import UPDATES, know_nothing, problem, warning
from rungs.store import DEFAULT_STORE

if TYPE_CHECKING:
    from rungs.report.figures.whole import ReportData
    from rungs.study import Study

P = ParamSpec("P")
T = TypeVar("T")

QuietOption = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
EventsOption = Annotated[bool, typer.Option("--json", help="Print events as JSON, one a line.")]


def stoppable(command: Callable[P, T]) -> Callable[P, T]:
    """Ctrl-C, at whatever moment, is exit code 130 and one sentence that says how to go on."""

    @wraps(command)
    def stopped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with interrupts.remembered():
                return command(*args, **kwargs)
        except KeyboardInterrupt:
            typer.echo("stopped; the same command resumes from the last finished epoch", err=True)
            raise typer.Exit(130) from None

    return stopped


@answering
@stoppable
def run(
    study: StudyArgument,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    epochs: EpochsOption = None,
    only: OnlyOption = None,
    unbundle: UnbundleOption = None,
    ablate: AblateOption = False,
    overrides: OverrideOption = None,
    device: DeviceOption = Device.auto,
    workers: WorkersOption = None,
    engine: EngineOption = "local",
    address: AddressOption = None,
    data_dir: DataOption = None,
    store: StoreOption = DEFAULT_STORE,
    archive: ArchiveOption = None,
    no_test: NoTestOption = False,
    no_pictures: NoPicturesOption = False,
    within: WithinOption = None,
    full: Annotated[
        bool, typer.Option("--full", help="End with the whole report, as `rungs report` prints it.")
    ] = False,
    quiet: QuietOption = False,
    as_json: EventsOption = False,
) -> None:
    """Train a study's unfinished runs. Interrupted, the same command resumes.

    It ends with the ladder, the verdicts and where the page is; `rungs report` prints the rest.
    """
    from rungs.evidence.archives import take
    from rungs.evidence.seal import open_at_end
    from rungs.execution.rounds import train_study
    from rungs.execution.session import complain_of_failed
    from rungs.report.gather.derived import limited_to
    from rungs.report.gather.gallery import gallery_from
    from rungs.report.gather.gathering import gather
    from rungs.report.show.rendering import render, summarised
    from rungs.store import open_store
    from rungs.study.estimate import seconds_of
    from rungs.study.plan import slug

    wanted, whole = planned_by(
        study,
        budget,
        seeds,
        epochs,
        only,
        unbundle=unbundle,
        ablate=ablate,
        overrides=overrides,
    )
    opened = open_store(store)
    if archive is not None:
        take(archive, opened, wanted)
    folders = [opened.root / "reports" / wanted.study.name / slug(wanted.budget)]

    def gathered() -> "ReportData":
        # Of every seed that is finished: a page is not to lose what it had.
        return gather(as_finished(whole, opened, None), opened, with_test=not no_test)

    def write(data: "ReportData", *, pictures: bool) -> list[Path]:
        find = gallery_from(opened, data_dir) if pictures else None
        return publish(data, opened, folders, archive, plan=whole, pictures=find)

    done = train_study(
        wanted,
        whole,
        opened,
        within=None if within is None else seconds_of(within),
        device=device.value,
        workers=workers,
        data_dir=data_dir,
        quiet=quiet,
        as_json=as_json,
        on_done=lambda: write(gathered(), pictures=False),
        engine=engine,
        address=address,
    )
    left = 0 if no_test else open_at_end(opened, wanted.study)
    data = gathered()
    shows = not (quiet or as_json)
    if shows:
        # Before anything is written: where that cannot be done, the result is seen all the same.
        shown, width = limited_to(data, wanted.names), page_width()
        text = render(shown, "text", width=width) if full else summarised(shown, width=width)
        typer.echo(text, nl=False)
        if left:
            typer.echo(_still_sealed(left, wanted.study))
        for line in done.left_open:
            typer.echo(line)
    written = write(data, pictures=not no_pictures)
    if as_json and not quiet:
        for line in done.left_open:
            typer.echo(json.dumps({"event": "open", "text": line}))
        typer.echo(json.dumps({"event": "seal", "open": not data.sealed, "runs_missing": left}))
        typer.echo(json.dumps({"event": "written", "folders": [str(path) for path in written]}))
    if shows:
        for folder in written[1:]:
            typer.echo(f"also written: {folder}")
        typer.echo(f"the page: {written[0] / 'report.html'}")
    if archive is not None and in_archive(archive, wanted.study, wanted.budget) not in written:
        typer.echo(unwritten(data, archive), err=True)
    complain_of_failed(done.plan, opened, done.lost)


def _still_sealed(left: int, study: "Study") -> str:
    """Why the test set of a study that opens it at its end is not open yet."""
    whose = f"of budget {study.budget} with {counted(study.seeds, 'seed')}"
    if study.adaptive is not None:
        whose = f"of the round of seeds that is under way, in budget {study.budget},"
    return (
        "the test set stays sealed until all runs that the study asks for are finished: "
        f"{counted(left, 'run')} {whose} {'is' if left == 1 else 'are'} not; "
        "`rungs unseal` opens it earlier"
    )


@answering
@stoppable
def try_(
    study: StudyArgument,
    changes: Annotated[
        list[str],
        typer.Argument(
            metavar="CHANGE...",
            help="Modifications as calls, such as 'residual()'.",
            autocompletion=completion.modifications,
        ),
    ],
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            help="The rung to change; the study's final one if none.",
            autocompletion=completion.rungs,
        ),
    ] = None,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    epochs: EpochsOption = None,
    overrides: OverrideOption = None,
    device: DeviceOption = Device.auto,
    workers: WorkersOption = None,
    data_dir: DataOption = None,
    store: StoreOption = DEFAULT_STORE,
    quiet: QuietOption = False,
    as_json: EventsOption = False,
) -> None:
    """Try a change on a rung without editing a file, and show what it did on validation."""
    from rungs.execution.session import complain_of_failed, train
    from rungs.report.gather.gathering import gather
    from rungs.report.gather.trial import trial_of
    from rungs.report.show.trial import show_trial
    from rungs.store import open_store
    from rungs.study.known import note_study
    from rungs.study.plan import plan
    from rungs.study.seeds import AUTO
    from rungs.study.trial import with_trial

    asked = load_study(study, overrides)
    parent = on or asked.final
    tried, name = with_trial(asked, parent, changes)
    number = asked_seeds(seeds)
    if number == AUTO:
        raise UsageError(
            f"--seeds {AUTO} is for a whole study, whose comparisons decide where seeds go; "
            "`rungs try` takes a number"
        )
    wanted = plan(tried, budget=budget, seeds=number, epochs=epochs, only=(parent, name))
    opened = open_store(store)
    words = f"{' and '.join(changes)} on {parent}"
    keys = [spec.key for item in wanted.rungs if item.rung.name == name for spec in item.runs]
    every = plan(asked, budget=budget, seeds=number, epochs=epochs)
    note_study(opened, every, trains=True, tried=dict.fromkeys(keys, words))
    lost = train(
        wanted,
        opened,
        device=device.value,
        workers=workers,
        data_dir=data_dir,
        quiet=quiet,
        as_json=as_json,
        on_done=lambda: None,
    )
    if not as_json and not quiet:
        # Trying is choosing: the test set stays out of it.
        data = gather(wanted, opened, with_test=False)
        every = plan(tried, budget=budget, seeds=wanted.seeds, epochs=epochs)
        found = trial_of(data, parent, name, every, opened)
        typer.echo(show_trial(found, width=page_width()), nl=False)
    complain_of_failed(wanted, opened, lost)


@answering
@stoppable
def lr(
    study: StudyArgument,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            help="The rung to test; the study's final one if none.",
            autocompletion=completion.rungs,
        ),
    ] = None,
    updates: Annotated[
        int, typer.Option("--updates", min=20, max=10_000, help="Length of the test.")
    ] = UPDATES,
    overrides: OverrideOption = None,
    device: DeviceOption = Device.auto,
    data_dir: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Test learning rates on a rung by short trainings, at a rising rate and at constant ones."""
    from rungs.data.loading import load as load_data
    from rungs.report.gather.rates import rate_curve
    from rungs.report.show.rate_curve import show_range_test
    from rungs.study.estimate import share_cores
    from rungs.study.trial import rung_called
    from rungs.training.epoch import steps_per_epoch
    from rungs.training.rate_sweep import measure_range, measure_trials
    from rungs.training.record import candidates, resolve_device
    from rungs.training.throughput import usable

    asked = load_study(study, overrides)
    rung = rung_called(asked, on or asked.final)
    if rung.teacher is not None:
        raise UsageError(
            f"rung '{rung.name}' learns from '{rung.teacher}', which would have to be trained for "
            "this test; --on names a rung to test that learns from labels alone"
        )
    count = asked.data.sizes["train"]
    if (too_few := problem(count)) is not None:
        raise DataError(f"{asked.source}: {too_few}")
    where = resolve_device(device.value)
    _, threads = share_cores(where, 1, 1)
    shape, classes = asked.data.image_shape, asked.data.classes
    (record, *_) = usable(rung.recipe, shape, classes, candidates(where, threads))
    images = load_data(asked.data, data_dir=data_dir).exploration.to(record.device)
    test = measure_range(rung.recipe, images, seed=0, updates=updates, record=record)
    trials = measure_trials(rung.recipe, images, test, seed=0, updates=updates, record=record)
    title = (
        f"{asked.title}, {rung.name}: {len(test.losses)} updates of {rung.recipe.batch_size} "
        f"training images with '{rung.recipe.optimiser.kind}' at a rising rate"
    )
    present = rung.recipe.optimiser.learning_rate
    warned = warning(count, updates / steps_per_epoch(count, rung.recipe.batch_size))
    found = rate_curve(test, trials, know_nothing(images.validation.labels.bincount().tolist()))
    if as_json:
        print_json(
            {
                "study": asked.name,
                "rung": rung.name,
                "optimiser": rung.recipe.optimiser.kind,
                "batch_size": rung.recipe.batch_size,
                "present": present,
                "suggested": found.suggestion.rate,
                "reason": found.suggestion.reason,
                "warning": warned,
                "rates": list(found.rates),
                "losses": [loss if math.isfinite(loss) else None for loss in found.losses],
            }
        )
        return
    typer.echo(show_range_test(found, title=title, present=present, warned=warned), nl=False)
