"""The door for Python: ``import rungs`` gives these functions, each imported when it is used.

They do what the commands of the same names do, and raise
`rungs.foundation.errors.RungsError` where those print a sentence and end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rungs import store as stores
from rungs.evidence.selection import finished_otherwise
from rungs.foundation.errors import UsageError
from rungs.foundation.notebook import fragment
from rungs.report.figures.whole import ReportData
from rungs.report.gather.comparison import compare as judge
from rungs.report.gather.derived import limited_to
from rungs.report.gather.gathering import gather
from rungs.report.show.json_form import to_json
from rungs.report.show.rendering import render, write
from rungs.report.show.section import Section
from rungs.report.show.sections import sections
from rungs.report.show.tables.verdicts import verdict_section
from rungs.report.show.text import to_text
from rungs.statistics.verdicts import Verdict
from rungs.store import DEFAULT_STORE, Store
from rungs.study import Study, load
from rungs.study.estimate import seconds_of
from rungs.study.jobs import with_finished_seeds
from rungs.study.plan import plan
from rungs.study.seeds import SeedsAsked
from rungs.study.trained import load_trained

if TYPE_CHECKING:
    from rungs.models.model import Model

_WIDTH = 160


@dataclass(frozen=True)
class Report:
    """What a study has found; shows itself in a notebook, and as text with ``print``.

    Attributes:
        data: every figure of it.
    """

    data: ReportData

    def to_dict(self) -> dict[str, Any]:
        """The content of ``report.json``: plain JSON types."""
        return to_json(self.data)

    def write(self, folder: str | Path) -> list[Path]:
        """Writes the page, its other forms and the plots into a folder; returns the files."""
        return write(self.data, Path(folder))

    def __str__(self) -> str:
        return render(self.data, "text", width=_WIDTH)

    def _repr_html_(self) -> str:
        return _html(sections(self.data))


@dataclass(frozen=True)
class Comparison:
    """One rung, ensemble or run held against another on the test set.

    Attributes:
        title: what is compared where.
        verdict: with difference (a fraction), interval and p.
    """

    title: str
    verdict: Verdict

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


def load_study(source: str | Path) -> Study:
    """A study from its file, or a built-in study by its name.

    Raises:
        StudyError: every mistake of the file.
    """
    return load(source)


def open_store(folder: str | Path = DEFAULT_STORE) -> Store:
    """The store of runs in a folder, which is made if it is not there.

    Raises:
        StoreError: the folder cannot be made or read.
    """
    return stores.open_store(Path(folder))


def run(
    study: Study | str | Path,
    *,
    budget: str | None = None,
    seeds: SeedsAsked = None,
    epochs: int | None = None,
    only: str | Sequence[str] = (),
    store: Store | str | Path = DEFAULT_STORE,
    data_dir: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    within: str | None = None,
    quiet: bool = False,
) -> Report:
    """Trains a study's unfinished runs, and reports. Called again, it resumes where it stopped.

    Args:
        study: the study, its file, or a built-in study's name.
        budget: of the study; its own if None.
        seeds: number of seeds, or ``auto`` for more of them only where they decide; the study's own
            if None.
        epochs: of every rung, instead of a budget.
        only: name or names of rungs and ensembles; all if empty.
        store: where runs are kept.
        data_dir: where the user has the data; the usual places if None.
        device: ``auto``, ``cpu`` or ``cuda``.
        workers: runs side by side; shares the cores if None.
        within: a time such as ``3h`` or ``2h30m``, into which seeds beyond the start's must fit.
        quiet: print nothing.

    Raises:
        RungsError: mistakes of the study or the arguments, no data, or runs that were lost (the
            others are done all the same, and the same call resumes these). A run that failed,
            as where its loss was no longer finite, is a result: the report says so.
    """
    from rungs.evidence.seal import open_at_end
    from rungs.execution.rounds import train_study
    from rungs.execution.session import complain

    if workers is not None and workers < 1:
        raise UsageError(f"workers are 1 or more, not {workers}")
    asked = _study(study)
    names = (only,) if isinstance(only, str) else tuple(only)
    # Comparisons are corrected for the whole ladder, whatever part of it is shown.
    whole = plan(asked, budget=budget, seeds=seeds, epochs=epochs)
    wanted = plan(asked, budget=budget, seeds=seeds, epochs=epochs, only=names)
    opened = store if isinstance(store, Store) else open_store(store)
    done = train_study(
        wanted,
        whole,
        opened,
        within=None if within is None else seconds_of(within),
        device=device,
        workers=workers,
        data_dir=None if data_dir is None else Path(data_dir),
        quiet=quiet,
        as_json=False,
        on_done=lambda: None,
    )
    complain(done.lost)
    open_at_end(opened, whole.study)
    whole = with_finished_seeds(whole, opened)
    return Report(limited_to(gather(whole, opened, with_test=True), wanted.names))


def compare(
    study: Study | str | Path,
    one: str,
    other: str,
    *,
    budget: str | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    store: Store | str | Path = DEFAULT_STORE,
) -> Comparison:
    """Whether ``one`` is better than ``other``, from what is finished.

    Args:
        study: the study, its file, or a built-in study's name.
        one: a rung or an ensemble; ``NAME@SEED`` for one run of it.
        other: what it is held against.
        budget: of the study; its own if None.
        seeds: number of seeds; every finished one if None.
        epochs: of every rung, instead of a budget.
        store: where the runs are.

    Raises:
        RungsError: no such name, nothing finished, or the test set is sealed.
    """
    opened = store if isinstance(store, Store) else stores.existing_store(Path(store))
    asked = study if isinstance(study, Study) else load_trained(study, (opened.root,))
    wanted = plan(asked, budget=budget, seeds=seeds, epochs=epochs)
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

    Raises:
        RungsError: there is no such model; says what to do.
    """
    from rungs.models import model as models

    return models.load_model(
        str(address), _store(store), seed=seed, budget=budget, epochs=epochs, device=device
    )


def _study(study: Study | str | Path) -> Study:
    return study if isinstance(study, Study) else load(study)


def _store(store: Store | str | Path) -> Store:
    # Only what writes makes the folder: who mistypes it should not be left with an empty one.
    return store if isinstance(store, Store) else Store(Path(store))
