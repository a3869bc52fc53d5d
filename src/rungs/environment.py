"""Where results were made: versions and hardware, found without importing torch."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import rungs

# How often one of torch's threads looks for work before it sleeps (GNU OpenMP). Its own 300,000 are
# right for an idle machine; where others need the cores as well, threads that wait for each other
# burn what they wait for (see results/benchmarks/waiting.md).
WAITING = {"GOMP_SPINCOUNT": "10000"}


def environment() -> dict[str, Any]:
    """Versions, operating system, processor and cores of this machine."""
    return {
        "rungs": rungs.__version__,
        "python": platform.python_version(),
        "torch": _version("torch"),
        "numpy": _version("numpy"),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": available_cores(),
    }


def _version(package: str) -> str:
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


def available_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
