"""Where a training goes on from, and what it leaves for a longer one to go on with."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import filelock

from rungs.foundation.errors import StoreError
from rungs.foundation.files import copy_file, read_json, write_json
from rungs.store import Store
from rungs.store.results import RunSpec
from rungs.study.jobs import Job
from rungs.training import checkpoint
from rungs.training.record import ExecutionRecord

_ORPHAN_SECONDS = 20
# Name of the file in a run folder.
BEGINNING = "execution.json"


@contextlib.contextmanager
def hold(store: Store, key: str) -> Iterator[None]:
    """While this lasts, no other process is at a run.

    Raises:
        StoreError: another one is.
    """
    folder = store.root / "work"
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / f"{key}.lock")
    try:
        # An orphan of a killed conductor ends itself, but not at once.
        lock.acquire(timeout=_ORPHAN_SECONDS)
    except filelock.Timeout as error:
        raise StoreError(f"another process is doing run {key} in {store.root}") from error
    try:
        yield
    finally:
        lock.release()


@dataclass(frozen=True)
class Beginning:
    """How a training began, which holds for it until its end.

    Attributes:
        record: how it computes.
        exact: False from where the record could not be honoured whole.
        extends: key of the shorter run from whose end it goes on.
        workers: the most runs that were side by side on the machine while it was trained, itself
            included; None where nobody noted.
        anew: True where a checkpoint is there that cannot be read, so that it begins once more.
    """

    record: ExecutionRecord
    exact: bool = True
    extends: str | None = None
    workers: int | None = None
    anew: bool = False


def _write_beginning(folder: Path, began: Beginning) -> None:
    beside = {"exact": began.exact, "extends": began.extends, "workers": began.workers}
    write_json(folder / BEGINNING, {**began.record.to_dict(), **beside})


def _read_beginning(folder: Path) -> Beginning | None:
    """What was written; None if there is nothing, or what is damaged or of another version."""
    try:
        plain = read_json(folder / BEGINNING)
        # All three are younger than the file.
        exact, extends = plain.pop("exact", True), plain.pop("extends", None)
        workers = plain.pop("workers", None)
        return Beginning(ExecutionRecord(**plain), exact, extends, workers)
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return None


def begin(
    store: Store, spec: RunSpec, wanted: ExecutionRecord, workers: int | None = None
) -> Beginning:
    """How the run began before, as far as that can be honoured here; else with ``wanted``.

    Args:
        store: where the run's work folder is.
        spec: of the run.
        wanted: the record of a fresh run.
        workers: runs that are side by side here from now on; None where nobody knows.
    """
    folder = store.work_folder(spec.key)
    began = _read_beginning(folder)
    if began is None:
        began = Beginning(wanted, exact=checkpoint.load(folder) is None)
    record = began.record.continued(wanted)
    exact = began.exact and record == began.record
    if not checkpoint.is_there(folder):
        most = workers
    else:  # of one part of it that nobody knows, nobody knows the whole
        most = None if workers is None or began.workers is None else max(workers, began.workers)
    began = replace(began, exact=exact, workers=most)
    # The record that is kept stays that of the beginning: who goes on next compares with it.
    _write_beginning(folder, began)
    return replace(began, record=record)


def give_up_graphs(store: Store, key: str, reason: str) -> None:
    """Has a run go on without CUDA graphs that its record promises but that cannot be captured."""
    folder = store.work_folder(key)
    began = _read_beginning(folder)
    assert began is not None  # `begin` wrote it
    exact = began.exact and checkpoint.load(folder) is None
    record = began.record.without_graphs(reason)
    _write_beginning(folder, replace(began, record=record, exact=exact))


def adopt(store: Store, job: Job) -> None:
    """Takes over what another length of the same run has done, if it is further than this one.

    Only up to the end of the shortest run that is to be completed on the way.
    """
    most = min(run.epochs for run in (job.spec, *job.contained))
    done = {
        run: _epochs_done(store, run)
        for run in (job.spec, *job.kin)
        if (store.root / "work" / run.key).exists()
    }
    usable = [run for run in done if done[run] <= most]
    furthest = max(usable, key=lambda run: done[run], default=job.spec)
    if done.get(furthest, 0) <= done.get(job.spec, 0):
        return
    with hold(store, furthest.key):
        folder = store.work_folder(job.spec.key)
        shutil.rmtree(folder)
        store.work_folder(furthest.key).rename(folder)


def _epochs_done(store: Store, run: RunSpec) -> int:
    folder = store.root / "work" / run.key
    if (folder / "run.json").exists():  # has ended, and is about to be completed
        return 0
    progress = checkpoint.load(folder)
    return 0 if progress is None else len(progress.history)


def hand_on(store: Store, job: Job) -> None:
    """Leaves the end of a training to the next longer one that is wanted; may be done in parts."""
    source = store.work_folder(job.spec.key)
    longer = [run for run in job.kin if run.epochs > job.spec.epochs]
    following = next((run for run in longer if not store.is_finished(run.key)), None)
    progress, began = checkpoint.load(source), _read_beginning(source)
    if following is None or progress is None or began is None:
        return
    target = store.work_folder(following.key)
    if checkpoint.load(target) is not None:  # it is further, or `adopt` would have taken it
        return
    _write_beginning(target, replace(began, extends=job.spec.key))
    shutil.copyfile(source / "epochs.jsonl", target / "epochs.jsonl")
    best = checkpoint.best_weights(source, progress.best_epoch)
    copy_file(best, target / best.name)
    checkpoint.move(source, target)
