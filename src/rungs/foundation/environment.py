"""Where results were made: versions and hardware, found without importing torch."""

import contextlib
import importlib.metadata
import os
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

# What the package index calls the program; command and import are `rungs`.
DISTRIBUTION = "rungs-study"

# Oldest and newest release of torch that the tests were run with.
TESTED_TORCH = ("2.11", "2.14")

# How often one of torch's threads looks for work before it sleeps (GNU OpenMP). Its own 300,000 are
# right for an idle machine; where others need the cores as well, threads that wait for each other
# burn what they wait for (see results/benchmarks/waiting.md).
WAITING = {"GOMP_SPINCOUNT": "10000"}

# What Linux calls the instructions that multiply bfloat16, on x86 and on ARM.
_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}


def environment() -> dict[str, Any]:
    """Versions, operating system, processor and cores of this machine."""
    return {
        "rungs": version_of_rungs(),
        "python": platform.python_version(),
        "torch": version_of("torch"),
        "numpy": version_of("numpy"),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": available_cores(),
    }


def version_of_rungs() -> str:
    """Our own version; ``0+unknown`` of a source tree that is not installed."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return "0+unknown"


def version_of(package: str) -> str:
    """The version of a package of Python; ``not installed`` if there is none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def processor() -> str:
    """The processor's model name, or its architecture where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def multiplies_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor says that it multiplies bfloat16 in hardware; False where none says."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    # One line of flags for each core, which are alike.
    names = ("flags", "Features")  # as x86 and ARM call them
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith(names)), [])
    return not _BFLOAT16.isdisjoint(flags)


def available_cores() -> int:
    """Processor cores that this process may use: no more than a container's quota of time fills."""
    cores = seen_cores()
    granted = granted_cores(Path("/"))
    # Not rounded up: threads that have used up their time keep all others waiting.
    return cores if granted is None else min(cores, max(1, int(granted)))


def seen_cores() -> int:
    """Processor cores that this process may run on, whatever its share of their time."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory(root: Path = Path("/")) -> int | None:
    """Bytes of memory that a process may still take, within a container's limit; None if unknown.

    Args:
        root: of the file system.
    """
    found: list[int] = []
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "proc/meminfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(1024 * int(line.split()[1]))
    for folder in _own_groups(root):
        with contextlib.suppress(OSError, ValueError):
            limit = int((folder / "memory.max").read_text(encoding="ascii"))
            used = int((folder / "memory.current").read_text(encoding="ascii"))
            found.append(max(0, limit - used))
    return min(found, default=None)


def _own_groups(root: Path) -> Iterator[Path]:
    """The folders of this process's control group (version 2) and those above it."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    top = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, place = line.split(":", 2)
        group = top / place.lstrip("/")
        for folder in () if controllers else (group, *group.parents):
            yield folder
            if folder == top:
                break


def granted_cores(root: Path) -> float | None:
    """Cores' worth of time that Linux's control groups grant to this process; None for all.

    Args:
        root: of the file system.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    mounted = root / "sys/fs/cgroup"
    found: list[float] = []
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if not controllers:  # version 2
            top, names = mounted, ["cpu.max"]
        elif "cpu" in controllers.split(","):
            top, names = mounted / "cpu", ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
        else:
            continue
        group = top / place.lstrip("/")
        # A limit of any group above holds as well; a container's own stands at the top.
        for folder in (group, *group.parents):
            found += _quota([folder / name for name in names])
            if folder == top:
                break
    return min(found, default=None)


def _quota(files: Sequence[Path]) -> list[float]:
    """A control group's microseconds by those of a period, from its files; empty for no limit."""
    try:
        words = " ".join(file.read_text(encoding="ascii") for file in files).split()
    except OSError:
        return []
    limited = len(words) == 2 and all(word.isdigit() for word in words)  # not "max", nor -1
    return [int(words[0]) / int(words[1])] if limited else []
