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
from rungs.errors import DISK_ERRORS, RungsError, disk_message
from rungs.execution.run_one import run_one
from rungs.results import Epoch, RunSpec
from rungs.store import Store

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


def main() -> None:
    """Serves run specs until stdin ends."""
    jobs: Queue[dict[str, Any]] = Queue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    loaded: dict[str, DataSet] = {}
    while True:
        job = jobs.get()
        spec = RunSpec.from_dict(job["spec"])
        try:
            if spec.data.fingerprint not in loaded:
                loaded.clear()
                data_dir = job["data_dir"] and Path(job["data_dir"])
                loaded[spec.data.fingerprint] = load(
                    spec.data, data_dir=data_dir, allow_download=False
                )

            def report(entry: Epoch, key: str = spec.key) -> None:
                _emit("epoch", key=key, **entry.to_dict())

            def start(done: int, key: str = spec.key) -> None:
                _emit("start", key=key, done=done)

            said = time.monotonic()

            def step(done: float, key: str = spec.key) -> None:
                nonlocal said
                if time.monotonic() - said >= _STEP_SECONDS:
                    said = time.monotonic()
                    _emit("step", key=key, done=done)

            store = Store(Path(job["store"]))
            run_one(
                store,
                spec,
                loaded[spec.data.fingerprint],
                device=job["device"],
                threads=job["threads"],
                on_start=start,
                on_epoch=report,
                on_step=step,
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
            _emit("done", key=spec.key, failed=store.result(spec.key).failed)
