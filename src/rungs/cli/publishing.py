"""Reports as commands make them."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rungs.plan import Plan
    from rungs.report.data import ReportData
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
    plan: "Plan", store: "Store", folders: list[Path], results: Path | None, *, with_test: bool
) -> None:
    """Writes the report of a plan to the folders, and brings the archive up to date."""
    if not folders and results is None:
        return
    from rungs.archive import export_runs
    from rungs.plan import slug
    from rungs.report.forms import write

    data = gather(plan, store, with_test=with_test)
    for folder in folders:
        write(data, folder)
    # Compact predictions are made with the test labels: without them there is nothing to keep,
    # and figures that an archive has must not be replaced by none.
    if results is not None and data.test_labels:
        export_runs(store, [spec.key for spec in plan.runs], results)
        write(data, results / slug(plan.budget))
