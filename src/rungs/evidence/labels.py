"""Labels of a data set kept beside runs, so that predictions are judged without the pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rungs.foundation.errors import DataError
from rungs.statistics.predictions import Labels
from rungs.store import Store
from rungs.study.plan import Plan

if TYPE_CHECKING:
    from rungs.data.images import DataSet


def keep_labels(store: Store, data: "DataSet") -> None:
    """Keeps the data set's labels in the store, each part in a file of its own."""
    for part, labels in (
        ("validation", data.exploration.validation.labels),
        ("test", data.test.labels),
    ):
        if store.labels(data.fingerprint, part) is None:
            store.write_labels(
                data.fingerprint,
                part,
                Labels(labels.numpy(), data.class_names, data.groups, data.group_names),
            )


def find_labels(
    plan: Plan, store: Store, data_dir: Path | None, say: Callable[[str], object]
) -> None:
    """Keeps labels that the store lacks, as where an archive was taken in, if the data is at hand.

    Args:
        plan: whose data it is.
        store: where they come to lie.
        data_dir: where the user has the data; None for the usual places.
        say: receives a line where it is not at hand.
    """
    lacking = [
        spec
        for spec in dict.fromkeys((plan.study.data, *plan.study.splits))
        if not store.has_labels(spec.fingerprint)
    ]
    if not lacking:
        return
    from rungs.data.loading import load  # torch: only where labels are read from the data

    try:
        for spec in lacking:
            keep_labels(store, load(spec, data_dir=data_dir, allow_download=False))
    except DataError as error:
        say(f"no figures from predictions, because labels are missing: {error}")
