"""What a study has found, as an object for Python: `rungs.report`, and what `rungs.run` gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rungs.evidence.archives import take
from rungs.evidence.labels import find_labels
from rungs.foundation.frames import dataframe
from rungs.foundation.notebook import fragment
from rungs.report.figures.whole import ReportData
from rungs.report.gather.derived import limited_to
from rungs.report.gather.gallery import gallery_from
from rungs.report.gather.gathering import gather
from rungs.report.publishing import publish
from rungs.report.show.csv_form import table
from rungs.report.show.json_form import to_json
from rungs.report.show.rendering import FILE_WIDTH, render, write
from rungs.report.show.sections import sections
from rungs.store import DEFAULT_STORE, Store, existing_store, open_store
from rungs.study import Study
from rungs.study.asking import planned, study_of
from rungs.study.jobs import with_finished_seeds
from rungs.study.overrides import Overrides
from rungs.study.parsing import Source
from rungs.study.seeds import SeedsAsked
from rungs.study.trained import load_trained

if TYPE_CHECKING:
    import pandas as pd

    from rungs.report.figures.gallery import Gallery


@dataclass(frozen=True)
class Report:
    """What a study has found; shows itself in a notebook, and as text with ``print``.

    Attributes:
        data: every figure of it.
        page: the page that was written with it; None if none was.
        pictures: finds the data set's pictures for a page; None for pages without.
    """

    data: ReportData
    page: Path | None = None
    pictures: "Callable[[ReportData], Gallery | None] | None" = field(
        default=None, repr=False, compare=False
    )

    def to_dict(self) -> dict[str, Any]:
        """The content of ``report.json``: plain JSON types."""
        return to_json(self.data)

    def to_dataframe(self, rows: Literal["rungs", "runs", "epochs"] = "rungs") -> "pd.DataFrame":
        """A pandas table with the columns of ``rungs report --format csv``; fractions, seconds.

        Args:
            rows: what each row is of.

        Raises:
            RungsError: pandas is not installed.
        """
        return dataframe(table(self.data, rows))

    def write(self, folder: str | Path) -> list[Path]:
        """Writes the page, its other forms and the plots into a folder; returns the files."""
        gallery = None if self.pictures is None else self.pictures(self.data)
        return write(self.data, Path(folder), gallery=gallery)

    def __str__(self) -> str:
        return render(self.data, "text", width=FILE_WIDTH)

    def _repr_html_(self) -> str:
        return "\n".join(
            fragment(item.title, item.columns, item.rows, right=item.right, lines=item.lines)
            for item in sections(self.data)
        )


def report(
    study: Study | Source,
    *,
    budget: str | None = None,
    seeds: SeedsAsked = None,
    epochs: int | None = None,
    only: str | Sequence[str] = (),
    unbundle: str | None = None,
    ablate: bool = False,
    data_dir: str | Path | None = None,
    store: Store | str | Path = DEFAULT_STORE,
    archive: str | Path | None = None,
    no_test: bool = False,
    no_pictures: bool = False,
    overrides: Overrides = (),
) -> Report:
    """What a study has found so far, from what is finished. Trains nothing.

    Args:
        study: the study, its file, a built-in study's name, or a dict as a file would be read.
        budget: of the study; its own if None.
        seeds: number of seeds; every finished one if None.
        epochs: of every rung, instead of a budget.
        only: name or names of rungs and ensembles to show; all if empty.
        unbundle: a rung: each of its changes alone, in place of the ladder.
        ablate: the final rung without each of its changes, in place of the ladder.
        data_dir: where the user has the data; the usual places if None.
        store: where the runs are.
        archive: of results, which is brought up to date, its report too.
        no_test: leave the test set sealed: nothing of it is shown.
        no_pictures: leave the data set's pictures out of the page.
        overrides: keys of the study's file that get another value, as in `rungs.load_study`.

    Raises:
        RungsError: mistakes of the study or the arguments, or there is no such store.

    Example:
        report = rungs.report("quickstart", no_test=True)
        print(report)
        report.write("report")
    """
    place = None if archive is None else Path(archive)
    where = None if data_dir is None else Path(data_dir)
    if isinstance(store, Store):
        opened = store
    else:  # only what an archive adds may make a store
        opened = (existing_store if place is None else open_store)(Path(store))
    places = [opened.root] if place is None else [opened.root, place]

    def read(source: Source) -> Study:
        return load_trained(source, places, overrides=overrides)

    wanted, whole = planned(
        study_of(study, overrides, read),
        budget=budget,
        seeds=seeds,
        epochs=epochs,
        only=(only,) if isinstance(only, str) else only,
        unbundle=unbundle,
        ablate=ablate,
    )
    if place is not None:
        take(place, opened, wanted)
        find_labels(wanted, opened, where, lambda _: None)
    whole = whole if isinstance(seeds, int) else with_finished_seeds(whole, opened)
    data = gather(whole, opened, with_test=not no_test)
    publish(data, opened, [], place, plan=whole)
    find = None if no_pictures else gallery_from(opened, where)
    return Report(limited_to(data, wanted.names), pictures=find)
