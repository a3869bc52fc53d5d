"""Runs that were trained elsewhere, entered with all that a study's end brings along."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rungs.evidence.labels import find_labels
from rungs.evidence.recording.recording import Entered, Given, record_runs
from rungs.evidence.seal import open_at_end
from rungs.statistics.predictions import Labels
from rungs.store import PARTS, Store
from rungs.study.plan import Plan


def enter(
    store: Store,
    wanted: Plan,
    find: Callable[[Mapping[str, Labels | None]], Sequence[Given]],
    *,
    replace: bool = False,
    data_dir: Path | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> tuple[Entered, ...]:
    """Enters runs, having looked for the labels of the study's data first.

    Args:
        store: where they are to come.
        wanted: the plan of the whole study.
        find: gives the runs, from the labels of each part that are at hand.
        replace: whether they take the place of others that were recorded before.
        data_dir: where the user has the data; None for the usual places.
        say: receives a line where it is not at hand.

    Raises:
        RungsError: see `rungs.evidence.recording.recording.record_runs`.
    """
    find_labels(wanted, store, data_dir, say)
    known = {part: store.labels(wanted.study.data.fingerprint, part) for part in PARTS}
    entered = record_runs(store, wanted, find(known), replace=replace)
    # A study may be done now, and want its test set opened then.
    open_at_end(store, wanted.study)
    return entered
