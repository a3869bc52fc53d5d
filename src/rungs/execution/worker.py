"""A worker process: takes run specs as JSON lines on stdin, reports events as JSON lines on stdout.

It ends when its stdin does, so that no worker outlives the process that started it.
"""

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import Any

import torch

from rungs.data.images import DataSet
from rungs.data.loading import load
from rungs.execution.continuing import Beginning
from rungs.execution.cores import pin
from rungs.execution.process import take_stdout, tell
from rungs.execution.run_one import run_one
from rungs.foundation.errors import (
    DISK_ERRORS,
    CaptureError,
    OwnModuleError,
    RecipeError,
    RungsError,
    disk_message,
)
from rungs.recipe.own_modules import blamed, load_modules
from rungs.store import Store
from rungs.store.results import Epoch
from rungs.study.jobs import Job
from rungs.training import memory
from rungs.training.record import ExecutionRecord, Setting

# How often a worker says where in an epoch it is.
_STEP_SECONDS = 1.0

# Reports an event of a run: its kind, the run's key, and what else belongs to it.
Emit = Callable[..., None]


def main() -> None:
    """Serves run specs until stdin ends."""
    pipe = take_stdout()

    def emit(event: str, **values: Any) -> None:
        tell(pipe, {"event": event, **values})

    jobs: Queue[dict[str, Any]] = Queue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    loaded: dict[str, DataSet] = {}
    while True:
        _serve(jobs.get(), loaded, emit)


def _read(jobs: "Queue[dict[str, Any]]") -> None:
    """Feeds the queue; the parent's end of the pipe closes when it asks to stop or is gone."""
    try:
        for line in sys.stdin:
            jobs.put(json.loads(line))
    finally:
        # At once, in the middle of an epoch too: the checkpoint of the last whole epoch is on disk.
        os._exit(0)


def _serve(settings: dict[str, Any], loaded: dict[str, DataSet], emit: Emit) -> None:
    """Does what one line on stdin asks for, and reports how it ended."""
    key = settings["key"]
    try:
        failed = _do(settings, loaded, emit)
    except CaptureError:  # whose reason the run's record says by now
        emit("again", key=key)
        os._exit(1)  # after that, torch is not to be relied on in this process
    except RecipeError as error:  # of this run alone: a part of the user's own has shown it so late
        emit("lost", key=key, reason=str(error), memory=False)
        os._exit(1)
    except RungsError as error:
        emit("error", key=key, message=str(error))
    except Exception as error:
        if memory.ran_out(error):
            emit("lost", key=key, reason="its memory was not enough", memory=True)
            os._exit(1)  # what is left of it is not to be relied on
        if isinstance(error, torch.AcceleratorError):
            first = str(error).splitlines()[0]
            emit("lost", key=key, reason=f"its GPU failed: {first}", memory=False)
            os._exit(1)  # nothing can be computed on it in this process any more
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            emit("error", key=key, message=disk_message(error))
        elif (said := blamed(error)) is not None:
            emit("lost", key=key, reason=said, memory=False)
            os._exit(1)  # what it still holds is not given back, and the next is a fresh worker's
        else:  # a bug: the conductor shows the traceback as its own
            emit("bug", key=key, message=traceback.format_exc())
    else:
        emit("done", key=key, failed=failed)


def _do(settings: dict[str, Any], loaded: dict[str, DataSet], emit: Emit) -> str | None:
    """Does a run to its end.

    Args:
        settings: what `rungs.execution.pool` submits.
        loaded: the data set of the run before by its fingerprint; replaced if another is needed.
        emit: reports what happens on the way.

    Returns:
        Why the run failed, or None.
    """
    job = _job(settings)
    key = job.spec.key
    said = time.monotonic()

    def start(done: int, beginning: Beginning) -> None:
        # A run that began with more threads than this worker has cores gets all cores.
        enough = beginning.record.threads <= len(settings["cores"])
        pin(settings["cores" if enough else "all_cores"])
        emit("start", key=key, done=done, exact=beginning.exact, anew=beginning.anew)

    def epoch(entry: Epoch) -> None:
        emit("epoch", key=key, **entry.to_dict())

    def step(done: float) -> None:
        nonlocal said
        if time.monotonic() - said >= _STEP_SECONDS:
            said = time.monotonic()
            emit("step", key=key, done=done)

    store = Store(Path(settings["store"]))
    run_one(
        store,
        job,
        _data(job, settings, loaded),
        setting=Setting(ExecutionRecord(**settings["record"]), settings["ceiling"]),
        on_start=start,
        on_epoch=epoch,
        on_step=step,
        on_read_off=lambda run, failed: emit("read_off", key=run.key, failed=failed),
    )
    return store.result(key).failed


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


def _data(job: Job, settings: dict[str, Any], loaded: dict[str, DataSet]) -> DataSet:
    """The data set of a run; only one is held in memory."""
    spec = job.spec.data
    if spec.fingerprint not in loaded:
        loaded.clear()
        data_dir = settings["data_dir"] and Path(settings["data_dir"])
        loaded[spec.fingerprint] = load(spec, data_dir=data_dir, allow_download=False)
    return loaded[spec.fingerprint]
