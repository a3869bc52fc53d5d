"""A cluster of Ray: every errand is one plain task, and what comes of it is a stream of bytes.

What Ray pickles of ours is the name of one function; arguments and results are text and bytes.
"""

import os
import platform
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import ray
from ray import ObjectRef

from rungs.execution.cluster import Gone, Needs
from rungs.execution.engine import Resources
from rungs.execution.node import Errand, attend
from rungs.execution.room import Room
from rungs.foundation.environment import available_cores
from rungs.foundation.errors import RungsError

# Without an address: a cluster of this machine alone, which ends with the command.
_HERE = "local"
_ADDRESS = "RAY_ADDRESS"
_HEARD_SECONDS = 1.0
# What nodes there are is asked anew after so long.
_NODES_SECONDS = 2.0
# In Ray's environment, unless the user says otherwise: it would tell of its use, and warn.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def connect(address: str | None) -> None:
    """Connects this process to a cluster, unless it is connected.

    Args:
        address: of its head; None for RAY_ADDRESS, else a cluster on this machine alone.

    Raises:
        RungsError: there is none, or it cannot be used.
    """
    if ray.is_initialized():
        return
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    where = address or os.environ.get(_ADDRESS) or _HERE
    more: dict[str, Any] = {"num_cpus": available_cores()} if where == _HERE else {}
    try:
        ray.init(
            address=where,
            include_dashboard=False if where == _HERE else None,
            log_to_driver=False,
            logging_level="ERROR",
            configure_logging=True,
            **more,
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        said = " ".join(str(error).split())
        raise RungsError(f"engine 'ray': no cluster at {where} can be used: {said}") from error


def room(address: str | None) -> Room:
    """What a cluster has, by its nodes that are alive.

    Raises:
        RungsError: as `connect`.
    """
    connect(address)
    found = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return Room(
        cores=int(sum(node.get("CPU", 0) for node in found)),
        cores_of_node=int(max((node.get("CPU", 0) for node in found), default=0)),
        gpus=int(sum(node.get("GPU", 0) for node in found)),
    )


def do_errand(
    text: str,
    progress: bytes,
    data: str,
    teacher: str,
    taught_by: bytes,
    carried: Sequence["ObjectRef[bytes]"],
) -> Iterator[bytes]:
    """What is done as a task, on its node: see `rungs.execution.node.attend`."""
    here = ray.get_runtime_context().get_node_id()
    yield from attend(
        Errand(text, progress, data, teacher, taught_by),
        node=here,
        called=f"{platform.node()} (node {here[:8]} of Ray)",
        fetch=lambda: bytes(ray.get(carried[0])),
    )


class RayCluster:
    """See `rungs.execution.cluster.Cluster`."""

    def __init__(self, address: str | None, workers: int) -> None:
        """Connects to it.

        Args:
            address: as `connect`.
            workers: errands that are done side by side.

        Raises:
            RungsError: as `connect`.
        """
        self._ours = not ray.is_initialized()
        connect(address)
        self._workers = workers
        self._task = ray.remote(do_errand)
        self._streams: dict[Any, int] = {}
        self._data: dict[str, ObjectRef[bytes]] = {}
        self._nodes: tuple[dict[str, Any], ...] = ()
        self._asked = -_NODES_SECONDS

    @property
    def most(self) -> int:
        """As many as are done: what waits here goes out with what is known by then."""
        return self._workers

    def begin(self, ticket: int, errand: Errand, needs: Needs) -> None:
        """As a task that Ray is not to do again: it would begin with what was known at first."""
        resources = needs.resources
        options: dict[str, Any] = {
            "num_cpus": resources.cores,
            "num_gpus": resources.gpus,
            "max_retries": 0,
            "num_returns": "streaming",
        }
        if needs.shunned:
            options["label_selector"] = {
                "ray.io/node-id": f"!in({','.join(sorted(needs.shunned))})"
            }
        # Within a list, data is fetched where somebody asks for it.
        carried = [self._data[errand.data]] if errand.data else []
        task = self._task.options(**options)
        stream = task.remote(
            errand.text,
            errand.progress,
            errand.data,
            errand.teacher,
            errand.taught_by,
            carried,
        )
        self._streams[stream] = ticket

    def carry(self, fingerprint: str, data: bytes) -> None:
        """Into Ray's store, which brings it to each node once."""
        self._data[fingerprint] = ray.put(data)

    def stop(self, ticket: int) -> None:
        """As Ray cancels tasks: the node is left as if it had come to an end by itself."""
        for stream, other in [*self._streams.items()]:
            if other == ticket:
                ray.cancel(stream)

    def heard(self) -> Collection[tuple[int, bytes | Gone]]:
        """One frame of each errand that has told something."""
        if not self._streams:
            time.sleep(_HEARD_SECONDS)
            return ()
        streams = [*self._streams]
        if not ray.wait(streams, num_returns=1, timeout=_HEARD_SECONDS)[0]:
            return ()
        ready, _ = ray.wait(streams, num_returns=len(streams), timeout=0)
        found: list[tuple[int, bytes | Gone]] = []
        for stream in ready:
            ticket = self._streams[stream]
            try:
                found.append((ticket, ray.get(next(stream))))
            except StopIteration:
                found.append((ticket, Gone()))
                del self._streams[stream]
            except (ray.exceptions.RayError, ray.exceptions.RayTaskError) as error:
                found.append((ticket, Gone(_said(error))))
                del self._streams[stream]
        return found

    def has_node(self, needs: Needs) -> bool:
        """By what its nodes have in all, whatever is free."""
        return any(
            node["NodeID"] not in needs.shunned and _suffices(node["Resources"], needs.resources)
            for node in self._alive()
        )

    def close(self) -> None:
        """Cancels all tasks; a cluster of this command's own ends."""
        for stream in self._streams:
            ray.cancel(stream)
        deadline = time.monotonic() + 10 * _HEARD_SECONDS
        while self._streams and time.monotonic() < deadline:
            self.heard()
        self._streams.clear()
        self._data.clear()
        if self._ours:
            ray.shutdown()

    def _alive(self) -> tuple[dict[str, Any], ...]:
        if time.monotonic() - self._asked > _NODES_SECONDS:
            self._nodes = tuple(node for node in ray.nodes() if node["Alive"])
            self._asked = time.monotonic()
        return self._nodes


def _suffices(there: dict[str, float], wanted: Resources) -> bool:
    return there.get("CPU", 0) >= wanted.cores and there.get("GPU", 0) >= wanted.gpus


def _said(error: Exception) -> str:
    """The last line of what Ray says that tells something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"
