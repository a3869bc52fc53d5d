"""Runs that learn from another: what they need of it, and which of them wait for it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import nn

from rungs.execution.engine import Finished, Lost
from rungs.foundation.errors import StoreError, TrainingError
from rungs.store import Store
from rungs.store.run_folder import check_file
from rungs.study.jobs import Job
from rungs.training.record import ExecutionRecord
from rungs.training.teaching import load_teacher

# Of the model as it was evaluated and kept.
_WEIGHTS = "weights/best.safetensors"


def needed_weights(store: Store, job: Job) -> Path | None:
    """The file of the weights that a job's teacher answers with; None for a job without one.

    It is all that a worker needs besides the job, the data and the modules, together with the
    finished run's folder that it lies in, `Job.needs`.

    Raises:
        TrainingError: the teacher's run failed, and so this one does.
        StoreError: the teacher's run is not there, is damaged, or has no weights.
    """
    if job.needs is None:
        return None
    failed = store.result(job.needs).failed
    if failed is not None:
        raise TrainingError(f"its teacher ({job.teacher}) failed: {failed}")
    folder = store.run_folder(job.needs)
    if not (folder / _WEIGHTS).exists():
        raise StoreError(
            f"its teacher ({job.teacher}) came from an archive, which keeps no weights that could "
            f"teach; to train it again, delete {folder} and run without --archive"
        )
    check_file(folder, _WEIGHTS)
    return folder / _WEIGHTS


def teacher_for(store: Store, job: Job, record: ExecutionRecord, classes: int) -> nn.Module | None:
    """The network that teaches a job, on its record's device; None for a job without one.

    Raises:
        TrainingError: as `needed_weights`.
        StoreError: the same, or the weights are another network's.
    """
    weights, recipe = needed_weights(store, job), job.spec.teacher_recipe
    if weights is None or recipe is None:
        return None
    return load_teacher(recipe, job.spec.data.image_shape, classes, record, weights)


class Pupils:
    """Jobs of a study that wait until what they learn from is finished."""

    def __init__(self, store: Store, todo: Sequence[Job]) -> None:
        """All jobs; those whose teacher is finished already wait for nothing.

        Args:
            store: where finished runs are.
            todo: jobs in the order of doing.
        """
        self._store = store
        self._waiting = {job.spec.key: job for job in todo if self._waits(job)}
        self._contained = {job.spec.key: job.contained for job in todo}

    def _waits(self, job: Job) -> bool:
        return job.needs is not None and not self._store.is_finished(job.needs)

    def waits(self, job: Job) -> bool:
        """Whether a job is not to be begun yet."""
        return job.spec.key in self._waiting

    def freed(self, event: Finished) -> Iterator[Job]:
        """The jobs that need not wait any longer once a run is finished, be it as failed."""
        for job in [job for job in self._waiting.values() if job.needs == event.key]:
            del self._waiting[job.spec.key]
            yield job

    def lost(self, key: str) -> Iterator[tuple[Job, Lost]]:
        """The jobs that wait in vain once another was not brought to its end; also their pupils."""
        keys = {key, *(run.key for run in self._contained.get(key, ()))}
        for job in [job for job in self._waiting.values() if job.needs in keys]:
            if self._waits(job) and self._waiting.pop(job.spec.key, None) is not None:
                yield job, _in_vain(job)
                yield from self.lost(job.spec.key)

    def left(self) -> Iterator[tuple[Job, Lost]]:
        """Those that still wait when nothing is done any more."""
        for job in [*self._waiting.values()]:
            del self._waiting[job.spec.key]
            yield job, _in_vain(job)


def unteachable(store: Store, job: Job) -> Lost | None:
    """How a job ends that cannot learn, though what it learns from is finished; else None.

    With a teacher that failed it is begun: that it fails too is its result.
    """
    try:
        needed_weights(store, job)
    except TrainingError:
        return None
    except StoreError as error:
        return Lost(job.spec.key, str(error), memory=False)
    return None


def _in_vain(job: Job) -> Lost:
    return Lost(job.spec.key, f"its teacher ({job.teacher}) is not finished", memory=False)
