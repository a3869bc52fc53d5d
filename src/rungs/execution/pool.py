"""Runs in worker processes: each worker takes the next run as soon as it has done one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

from rungs.errors import RungsError
from rungs.jobs import Job
from rungs.results import RunSpec
from rungs.training.record import ExecutionRecord

# A terminal sends Ctrl-C to every process: the workers leave it to this one, which ends them by
# closing their stdin. It is ignored before torch's import, which takes seconds.
_START = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "from rungs.execution.worker import main; main()"
)

# A step frees and takes the same few hundred megabytes. By default glibc gives them back to the
# system in between, and tens of thousands of page faults a step cost a tenth of the time.
_ALLOCATOR = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in (
        ("hugetlb", 1),
        ("mmap_threshold", 2**32),
        ("trim_threshold", 2**34),
    )
)


@dataclass(frozen=True)
class Event:
    """Something that happened to a run: ``start``, ``step``, ``epoch``, ``done`` or ``lost``.

    Attributes:
        values: of ``start`` and ``step``: ``done``, the epochs that are done; of ``start`` also
            ``exact``: whether the run goes on as it began; of ``epoch``: those of
            `rungs.results.Epoch`; of ``done``: ``read_off``, the key of the longer run that
            contains this one, or None; of ``lost``: ``reason``, and ``memory``: whether it is
            sure that memory ran out.
    """

    kind: str
    spec: RunSpec
    values: dict[str, Any]


class _Worker:
    """A worker process and the thread that reads its events into a queue."""

    def __init__(self, events: "Queue[tuple[_Worker, dict[str, Any] | None]]") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"GLIBC_TUNABLES": _ALLOCATOR, **os.environ},  # the user's own come first
        )
        self.job: Job | None = None
        threading.Thread(target=self._listen, args=(events,), daemon=True).start()

    def _listen(self, events: "Queue[tuple[_Worker, dict[str, Any] | None]]") -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            events.put((self, json.loads(line)))
        events.put((self, None))

    def submit(self, job: Job, settings: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.job = job
        # A worker that is gone already is noticed where its events end.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({**settings, "job": job.to_dict()}) + "\n")
            self.process.stdin.flush()

    def end(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def do_runs(
    jobs: Sequence[Job],
    *,
    store: Path,
    record: Callable[[RunSpec], ExecutionRecord],
    workers: int,
    data_dir: Path | None,
) -> Iterator[Event]:
    """Does jobs in order, several side by side, and yields what happens as it happens.

    A run whose worker is lost (killed, out of memory) ends with the event ``lost`` and its
    ``reason``; the others are done all the same, and what it has done is kept.

    Args:
        jobs: runs that are not finished.
        store: folder of the store.
        record: how each run is to compute.
        workers: processes side by side.
        data_dir: where the user has the data; None for the usual places.

    Raises:
        RungsError: a worker's error.
        RuntimeError: a bug in a worker, with its traceback.
    """
    waiting = list(reversed(jobs))
    events: Queue[tuple[_Worker, dict[str, Any] | None]] = Queue()
    busy = [_Worker(events) for _ in range(min(workers, len(waiting)))]
    started = list(busy)

    def submit(worker: _Worker, job: Job) -> None:
        settings = {
            "store": str(store),
            "record": record(job.spec).to_dict(),
            "data_dir": None if data_dir is None else str(data_dir),
        }
        worker.submit(job, settings)

    try:
        for worker in busy:
            submit(worker, waiting.pop())
        while busy:
            worker, message = events.get()
            if worker not in busy:
                continue
            assert worker.job is not None
            if message is None:
                message = {"event": "lost", "memory": False, "reason": _end_of(worker.process)}
            spec, kind = worker.job.spec, message.pop("event")
            if kind == "error":
                raise RungsError(message["message"])
            if kind == "bug":
                raise RuntimeError(f"in a worker:\n{message['message']}")
            if kind == "read_off":
                run = next(run for run in worker.job.contained if run.key == message["key"])
                yield Event("done", run, {"read_off": spec.key})
                continue
            if kind == "done":
                message["read_off"] = None
            yield Event(kind, spec, message)
            if kind in ("done", "lost"):
                busy.remove(worker)
                if waiting:
                    if kind == "lost":
                        worker = _Worker(events)
                        started.append(worker)
                    submit(worker, waiting.pop())
                    busy.append(worker)
    finally:
        for worker in started:
            worker.end()


def _end_of(process: "subprocess.Popen[str]") -> str:
    """How a process that nobody asked to end came to its end."""
    code = process.wait()
    if code >= 0:
        return f"its process ended with code {code}"
    name = signal.Signals(-code).name
    if -code == getattr(signal, "SIGKILL", None):
        return f"its process was killed ({name}), as systems do when memory runs out"
    return f"its process was ended by {name}"
