"""Runs in worker processes: each worker takes the next run as soon as it has done one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

from rungs.errors import RungsError
from rungs.results import RunSpec

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
        values: of ``start`` and ``step``: ``done``, the epochs that are done; of ``epoch``: those
            of `rungs.results.Epoch`; of ``done``: ``failed``, why the run failed, or None; of
            ``lost``: ``reason``, and ``memory``: whether it is sure that memory ran out.
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
        self.spec: RunSpec | None = None
        threading.Thread(target=self._listen, args=(events,), daemon=True).start()

    def _listen(self, events: "Queue[tuple[_Worker, dict[str, Any] | None]]") -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            events.put((self, json.loads(line)))
        events.put((self, None))

    def submit(self, spec: RunSpec, job: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.spec = spec
        # A worker that is gone already is noticed where its events end.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({**job, "spec": spec.to_dict()}) + "\n")
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
    specs: Sequence[RunSpec],
    *,
    store: Path,
    device: str,
    workers: int,
    threads: int,
    data_dir: Path | None,
) -> Iterator[Event]:
    """Does the runs in order, several side by side, and yields what happens as it happens.

    A run whose worker is lost (killed, out of memory) ends with the event ``lost`` and its
    ``reason``; the others are done all the same, and what it has done is kept.

    Args:
        specs: runs that are not finished.
        store: folder of the store.
        device: ``cpu`` or ``cuda``.
        workers: processes side by side.
        threads: of torch's operators, per worker.
        data_dir: where the user has the data; None for the usual places.

    Raises:
        RungsError: a worker's error.
        RuntimeError: a bug in a worker, with its traceback.
    """
    waiting = list(reversed(specs))
    job = {
        "store": str(store),
        "device": device,
        "threads": threads,
        "data_dir": None if data_dir is None else str(data_dir),
    }
    events: Queue[tuple[_Worker, dict[str, Any] | None]] = Queue()
    busy = [_Worker(events) for _ in range(min(workers, len(waiting)))]
    started = list(busy)
    try:
        for worker in busy:
            worker.submit(waiting.pop(), job)
        while busy:
            worker, message = events.get()
            if worker not in busy:
                continue
            assert worker.spec is not None
            if message is None:
                message = {"event": "lost", "memory": False, "reason": _end_of(worker.process)}
            spec, kind = worker.spec, message.pop("event")
            if kind == "error":
                raise RungsError(message["message"])
            if kind == "bug":
                raise RuntimeError(f"in a worker:\n{message['message']}")
            yield Event(kind, spec, message)
            if kind in ("done", "lost"):
                busy.remove(worker)
                if waiting:
                    if kind == "lost":
                        worker = _Worker(events)
                        started.append(worker)
                    worker.submit(waiting.pop(), job)
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
