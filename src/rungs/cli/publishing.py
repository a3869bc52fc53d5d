"""Reports as commands make them."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from rungs.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from rungs.plan import Plan
    from rungs.report.data import ReportData
    from rungs.report.gallery import Gallery
    from rungs.store import Store


def gather(plan: "Plan", store: "Store", *, with_test: bool) -> "ReportData":
    """The report of a plan, as of now."""
    from rungs.costs import costs, layer_tables
    from rungs.environment import environment
    from rungs.report.data import build

    return build(
        plan,
        store,
        with_test=with_test,
        environment=environment(),
        costs=costs(plan.study, store),
        layers=layer_tables(plan.study, store),
    )


def publish(
    data: "ReportData",
    store: "Store",
    folders: list[Path],
    results: Path | None,
    *,
    keys: Collection[str],
    pictures: "Callable[[ReportData], Gallery | None] | None" = None,
) -> None:
    """Writes a report to the folders, and brings the archive up to date.

    Args:
        data: the report.
        store: where the runs are.
        folders: for the report.
        results: an archive, whose page never has pictures; None for no archive.
        keys: of the runs that belong into the archive.
        pictures: finds those for the page, such as `gallery_from`; None for a page without.
    """
    from rungs.plan import slug
    from rungs.report.forms import write

    gallery = pictures(data) if pictures and folders else None
    for folder in folders:
        write(data, folder, gallery=gallery)
    # Compact predictions are made with the test labels: without them there is nothing to keep,
    # and figures that an archive has must not be replaced by none.
    if results is not None and data.test_labels:
        from rungs.archive import export_runs

        export_runs(store, keys, results)
        write(data, results / slug(data.budget))


def gallery_from(store: "Store", data_dir: Path | None) -> "Callable[[ReportData], Gallery | None]":
    """Finds a page's pictures in the data set; none where the data is not at hand."""

    def find(data: "ReportData") -> "Gallery | None":
        from rungs.data import load
        from rungs.report.gallery import gallery
        from rungs.report.page import chosen_rung

        def pixels(part: str) -> "npt.NDArray[np.uint8]":
            loaded = load(data.study.data, data_dir=data_dir, allow_download=False)
            images = loaded.test if part == "test" else loaded.exploration.validation
            return images.pixels.numpy()

        try:
            return gallery(data, chosen_rung(data), store, pixels)
        except DataError:
            return None

    return find
