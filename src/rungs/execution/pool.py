"""Runs in worker processes: each worker takes the next run as soon as it has done one."""

import contextlib
import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from queue import Queue
from typing import Any

from rungs.execution.cores import all_cores, slots
from rungs.execution.gpus import shared_out
from rungs.execution.process import heard, start
from rungs.foundation.errors import RungsError
from rungs.store.results import RunSpec
from rungs.study.jobs import Job
from rungs.training.record import Setting

# For a process that has been asked to end, or has closed its pipe.
_SECONDS_TO_END = 30


@dataclass(frozen=True)
class Event:
    """Something that happened to a run: ``start``, ``step``, ``epoch``, ``done`` or ``lost``.

    Attributes:
        values: of ``start`` and ``step``: ``done``, the epochs that are done; of ``start`` also
            ``exact``: whether the run goes on as it began; of ``epoch``: those of
            `rungs.store.results.Epoch`; of ``done``: ``failed``, why the run failed, or None, and
            ``read_off``, the key of the longer run that contains this one, or None; of ``lost``:
            ``reason``, and ``memory``: whether memory ran out, None where nobody knows.
    """

    kind: str
    spec: RunSpec
    values: dict[str, Any]


class _Worker:
    """A worker process and the thread that reads its events into a queue."""

    def __init__(
        self,
        events: "Queue[tuple[_Worker, dict[str, Any] | None]]",
        cores: tuple[int, ...],
        gpu: str | None,
    ) -> None:
        self.process = start("worker", gpu=gpu)
        self.cores = cores
        self.gpu = gpu
        self.job: Job | None = None
        threading.Thread(target=self._listen, args=(events,), daemon=True).start()

    def _listen(self, events: "Queue[tuple[_Worker, dict[str, Any] | None]]") -> None:
        for message in heard(self.process):
            events.put((self, message))
        events.put((self, None))

    def submit(self, job: Job, settings: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.job = job
        # A worker that is gone already is noticed where its events end.
        with contextlib.suppress(BrokenPipeError):
            asked = {**settings, "key": job.spec.key, "job": job.to_dict()}
            self.process.stdin.write(json.dumps(asked) + "\n")
            self.process.stdin.flush()

    def end(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        _ended(self.process)
        assert self.process.stdout is not None
        self.process.stdout.close()


def do_runs(
    jobs: Sequence[Job],
    *,
    store: Path,
    setting: Callable[[RunSpec], Setting],
    workers: int,
    gpus: tuple[str, ...] = (),
    data_dir: Path | None,
    modules: Sequence[Path] = (),
) -> Iterator[Event]:
    """Does jobs in order, several side by side, and yields what happens as it happens.

    A run whose worker is lost (killed, out of memory, an error in the user's own module) ends with
    the event ``lost`` and its ``reason``; the others are done all the same, and what it has done is
    kept. One that asks for
    it (its CUDA graphs cannot be captured) goes on in a fresh worker.

    Args:
        jobs: runs that are not finished.
        store: folder of the store.
        setting: how each run is to compute.
        workers: processes side by side, each on cores of its own if they fill the machine.
        gpus: that they share out among them.
        data_dir: where the user has the data; None for the usual places.
        modules: of the user's own, that the runs' recipes may name.

    Raises:
        RungsError: a worker's error.
        RuntimeError: a bug in a worker, with its traceback.
    """
    waiting = list(reversed(jobs))
    events: Queue[tuple[_Worker, dict[str, Any] | None]] = Queue()
    # Runs that began with other numbers of threads find their cores when they start.
    threads = max((setting(job.spec).record.threads for job in jobs), default=1)
    places = zip(slots(workers, threads), shared_out(gpus, workers), strict=True)
    busy = [_Worker(events, *place) for place in islice(places, len(waiting))]
    started = list(busy)

    def submit(worker: _Worker, job: Job) -> None:
        how = setting(job.spec)
        settings = {
            "store": str(store),
            "record": how.record.to_dict(),
            "ceiling": how.ceiling,
            "cores": worker.cores,
            "all_cores": all_cores(),
            "data_dir": None if data_dir is None else str(data_dir),
            "modules": [str(module) for module in modules],
        }
        worker.submit(job, settings)

    try:
        for worker in busy:
            submit(worker, waiting.pop())
        while busy:
            worker, message = events.get()
            if worker not in busy or worker.job is None:
                continue
            again = message is not None and message["event"] == "again"
            if again:
                waiting.append(worker.job)
            else:
                event = _event(worker.job, message or _loss(worker.process))
                yield event
                if event.spec is not worker.job.spec or event.kind not in ("done", "lost"):
                    continue
            busy.remove(worker)
            if waiting:
                if again or event.kind == "lost":
                    worker = _Worker(events, worker.cores, worker.gpu)
                    started.append(worker)
                submit(worker, waiting.pop())
                busy.append(worker)
    finally:
        for worker in started:
            worker.end()


def _event(job: Job, message: dict[str, Any]) -> Event:
    """What a worker says of its job.

    Raises:
        RungsError: an error that is the user's to mend.
        RuntimeError: a bug, with its traceback.
    """
    kind = message.pop("event")
    if kind == "error":
        raise RungsError(message["message"])
    if kind == "bug":
        raise RuntimeError(f"in a worker:\n{message['message']}")
    if kind == "read_off":
        run = next(run for run in job.contained if run.key == message["key"])
        return Event("done", run, {"read_off": job.spec.key, "failed": message["failed"]})
    if kind == "done":
        message["read_off"] = None
    return Event(kind, job.spec, message)


def _loss(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """What a worker would say that is gone without a word."""
    return {"event": "lost", "memory": None, "reason": _end_of(process)}


def _end_of(process: "subprocess.Popen[str]") -> str:
    """How a process that nobody asked to end came to its end."""
    code = _ended(process)
    if code is None:
        return "its process could not be heard any more, and was ended"
    if code >= 0:
        return f"its process ended with code {code}"
    name = signal.Signals(-code).name
    if -code == getattr(signal, "SIGKILL", None):
        return f"its process was killed ({name}), as systems do when memory runs out"
    return f"its process was ended by {name}"


def _ended(process: "subprocess.Popen[str]") -> int | None:
    """The code with which a process ends; None if it had to be killed for that."""
    try:
        return process.wait(timeout=_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
