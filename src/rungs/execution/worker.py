"""A worker process: takes run specs as JSON lines on stdin, reports events as JSON lines on stdout.

It ends when its stdin does, so that no worker outlives the process that started it.
"""

import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from queue import Queue
from typing import Any

import torch

from rungs.data import DataSet, load
from rungs.errors import DISK_ERRORS, OwnModuleError, RungsError, disk_message
from rungs.execution.continuing import Beginning
from rungs.execution.cores import pin
from rungs.execution.run_one import run_one
from rungs.jobs import Job
from rungs.own import load_modules
from rungs.results import Epoch
from rungs.store import Store
from rungs.training.record import ExecutionRecord, Setting

# How often a worker says where in an epoch it is.
_STEP_SECONDS = 1.0


def _emit(event: str, **values: Any) -> None:
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


def _read(jobs: "Queue[dict[str, Any]]") -> None:
    """Feeds the queue; the parent's end of the pipe closes when it asks to stop or is gone."""
    for line in sys.stdin:
        jobs.put(json.loads(line))
    # At once, in the middle of an epoch too: the checkpoint of the last whole epoch is on disk.
    os._exit(0)


def _is_memory(error: Exception) -> bool:
    """Whether memory ran out; torch has no type for it on a CPU, only a sentence."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def _job(settings: dict[str, Any]) -> Job:
    """What is to be done, with the user's own modules that it may name.

    Raises:
        RungsError: a module is gone, or is another than when the study was read.
    """
    load_modules([Path(path) for path in settings["modules"]])
    job = Job.from_dict(settings["job"])
    if job.spec.key != settings["key"]:
        raise OwnModuleError("a module was changed while the study ran; start the command again")
    return job


def main() -> None:
    """Serves run specs until stdin ends."""
    jobs: Queue[dict[str, Any]] = Queue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    loaded: dict[str, DataSet] = {}
    while True:
        settings = jobs.get()
        try:
            job = _job(settings)
        except RungsError as error:
            _emit("error", key=settings["key"], message=str(error))
            continue
        spec = job.spec
        try:
            if spec.data.fingerprint not in loaded:
                loaded.clear()
                data_dir = settings["data_dir"] and Path(settings["data_dir"])
                loaded[spec.data.fingerprint] = load(
                    spec.data, data_dir=data_dir, allow_download=False
                )

            def report(entry: Epoch, key: str = spec.key) -> None:
                _emit("epoch", key=key, **entry.to_dict())

            def start(
                done: int,
                beginning: Beginning,
                given: dict[str, Any] = settings,
                key: str = spec.key,
            ) -> None:
                # A run that began with more threads than this worker has cores gets all cores.
                enough = beginning.record.threads <= len(given["cores"])
                pin(given["cores" if enough else "all_cores"])
                _emit("start", key=key, done=done, exact=beginning.exact)

            said = time.monotonic()

            def step(done: float, key: str = spec.key) -> None:
                nonlocal said
                if time.monotonic() - said >= _STEP_SECONDS:
                    said = time.monotonic()
                    _emit("step", key=key, done=done)

            run_one(
                Store(Path(settings["store"])),
                job,
                loaded[spec.data.fingerprint],
                setting=Setting(ExecutionRecord(**settings["record"]), settings["ceiling"]),
                on_start=start,
                on_epoch=report,
                on_step=step,
                on_read_off=lambda run: _emit("read_off", key=run.key),
            )
        except RungsError as error:
            _emit("error", key=spec.key, message=str(error))
        except Exception as error:
            if _is_memory(error):
                _emit("lost", key=spec.key, reason="its memory was not enough", memory=True)
                os._exit(1)  # what is left of it is not to be relied on
            if isinstance(error, OSError) and error.errno in DISK_ERRORS:
                _emit("error", key=spec.key, message=disk_message(error))
            else:  # a bug: the conductor shows the traceback as its own
                _emit("bug", key=spec.key, message=traceback.format_exc())
        else:
            _emit("done", key=spec.key)
