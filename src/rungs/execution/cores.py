"""Which cores a worker computes on, where the system lets a process choose (not on macOS)."""

import contextlib
import os
from collections.abc import Collection
from pathlib import Path


def slots(workers: int, threads: int) -> tuple[tuple[int, ...], ...]:
    """Cores of its own for each worker; none where they do not share out all that there are.

    Workers that leave cores free are not pinned: the system knows better which core is idle.
    """
    cores = all_cores()
    if not cores or workers * threads != len(cores):
        return ((),) * workers
    return tuple(tuple(cores[first : first + threads]) for first in range(0, len(cores), threads))


def all_cores() -> tuple[int, ...]:
    """The cores that this process may use; none where the system does not tell."""
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


def pin(cores: Collection[int]) -> None:
    """Keeps all threads of this process, and those that it begins from now on, on these cores.

    Nothing happens for no cores, or where the system does not let a process choose.
    """
    if not cores or not hasattr(os, "sched_setaffinity"):
        return
    os.sched_setaffinity(0, cores)
    # That was this thread alone; torch may have begun its own when the data was read.
    for thread in Path("/proc/self/task").glob("*"):
        with contextlib.suppress(ProcessLookupError):  # has ended
            os.sched_setaffinity(int(thread.name), cores)
