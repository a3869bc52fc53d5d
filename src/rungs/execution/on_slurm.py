"""A cluster of Slurm, by submitit: errands are jobs of arrays, and speak through a shared folder.

    STORE/slurm/SESSION/     of one command; a job that does not find it any more ends itself
      jobs                   ids of what was submitted, one a line
      log/                   submitit's own
      data/FINGERPRINT.npz   data that was sent, see `rungs.data.carried`
      TICKET/errand.json     what is to be done
      TICKET/KEY.work        a run in progress as of its last epoch, from which a job goes on that
                             was preempted or has used up its time
      TICKET/KEY.runs        a finished run
      TICKET/teacher         the finished run that it learns from, where there is one
      TICKET/told            what happened, a message a line
      TICKET/stop            that the job is to end

What is pickled of ours is the name of a class and the path of a folder.
"""

import contextlib
import json
import os
import platform
import secrets
import shutil
import subprocess
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError
from submitit.helpers import DelayedSubmission

from rungs.execution.cluster import Gone, Needs
from rungs.execution.engine import Faulty, Lost, Resources, Stepped
from rungs.execution.messages import Brought, parse, spell
from rungs.execution.node import Errand, attend, unframe
from rungs.execution.parcels import enter_progress, enter_run, epochs_in
from rungs.execution.room import Room
from rungs.foundation.environment import available_cores
from rungs.foundation.errors import RungsError, StoreError, UsageError
from rungs.foundation.files import write_atomically, write_json
from rungs.store import Store

# The cluster itself; processes of this machine that submitit starts; and this process.
SLURM, LOCAL, DEBUG = "slurm", "local", "debug"
_PLACES = (SLURM, LOCAL, DEBUG)
_FOLDER = "slurm"
_TEACHER = "teacher"  # in the folder of an errand
# Of an array: Slurm's own MaxArraySize is 1001 unless an administrator says otherwise.
_MOST_IN_ARRAY = 1000
# Jobs that are asked for beyond those that run: the queue is Slurm's affair.
_MOST_BEGUN = 1000
# Of a job, however short its run: below ten, submitit takes every preemption for a time-out.
_LEAST_MINUTES = 15
# Of a job of which nobody knows how long it takes: it goes on after that.
_USUAL_MINUTES = 60
# Of what a run is estimated to take.
_SPARE = 2.0
# Before its time is up a job is told, and leaves.
_WARNED_SECONDS = 120
# Each may be a whole epoch further.
_MOST_TIMEOUTS = 10_000
# Without an epoch that ended.
_MOST_IN_VAIN = 3
# With so many nodes unfit, it is no matter of single nodes.
_MOST_SHUNNED = 16
_LOOK_SECONDS = 1.0
_STEP_SECONDS = 10.0
_SECONDS_TO_END = 10.0


def place_of(address: str | None) -> str:
    """Which of the three is meant; Slurm's own if none is named.

    Raises:
        UsageError: there is no such, or no Slurm.
    """
    place = address or SLURM
    if place not in _PLACES:
        raise UsageError(
            f"engine 'slurm': an address is one of {', '.join(_PLACES)}, not {place!r}; partition, "
            "account and the like are taken from SBATCH_PARTITION, SBATCH_ACCOUNT, ..."
        )
    if place == SLURM and shutil.which("sbatch") is None:
        raise UsageError(
            f"engine 'slurm': there is no sbatch here; --address {LOCAL} does without Slurm"
        )
    return place


def room(address: str | None) -> Room:
    """What there is: this machine's cores, or what Slurm alone knows.

    Raises:
        UsageError: as `place_of`.
    """
    place = place_of(address)
    if place == SLURM:
        return Room()
    cores = available_cores() if place == LOCAL else 1
    return Room(cores, cores)


def time_limit(seconds: float | None) -> int:
    """Minutes that a job is given, of which there are few different ones."""
    wanted = _USUAL_MINUTES if seconds is None else _SPARE * seconds / 60
    minutes = _LEAST_MINUTES
    while minutes < wanted:
        minutes *= 2
    return minutes


class OnNode:
    """What a job does: an errand whose folder it is given.

    Attributes:
        in_vain: times that it was ended without an epoch having ended.
    """

    def __init__(self) -> None:
        self.in_vain = 0
        self._began: bytes | None = None  # of what it went on from, its modification

    def __call__(self, folder: str) -> None:
        """Does it, or goes on with it."""
        place = Path(folder)
        with contextlib.suppress(FileNotFoundError):  # nobody waits for it any more
            self._do(place)

    def checkpoint(self, folder: str) -> "DelayedSubmission | None":
        """When it is preempted or has used up its time: it is to be called again."""
        place = Path(folder)
        self.in_vain = 0 if _progress_of(place) != self._began else self.in_vain + 1
        if self.in_vain >= _MOST_IN_VAIN:
            key = json.loads((place / "errand.json").read_text(encoding="utf-8"))["key"]
            reason = f"was ended {self.in_vain} times before one epoch was done"
            _tell(place, spell(Lost(key, f"its job on {_node()} {reason}", memory=False)))
            return None
        self._began = None
        return DelayedSubmission(self, folder)

    def _do(self, place: Path) -> None:
        asked = json.loads((place / "errand.json").read_text(encoding="utf-8"))
        key, data = asked["key"], asked["data"]
        self._began = _progress_of(place)
        work = place / f"{key}.work"
        teacher = asked.get("teacher", "")
        errand = Errand(
            asked["text"],
            work.read_bytes() if work.exists() else b"",
            data,
            teacher,
            (place / _TEACHER).read_bytes() if teacher else b"",
        )
        stepped = looked = 0.0
        stopped = False

        def should_stop() -> bool:
            nonlocal looked, stopped
            if time.monotonic() - looked >= _LOOK_SECONDS:
                looked = time.monotonic()
                stopped = not place.exists() or (place / "stop").exists()
            return stopped

        try:
            for content in attend(
                errand,
                node=_node(),
                fetch=lambda: (place.parent / "data" / f"{data}.npz").read_bytes(),
                should_stop=should_stop,
            ):
                message, parcel = unframe(content)
                if isinstance(message, Stepped):
                    if time.monotonic() - stepped < _STEP_SECONDS:
                        continue
                    stepped = time.monotonic()
                if isinstance(message, Brought):
                    path = place / f"{message.key}.{message.where}"
                    write_atomically(path, lambda file, parcel=parcel: file.write(parcel))  # type: ignore[misc]
                _tell(place, spell(message))
        except FileNotFoundError:
            raise
        except Exception as error:  # submitit would keep it as a pickle
            _tell(place, spell(Faulty(key, f"{type(error).__name__}: {error}, on {_node()}")))


def _node() -> str:
    return os.environ.get("SLURMD_NODENAME") or platform.node()


def _progress_of(place: Path) -> bytes | None:
    """What is another for each state of the run that was brought."""
    marks = sorted((path.name, path.stat().st_mtime_ns) for path in place.glob("*.work"))
    return repr(marks).encode() if marks else None


def _tell(place: Path, line: str) -> None:
    with (place / "told").open("ab") as file:
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


class _Job:
    """A job, and how far it was listened to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.submitted: Any = None
        self.heard = 0

    def lines(self) -> list[str]:
        """What it has told since."""
        try:
            with (self.folder / "told").open("rb") as file:
                file.seek(self.heard)
                text = file.read()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self.heard += len(whole)
        return whole.decode("utf-8", "replace").splitlines()


class SlurmCluster:
    """See `rungs.execution.cluster.Cluster`."""

    def __init__(self, store: Store, address: str | None, workers: int) -> None:
        """Takes over what jobs of a command that was killed have done.

        Args:
            store: on a disk that nodes share, if there is more than this machine.
            address: as `place_of`.
            workers: jobs that run side by side.

        Raises:
            UsageError: as `place_of`.
        """
        self._place = place_of(address)
        self._workers = workers
        top = store.root.absolute() / _FOLDER
        take_over(store, top, self._place)
        self._folder = top / f"{int(time.time())}-{secrets.token_hex(4)}"
        (self._folder / "data").mkdir(parents=True)
        self._jobs: dict[int, _Job] = {}
        self._to_submit: list[tuple[int, Needs]] = []
        self._gone: list[int] = []

    @property
    def most(self) -> int:
        """Slurm has a queue; this machine has none."""
        return _MOST_BEGUN if self._place == SLURM else self._workers

    def begin(self, ticket: int, errand: Errand, needs: Needs) -> None:
        """Leaves it for the next array."""
        job = _Job(self._folder / str(ticket))
        job.folder.mkdir()
        key = json.loads(errand.text)["order"]["key"]
        if errand.progress:
            progress = errand.progress
            write_atomically(job.folder / f"{key}.work", lambda file: file.write(progress))
        if errand.teacher:
            write_atomically(job.folder / _TEACHER, lambda file: file.write(errand.taught_by))
        write_json(
            job.folder / "errand.json",
            {
                "key": key,
                "text": errand.text,
                "data": errand.data,
                "teacher": errand.teacher,
            },
        )
        self._jobs[ticket] = job
        self._to_submit.append((ticket, needs))

    def carry(self, fingerprint: str, data: bytes) -> None:
        """Into the shared folder."""
        path = self._folder / "data" / f"{fingerprint}.npz"
        write_atomically(path, lambda file: file.write(data))

    def stop(self, ticket: int) -> None:
        """A job that runs ends itself; one that does not is taken from the queue."""
        job = self._jobs.get(ticket)
        if job is None:
            return
        (job.folder / "stop").touch()
        waiting = [item for item in self._to_submit if item[0] == ticket]
        if waiting:
            self._to_submit.remove(waiting[0])
            self._gone.append(ticket)
        elif not (job.folder / "told").exists() and self._place != LOCAL:
            job.submitted.cancel(check=False)
            self._gone.append(ticket)

    def heard(self) -> Collection[tuple[int, bytes | Gone]]:
        """What jobs have told since, and which have ended."""
        self._submit()
        found = [*self._told(), *self._ended()]
        if not found:
            time.sleep(_LOOK_SECONDS)
        return found

    def has_node(self, needs: Needs) -> bool:
        """Of this machine that is known; what nodes Slurm has is its own affair."""
        if self._place == SLURM:
            return len(needs.shunned) < _MOST_SHUNNED
        return _node() not in needs.shunned

    def close(self) -> None:
        """Ends all jobs, and takes the folder away."""
        for ticket in [*self._jobs]:
            self.stop(ticket)
        deadline = time.monotonic() + _SECONDS_TO_END
        while time.monotonic() < deadline and any(
            job.submitted is not None and self._place != DEBUG and not job.submitted.done()
            for job in self._jobs.values()
        ):
            time.sleep(_LOOK_SECONDS / 5)
        for job in self._jobs.values():
            if job.submitted is not None and self._place != DEBUG:
                job.submitted.cancel(check=False)
        shutil.rmtree(self._folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # of another command there may be one
            self._folder.parent.rmdir()

    # --- jobs ------------------------------------------------------------------------------------

    def _submit(self) -> None:
        """Submits what was begun, what is alike as one array."""
        alike: dict[tuple[int, Resources, frozenset[str]], list[int]] = {}
        for ticket, needs in self._to_submit:
            kind = (time_limit(needs.seconds), needs.resources, needs.shunned)
            alike.setdefault(kind, []).append(ticket)
        self._to_submit.clear()
        for (minutes, resources, shunned), tickets in alike.items():
            executor = self._executor(minutes, resources, shunned)
            for first in range(0, len(tickets), _MOST_IN_ARRAY):
                chunk = tickets[first : first + _MOST_IN_ARRAY]
                folders = [str(self._jobs[ticket].folder) for ticket in chunk]
                try:
                    jobs = executor.map_array(OnNode(), folders)
                except (FailedJobError, subprocess.SubprocessError, OSError) as error:
                    said = " ".join(str(error).split())
                    raise RungsError(f"engine 'slurm': no job can be submitted: {said}") from error
                with (self._folder / "jobs").open("a", encoding="utf-8") as file:
                    file.writelines(f"{job.job_id}\n" for job in jobs)
                for ticket, job in zip(chunk, jobs, strict=True):
                    self._jobs[ticket].submitted = job

    def _executor(
        self, minutes: int, resources: Resources, shunned: frozenset[str]
    ) -> "submitit.AutoExecutor":
        executor = submitit.AutoExecutor(
            folder=self._folder / "log",
            cluster=self._place,
            **({} if self._place == DEBUG else {f"{self._place}_max_num_timeout": _MOST_TIMEOUTS}),
        )
        if self._place == DEBUG:
            return executor
        executor.update_parameters(
            timeout_min=minutes, gpus_per_node=int(-(-resources.gpus // 1)), name="rungs"
        )
        if self._place == SLURM:
            executor.update_parameters(
                cpus_per_task=resources.cores,
                slurm_array_parallelism=self._workers,
                slurm_signal_delay_s=_WARNED_SECONDS,
                **({"slurm_exclude": ",".join(sorted(shunned))} if shunned else {}),
            )
        return executor

    def _told(self) -> Iterable[tuple[int, bytes | Gone]]:
        for ticket, job in [*self._jobs.items()]:
            yield from self._of(ticket, job)

    def _of(self, ticket: int, job: _Job) -> Iterable[tuple[int, bytes | Gone]]:
        lines = job.lines()
        last = {line: number for number, line in enumerate(lines)}
        for number, line in enumerate(lines):
            message = parse(line)
            parcel = b""
            if isinstance(message, Brought):
                if last[line] != number:  # the file is of the last
                    continue
                parcel = (job.folder / f"{message.key}.{message.where}").read_bytes()
            yield ticket, line.encode() + b"\n" + parcel

    def _ended(self) -> Iterable[tuple[int, bytes | Gone]]:
        for ticket, job in [*self._jobs.items()]:
            if ticket in self._gone:
                del self._jobs[ticket]
                yield ticket, Gone("it was stopped")
            elif job.submitted is not None and job.submitted.done():
                yield from self._of(ticket, job)  # told between the look before and its end
                del self._jobs[ticket]
                state = job.submitted.state
                yield ticket, Gone(f"job {job.submitted.job_id} of Slurm ended as {state}")
                shutil.rmtree(job.folder, ignore_errors=True)
        self._gone.clear()


def take_over(store: Store, top: Path, place: str) -> None:
    """Brings into the store what jobs of commands that were killed have done, and ends them.

    Args:
        store: at which no other command is.
        top: folder of such commands' folders.
        place: one of `place_of`.
    """
    for session in sorted(top.iterdir()) if top.is_dir() else ():
        for path in sorted(session.glob("*/*.runs")):
            with contextlib.suppress(StoreError):  # half of one is none
                enter_run(store, path.stem, path.read_bytes())
        for path in sorted(session.glob("*/*.work")):
            key, parcel = path.stem, path.read_bytes()
            with contextlib.suppress(StoreError):
                further = epochs_in(parcel) > store.epochs_done(key)
                if further and not store.is_finished(key):
                    enter_progress(store, key, parcel)
        jobs = session / "jobs"
        if place == SLURM and jobs.exists():
            ids = jobs.read_text(encoding="utf-8").split()
            subprocess.run(["scancel", *ids], check=False, capture_output=True)
        shutil.rmtree(session, ignore_errors=True)  # by which a job that runs knows it
