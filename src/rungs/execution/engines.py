"""The engines that there are, by name."""

from collections.abc import Callable
from dataclasses import dataclass

from rungs.execution.engine import Engine, Site
from rungs.foundation import extras
from rungs.foundation.errors import UsageError
from rungs.foundation.wording import did_you_mean, shown

LOCAL = "local"


def _local(site: Site) -> Engine:
    from rungs.execution.local import LocalEngine

    return LocalEngine(site)


@dataclass(frozen=True)
class _Entry:
    """An engine.

    Attributes:
        open: makes one; imports what that needs.
        extra: that brings its library; None for our own.
    """

    open: Callable[[Site], Engine]
    extra: str | None = None


_ENGINES = {LOCAL: _Entry(_local)}


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


def open_engine(name: str, site: Site) -> Engine:
    """The engine of that name, for one study; it is used as a context.

    Raises:
        RungsError: as `check_engine`; or what it would use is not there.
    """
    check_engine(name, site.address)
    return _ENGINES[name].open(site)
