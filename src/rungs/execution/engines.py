"""The engines that there are, by name."""

from collections.abc import Callable
from dataclasses import dataclass

from rungs.execution.engine import Engine, Site
from rungs.execution.room import Room
from rungs.foundation import extras
from rungs.foundation.errors import UsageError
from rungs.foundation.wording import did_you_mean, shown

LOCAL = "local"
RAY = "ray"
SLURM = "slurm"


def _local(site: Site) -> Engine:
    from rungs.execution.local import LocalEngine

    return LocalEngine(site)


def _ray(site: Site) -> Engine:
    from rungs.execution.cluster import ClusterEngine
    from rungs.execution.on_ray import RayCluster

    return ClusterEngine(site, RayCluster(site.address, site.machine.workers))


def _room_of_ray(address: str | None) -> Room:
    from rungs.execution.on_ray import room

    return room(address)


def _slurm(site: Site) -> Engine:
    from rungs.execution.cluster import ClusterEngine
    from rungs.execution.on_slurm import SlurmCluster

    cluster = SlurmCluster(site.store, site.address, site.machine.workers)
    return ClusterEngine(site, cluster)


def _room_of_slurm(address: str | None) -> Room:
    from rungs.execution.on_slurm import room

    return room(address)


@dataclass(frozen=True)
class _Entry:
    """An engine.

    Attributes:
        open: makes one; imports what that needs.
        room: what its cluster at an address has; None of this machine, where that is measured.
        extra: that brings its library; None for our own.
    """

    open: Callable[[Site], Engine]
    room: Callable[[str | None], Room] | None = None
    extra: str | None = None


_ENGINES = {
    LOCAL: _Entry(_local),
    RAY: _Entry(_ray, _room_of_ray, RAY),
    SLURM: _Entry(_slurm, _room_of_slurm, SLURM),
}


def check_engine(name: str, address: str | None = None) -> None:
    """That runs can be asked of an engine, before anything is done.

    Raises:
        UsageError: there is none of that name, or it has no address.
        RungsError: its library is not installed; names the command that installs it.
    """
    if name not in _ENGINES:
        known = ", ".join(sorted(_ENGINES))
        hint = did_you_mean(name, list(_ENGINES))
        raise UsageError(f"no engine is called {shown(name)}{hint}; there is: {known}")
    if address is not None and name == LOCAL:
        raise UsageError(
            f"an address is where a cluster is, and engine '{LOCAL}' is this machine: leave the "
            "address out, or name another engine"
        )
    extra = _ENGINES[name].extra
    if extra is not None:
        extras.require(extra, f"engine '{name}'", f"engine '{LOCAL}' does without")


def engine_names() -> tuple[str, ...]:
    """Of all engines, whether their libraries are installed or not."""
    return tuple(_ENGINES)


def room_of(name: str, address: str | None) -> Room | None:
    """What an engine's cluster has; None of an engine of this machine.

    Raises:
        RungsError: as `check_engine`; or there is no cluster.
    """
    check_engine(name, address)
    room = _ENGINES[name].room
    return None if room is None else room(address)


def open_engine(name: str, site: Site) -> Engine:
    """The engine of that name, for one study; it is used as a context.

    Raises:
        RungsError: as `check_engine`; or what it would use is not there.
    """
    check_engine(name, site.address)
    return _ENGINES[name].open(site)
