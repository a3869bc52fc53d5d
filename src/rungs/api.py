"""The door for Python: ``import rungs`` gives these functions, each imported when it is used.

They do what the commands of the same names do, with the options as keyword arguments, and raise
`rungs.foundation.errors.RungsError` where those print a sentence and end. A study is a `Study`, its
file, a built-in study's name, or a dict as its file would be read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rungs import store as stores
from rungs.evidence.archives import take
from rungs.evidence.selection import finished_otherwise
from rungs.evidence.unsealing import Opened, open_test_set
from rungs.foundation.errors import UsageError
from rungs.foundation.frames import dataframe, flat
from rungs.foundation.notebook import fragment
from rungs.report.figures.runs import Ended
from rungs.report.figures.whole import ReportData
from rungs.report.gather.comparison import compare as judge
from rungs.report.gather.derived import limited_to
from rungs.report.gather.gallery import gallery_from
from rungs.report.gather.gathering import gather
from rungs.report.gather.runs import ended_by_name
from rungs.report.publishing import publish
from rungs.report.reported import Report
from rungs.report.show.planned import planned as show_planned
from rungs.report.show.planned import planned_json, planned_sections
from rungs.report.show.section import Section
from rungs.report.show.tables.verdicts import verdict_section
from rungs.report.show.text import to_text
from rungs.statistics.verdicts import Verdict
from rungs.store import DEFAULT_STORE, Store
from rungs.study import Study, load
from rungs.study.asking import planned, study_of
from rungs.study.costs import Cost, costs
from rungs.study.estimate import Machine, TimeLeft, seconds_of, whole_time_left
from rungs.study.jobs import with_finished_seeds
from rungs.study.overrides import Overrides
from rungs.study.parsing import Source
from rungs.study.plan import Plan, slug
from rungs.study.plan import plan as plan_of
from rungs.study.seeds import SeedsAsked
from rungs.study.trained import load_trained

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from rungs.data.images import Images
    from rungs.evidence.recording.recording import Entered
    from rungs.execution.watching import OnEpoch
    from rungs.models.model import Model

_WIDTH = 160


@dataclass(frozen=True)
class Planned:
    """What a study would train; shows itself in a notebook, and as text with ``print``.

    Attributes:
        plan: its rungs and ensembles with their runs.
        ended: for each of them, the runs that are over.
        costs: of each rung: parameters, those that are trained, FLOPs of an image.
        seconds_left: that it still takes on ``machine``; None if nobody knows yet.
        machine: that trained last, in this store or else in any.
        rough: whether the seconds are from what this machine did in other stores: they may be half
            of them, or twice as many.
    """

    plan: Plan
    ended: Mapping[str, Ended]
    costs: Mapping[str, Cost]
    seconds_left: float | None = None
    machine: Machine | None = None
    rough: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The content of ``rungs plan --json``: plain JSON types."""
        seconds, machine = self.seconds_left, self.machine
        left = None
        if seconds is not None and machine is not None:
            left = TimeLeft(seconds, machine, self.rough)
        return planned_json(self.plan, self.ended, self.costs, left)

    def to_dataframe(self) -> "pd.DataFrame":
        """A pandas table with a row for each rung.

        Raises:
            RungsError: pandas is not installed.
        """
        rows = [
            {
                "name": item.rung.name,
                "title": item.rung.title,
                "after": item.rung.after,
                "kept": item.rung.kept,
                "changes": "; ".join(map(str, item.rung.difference)),
                "parameters": cost[0],
                "trainable_parameters": cost[1],
                "flops": cost[2],
                "epochs": item.epochs,
                "seeds": len(item.groups),
                "runs": len(item.runs),
                "finished": len(ended.finished),
                "failed": len(ended.failed),
            }
            for item in self.plan.rungs
            for cost, ended in [(self.costs[item.rung.name], self.ended[item.rung.name])]
        ]
        return dataframe(rows)

    def __str__(self) -> str:
        return show_planned(self.plan, self.ended, self.costs, width=_WIDTH)

    def _repr_html_(self) -> str:
        return _html(planned_sections(self.plan, self.ended, self.costs))


@dataclass(frozen=True)
class Comparison:
    """One rung, ensemble or run held against another on the test set.

    Attributes:
        title: what is compared where.
        verdict: with difference (a fraction), interval and p.
    """

    title: str
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """The content of ``rungs compare --json``: plain JSON types."""
        return self.verdict.to_dict()

    def to_dataframe(self) -> "pd.DataFrame":
        """A pandas table with one row, the columns of which are the keys of `to_dict`.

        Raises:
            RungsError: pandas is not installed.
        """
        return dataframe([flat(self.to_dict())])

    @property
    def _sections(self) -> tuple[Section, ...]:
        return (verdict_section(self.title, [self.verdict]),)

    def __str__(self) -> str:
        return to_text(self._sections, width=_WIDTH)

    def _repr_html_(self) -> str:
        return _html(self._sections)


def _html(shown: Sequence[Section]) -> str:
    return "\n".join(
        fragment(item.title, item.columns, item.rows, right=item.right, lines=item.lines)
        for item in shown
    )


def load_study(source: Source, *, overrides: Overrides = ()) -> Study:
    """A study from its file or a dict, or a built-in study by its name.

    Args:
        source: path, name, or a dict as the file would be read, checked as strictly: paths in it
            count from the present folder.
        overrides: keys of it that get another value, as a dict ``{"recipe.batch_size": 64}``. The
            study is then one of its own, with another name, page and seal.

    Raises:
        StudyError: every mistake of it.

    Example:
        study = rungs.load_study("quickstart")
        print(study)
    """
    return load(source, overrides=overrides)


def open_store(folder: str | Path = DEFAULT_STORE) -> Store:
    """The store of runs in a folder, which is made if it is not there.

    Raises:
        StoreError: the folder cannot be made or read.

    Example:
        store = rungs.open_store("runs")
        print(len([*store.keys()]), "finished runs")
    """
    return stores.open_store(Path(folder))


def plan(
    study: Study | Source,
    *,
    budget: str | None = None,
    seeds: SeedsAsked = None,
    epochs: int | None = None,
    only: str | Sequence[str] = (),
    unbundle: str | None = None,
    ablate: bool = False,
    store: Store | str | Path = DEFAULT_STORE,
    overrides: Overrides = (),
) -> Planned:
    """What a study would train, and what each rung changes and costs. Trains and writes nothing.

    Args:
        study: the study, its file, a built-in study's name, or a dict as a file would be read.
        budget: of the study; its own if None.
        seeds: number of seeds, or ``auto``; the study's own and all that are finished if None.
        epochs: of every rung, instead of a budget.
        only: name or names of rungs and ensembles; all if empty.
        unbundle: a rung: each of its changes alone, in place of the ladder.
        ablate: the final rung without each of its changes, in place of the ladder.
        store: where runs are kept; it need not be there.
        overrides: keys of the study's file that get another value, as in `load_study`.

    Raises:
        RungsError: mistakes of the study or the arguments.

    Example:
        planned = rungs.plan("quickstart", seeds=2)
        print(planned)
        print(len(planned.plan.runs), "runs")
    """
    asked, _ = planned(
        _study(study, overrides),
        budget=budget,
        seeds=seeds,
        epochs=epochs,
        only=_names(only),
        unbundle=unbundle,
        ablate=ablate,
    )
    opened: Store | None = _store(store)
    if opened is not None and not stores.is_store(opened.root):
        opened = None
    if opened is not None and not isinstance(seeds, int):
        asked = with_finished_seeds(asked, opened)
    known = costs(asked.study, opened)
    ended, left = ended_by_name(asked, opened), whole_time_left(asked, opened, known)
    if left is None:
        return Planned(asked, ended, known)
    return Planned(asked, ended, known, left.seconds, left.machine, left.rough)


def run(
    study: Study | Source,
    *,
    budget: str | None = None,
    seeds: SeedsAsked = None,
    epochs: int | None = None,
    only: str | Sequence[str] = (),
    unbundle: str | None = None,
    ablate: bool = False,
    device: str = "auto",
    workers: int | None = None,
    engine: str = "local",
    address: str | None = None,
    data_dir: str | Path | None = None,
    store: Store | str | Path = DEFAULT_STORE,
    archive: str | Path | None = None,
    no_test: bool = False,
    no_pictures: bool = False,
    within: str | None = None,
    quiet: bool = False,
    as_json: bool = False,
    on_epoch: "OnEpoch | None" = None,
    overrides: Overrides = (),
) -> Report:
    """Trains a study's unfinished runs, and reports. Called again, it resumes where it stopped.

    As with the command, the page is written into the store's ``reports``.

    Args:
        study: the study, its file, a built-in study's name, or a dict as a file would be read.
        budget: of the study; its own if None.
        seeds: number of seeds, or ``auto`` for more of them only where they decide; the study's own
            if None.
        epochs: of every rung, instead of a budget.
        only: name or names of rungs and ensembles; all if empty.
        unbundle: a rung: each of its changes alone, in place of the ladder.
        ablate: the final rung without each of its changes, in place of the ladder.
        device: ``auto``, ``cpu`` or ``cuda``.
        workers: runs side by side; shares the cores if None.
        engine: what does the runs: ``local`` for processes of this machine, ``ray`` or
            ``slurm``.
        address: where the engine's cluster is; its usual place if None.
        data_dir: where the user has the data; the usual places if None.
        store: where runs are kept.
        archive: of results: its runs count as finished, and new ones are added.
        no_test: leave the test set sealed: nothing of it is shown.
        no_pictures: leave the data set's pictures out of the page.
        within: a time such as ``3h`` or ``2h30m``, into which seeds beyond the start's must fit.
        quiet: print nothing.
        as_json: print events as JSON, one a line.
        on_epoch: called with each epoch of each run as it ends, a
            `rungs.execution.watching.EpochDone`; training goes on meanwhile. It is not called for
            epochs that are finished already. What it raises is raised here, after the processes
            that train have ended: the epochs that were done are kept, and the same call resumes.
        overrides: keys of the study's file that get another value, as in `load_study`.

    Raises:
        RungsError: mistakes of the study or the arguments, no data, or runs that were lost (the
            others are done all the same, and the same call resumes these). A run that failed,
            as where its loss was no longer finite, is a result: the report says so.

    Example:
        def show(done):
            print(done.run, done.figures.epoch, f"{done.figures.val_accuracy:.3f}")

        report = rungs.run("quickstart", epochs=1, only="base", quiet=True, on_epoch=show)
        print(report)
    """
    from rungs.evidence.seal import open_at_end
    from rungs.execution.rounds import train_study
    from rungs.execution.session import complain

    if workers is not None and workers < 1:
        raise UsageError(f"workers are 1 or more, not {workers}")
    # Comparisons are corrected for the whole ladder, whatever part of it is shown.
    wanted, whole = planned(
        _study(study, overrides),
        budget=budget,
        seeds=seeds,
        epochs=epochs,
        only=_names(only),
        unbundle=unbundle,
        ablate=ablate,
    )
    opened = store if isinstance(store, Store) else open_store(store)
    place = None if archive is None else Path(archive)
    where = None if data_dir is None else Path(data_dir)
    if place is not None:
        take(place, opened, wanted)
    folder = opened.root / "reports" / wanted.study.name / slug(wanted.budget)
    find = None if no_pictures else gallery_from(opened, where)

    def gathered() -> ReportData:
        return gather(with_finished_seeds(whole, opened), opened, with_test=not no_test)

    done = train_study(
        wanted,
        whole,
        opened,
        within=None if within is None else seconds_of(within),
        device=device,
        workers=workers,
        data_dir=where,
        quiet=quiet,
        as_json=as_json,
        on_done=lambda: publish(gathered(), opened, [folder], place, plan=whole),
        on_epoch=on_epoch,
        engine=engine,
        address=address,
    )
    if not no_test:
        open_at_end(opened, whole.study)
    data = gathered()
    publish(data, opened, [folder], place, plan=whole, pictures=find)
    complain(done.lost)
    return Report(limited_to(data, wanted.names), folder / "report.html", find)


def record(
    study: Study | Source,
    rung: str,
    *,
    seed: int,
    predictions: "npt.ArrayLike",
    validation: "npt.ArrayLike",
    curve: object = None,
    environment: Mapping[str, object] | None = None,
    epoch: int | None = None,
    budget: str | None = None,
    replace: bool = False,
    data_dir: str | Path | None = None,
    store: Store | str | Path = DEFAULT_STORE,
) -> "Entered":
    """Enters a run that was trained elsewhere into a store, as a finished run of the study.

    The rung says ``recorded = true`` in the study's file. The answers on validation are those by
    which everything is chosen; the answers on test are kept, and meet their labels only once the
    test set is unsealed. No labels are asked for.

    Args:
        study: the study, its file, or a dict as a file would be read.
        rung: name of the rung.
        seed: of the run, one of those that the study asks for.
        predictions: answers to the test images in the order of `load_data`: predicted classes [N],
            as whole numbers or names, or probabilities [N, classes].
        validation: the same of the validation images.
        curve: what each epoch measured: a list of dicts, a dict of lists, a data frame, or the path
            of timm's ``summary.csv`` or Lightning's ``metrics.csv``; what it lacks is not shown.
        environment: where it was trained, such as ``{"gpu": "A100", "timm": "1.0"}``.
        epoch: whose weights answered, where the curve tells of it.
        budget: of the study, that the run is of; its own if None.
        replace: whether it takes the place of what was recorded before with other content, which
            the test set's opening ends.
        data_dir: where the user has the data; the usual places if None.
        store: where runs are kept.

    Raises:
        RungsError: no such rung or seed, answers that do not fit the study's data, or another run
            that was recorded before.

    Example:
        study = {
            "name": "mine",
            "base": "resnet",
            "final": "resnet",
            "data": {"kind": "synthetic", "train": 100, "validation": 50, "test": 50},
            "budgets": {"equal": 90},
            "rungs": [{"name": "resnet", "recorded": True}],
        }
        images = rungs.load_data(study)
        test, validation = ([0] * len(part) for part in (images.test, images.validation))
        rungs.record(study, "resnet", seed=0, predictions=test, validation=validation)
    """
    from rungs.evidence.recording.entering import enter
    from rungs.evidence.recording.recording import Given

    given = Given(
        rung=rung,
        seed=seed,
        answers={"test": predictions, "validation": validation},
        places={"test": "predictions", "validation": "validation"},
        curve=curve,
        environment=environment,
        epoch=epoch,
    )
    opened = store if isinstance(store, Store) else open_store(store)
    where = None if data_dir is None else Path(data_dir)
    wanted = plan_of(_study(study), budget=budget)
    (entered,) = enter(opened, wanted, lambda _: (given,), replace=replace, data_dir=where)
    return entered


def load_data(study: Study | Source, *, data_dir: str | Path | None = None) -> "Images":
    """A study's images as they are split, for a training loop of one's own.

    Args:
        study: the study, its file, a built-in study's name, or a dict as a file would be read.
        data_dir: where the user has the data; the usual places if None.

    Returns:
        ``train`` and ``validation`` with ``pixels``, uint8 [N, C, H, W], and ``labels``, int64 [N];
        of ``test`` the pixels alone; and ``class_names``.

    Raises:
        RungsError: mistakes of the study, or no data; or it is judged in folds.

    Example:
        images = rungs.load_data("quickstart")
        print(images.train.pixels.shape, images.test.shape)
    """
    from rungs.data.loading import load as load_images

    found = _study(study)
    if found.folds is not None:
        raise UsageError(
            f"study '{found.name}' deals its images into folds, each of which is another split; "
            "expected a study without folds"
        )
    where = None if data_dir is None else Path(data_dir)
    return load_images(found.data, data_dir=where).without_test_labels()


def unseal(
    study: Study | Source,
    *,
    store: Store | str | Path = DEFAULT_STORE,
    yes: bool = False,
    overrides: Overrides = (),
) -> Opened:
    """Opens a study's test set, once and for good. Rungs that are added later are marked.

    Args:
        study: the study, its file, a built-in study's name, or a dict as a file would be read.
        store: where its runs are.
        yes: open it even if no verdict is possible yet.
        overrides: keys of the study's file that get another value, as in `load_study`.

    Raises:
        RungsError: nothing is trained, or no verdict is possible yet and ``yes`` is not given.

    Example:
        print(rungs.unseal("quickstart", yes=True))
    """
    opened = store if isinstance(store, Store) else stores.existing_store(Path(store))
    return open_test_set(opened, _trained(study, opened, overrides), anyway=yes)


def compare(
    study: Study | Source,
    one: str,
    other: str,
    *,
    budget: str | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    store: Store | str | Path = DEFAULT_STORE,
    overrides: Overrides = (),
) -> Comparison:
    """Whether ``one`` is better than ``other``, from what is finished.

    Args:
        study: the study, its file, a built-in study's name, or a dict as a file would be read.
        one: a rung or an ensemble; ``NAME@SEED`` for one run of it.
        other: what it is held against.
        budget: of the study; its own if None.
        seeds: number of seeds; every finished one if None.
        epochs: of every rung, instead of a budget.
        store: where the runs are.
        overrides: keys of the study's file that get another value, as in `load_study`.

    Raises:
        RungsError: no such name, nothing finished, or the test set is sealed.

    Example:
        found = rungs.compare("quickstart", "stacked", "base")
        print(found.verdict.outcome, found.verdict.delta)
    """
    opened = store if isinstance(store, Store) else stores.existing_store(Path(store))
    wanted = plan_of(_trained(study, opened, overrides), budget=budget, seeds=seeds, epochs=epochs)
    wanted = wanted if seeds is not None else with_finished_seeds(wanted, opened)
    data = gather(wanted, opened, with_test=True)
    title = f"{wanted.study.title}: budget {wanted.budget}, on test"

    def otherwise(name: str) -> str:
        return finished_otherwise(wanted, name, opened)

    return Comparison(title, judge(data, one, other, otherwise))


def load_model(
    address: str | Path,
    *,
    seed: int | None = None,
    budget: str | None = None,
    epochs: int | None = None,
    store: Store | str | Path = DEFAULT_STORE,
    device: str = "auto",
    overrides: Overrides = (),
) -> "Model":
    """A trained model; its ``predict`` says what is on pictures.

    Args:
        address: ``STUDY`` for its final rung, ``STUDY:RUNG``, ``STUDY:ENSEMBLE``, or an exported
            ``.safetensors`` file.
        seed: of the run; the first that is finished if None.
        budget: of the study; its own if None.
        epochs: of every rung, instead of a budget.
        store: where the runs are; an exported file needs none.
        device: ``auto``, ``cpu`` or ``cuda``.
        overrides: keys of the study's file that get another value, as in `load_study`.

    Raises:
        RungsError: there is no such model; says what to do.

    Example:
        model = rungs.load_model("quickstart:stacked")
        for answer in model.predict("photos"):
            print(answer.picture, answer.top)
    """
    from rungs.models import model as models

    return models.load_model(
        str(address),
        _store(store),
        seed=seed,
        budget=budget,
        epochs=epochs,
        device=device,
        overrides=overrides,
    )


def _names(only: str | Sequence[str]) -> tuple[str, ...]:
    return (only,) if isinstance(only, str) else tuple(only)


def _study(study: Study | Source, overrides: Overrides = ()) -> Study:
    return study_of(study, overrides, lambda source: load(source, overrides=overrides))


def _trained(study: Study | Source, store: Store, overrides: Overrides) -> Study:
    """The study on the data that the store answers for."""

    def read(source: Source) -> Study:
        return load_trained(source, (store.root,), overrides=overrides)

    return study_of(study, overrides, read)


def _store(store: Store | str | Path) -> Store:
    # Only what writes makes the folder: who mistypes it should not be left with an empty one.
    return store if isinstance(store, Store) else Store(Path(store))
