"""A worker process of this machine: takes orders on stdin, tells what happens on stdout.

It ends when its stdin does, so that no worker outlives the process that started it.
"""

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import NoReturn

import torch

from rungs.data.carried import unpack
from rungs.data.images import DataSet
from rungs.data.loading import load
from rungs.data.spec import DataSpec
from rungs.execution.continuing import Beginning
from rungs.execution.cores import pin
from rungs.execution.engine import (
    EpochEnded,
    Faulty,
    Finished,
    Lost,
    Refused,
    Started,
    Stepped,
)
from rungs.execution.likeness import Likeness
from rungs.execution.messages import Again, Lacking, Told, Train, Unfit, parse, spell
from rungs.execution.process import take_stdout, tell
from rungs.execution.run_one import run_one
from rungs.foundation.errors import (
    DISK_ERRORS,
    CaptureError,
    DataError,
    MessageError,
    RecipeError,
    RungsError,
    disk_message,
)
from rungs.recipe.own_modules import not_ours
from rungs.store import Store
from rungs.training import memory
from rungs.training.record import Setting

# How often a worker says where in an epoch it is.
_STEP_SECONDS = 1.0

# Tells the engine something.
Emit = Callable[[Told], None]


def main() -> None:
    """Does what is ordered until stdin ends."""
    pipe = take_stdout()

    def emit(event: Told) -> None:
        tell(pipe, spell(event))

    lines: Queue[str] = Queue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    loaded: dict[str, DataSet] = {}
    while True:
        try:
            asked = parse(lines.get())
            if not isinstance(asked, Train):
                raise MessageError(f"a worker was sent what is no order: {asked.kind}")
        except MessageError as error:
            emit(Refused("", str(error)))
        else:
            _serve(asked, loaded, emit)


def _read(lines: "Queue[str]") -> None:
    """Feeds the queue; the parent's end of the pipe closes when it asks to stop or is gone."""
    try:
        for line in sys.stdin:
            lines.put(line)
    finally:
        # At once, in the middle of an epoch too: the checkpoint of the last whole epoch is on disk.
        os._exit(0)


def _serve(asked: Train, loaded: dict[str, DataSet], emit: Emit) -> None:
    """Does what is ordered, and tells how it ended."""
    key = asked.order.key

    def refused(reason: str) -> None:
        """Of this machine it is told as such where there are others."""
        emit(Refused(key, reason) if asked.likeness is None else Unfit(key, "", reason))

    def lost(reason: str, *, memory: bool = False) -> NoReturn:
        emit(Lost(key, reason, memory))
        # What it still holds is not given back or not to be relied on: a fresh one does the next.
        os._exit(1)

    try:
        failed = _do(asked, loaded, emit)
    except CaptureError:  # whose reason the run's record says by now
        emit(Again(key))
        os._exit(1)  # after that, torch is not to be relied on in this process
    except RecipeError as error:  # of this run alone: a part of the user's own has shown it so late
        lost(str(error))
    except DataError as error:
        emit(Refused(key, str(error)) if asked.likeness is None else Lacking(key, "", str(error)))
    except RungsError as error:
        refused(str(error))
    except Exception as error:
        if memory.ran_out(error):
            lost("its memory was not enough", memory=True)
        if isinstance(error, torch.AcceleratorError):
            lost(f"its GPU failed: {str(error).splitlines()[0]}")
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            refused(disk_message(error))
        elif (said := not_ours(error)) is not None:
            lost(said)
        else:
            emit(Faulty(key, traceback.format_exc()))
    else:
        emit(Finished(key, failed))


def _do(asked: Train, loaded: dict[str, DataSet], emit: Emit) -> str | None:
    """Does a run to its end.

    Args:
        asked: the run, and what is where.
        loaded: the data set of the run before by its fingerprint; replaced if another is needed.
        emit: tells what happens on the way.

    Returns:
        Why the run failed, or None.
    """
    device = asked.order.request.device
    unlike = asked.likeness and asked.likeness.unlike(Likeness.here(device))
    if unlike:
        raise RungsError(f"{unlike} as where the study was asked for")
    job = asked.order.read()
    key = job.spec.key
    said = time.monotonic()

    def start(done: int, beginning: Beginning) -> None:
        # A run that began with more threads than this worker has cores gets all cores.
        enough = beginning.record.threads <= len(asked.cores)
        pin(asked.cores if enough else asked.all_cores)
        emit(Started(key, done, beginning.exact, beginning.anew))

    def step(done: float) -> None:
        nonlocal said
        if time.monotonic() - said >= _STEP_SECONDS:
            said = time.monotonic()
            emit(Stepped(key, done))

    store = Store(Path(asked.store))
    run_one(
        store,
        job,
        _data(job.spec.data, asked, loaded),
        setting=Setting.here(asked.order.request),
        workers=asked.workers,
        on_start=start,
        on_epoch=lambda entry: emit(EpochEnded(key, entry)),
        on_step=step,
        on_read_off=lambda run, failed: emit(Finished(run.key, failed, read_off=key)),
    )
    return store.result(key).failed


def _data(spec: DataSpec, asked: Train, loaded: dict[str, DataSet]) -> DataSet:
    """The data set of a run; only one is held in memory."""
    if spec.fingerprint not in loaded:
        loaded.clear()
        where = None if asked.data_dir is None else Path(asked.data_dir)
        loaded[spec.fingerprint] = (
            load(spec, data_dir=where, allow_download=False)
            if asked.sent is None
            else unpack(Path(asked.sent), spec)
        )
    return loaded[spec.fingerprint]
