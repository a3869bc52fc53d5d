"""Nodes of clusters that are all this machine, and how to do away with what runs on them."""

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_WORKER = "rungs.execution.worker"


@cache
def ray_nodes() -> Any:
    """A cluster of Ray with two nodes of one core, which lasts as long as the tests.

    Skips the test where Ray is not installed.
    """
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    import ray
    from ray.cluster_utils import Cluster

    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    return cluster


def kill_workers_of_nodes() -> None:
    """Kills our workers that others than this process have started."""
    for process in descendants(_WORKER):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def descendants(command: str) -> Iterator[int]:
    """Processes of a command that descend from this process, but are not its children."""
    parents = dict(_parents())
    for process in parents:
        line = [*_ancestors(process, parents)]
        if os.getpid() in line[1:] and command in _command(process):
            yield process


def _ancestors(process: int, parents: Mapping[int, int]) -> Iterator[int]:
    while (process := parents.get(process, 0)) > 1:
        yield process


def _parents() -> Iterator[tuple[int, int]]:
    if not Path("/proc/self/stat").exists():
        pytest.skip("finds processes through /proc")
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            yield int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])


def _command(process: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
    return ""
