"""The machine: versions, optional libraries, processor, threads, GPU."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping

from rungs.foundation.environment import TESTED_TORCH, available_cores, environment, seen_cores
from rungs.foundation.extras import EXTRAS, broken, command, missing
from rungs.study.doctor.diagnosis import Finding

# Vector instructions that torch's kernels for a CPU are written for.
_QUICK = ("AVX2", "AVX512", "SVE", "NEON", "VSX", "ZVECTOR")


def look_at_machine() -> Iterator[Finding]:
    """Everything about this machine, whatever is done on it."""
    import torch

    found = environment()
    versions = ", ".join(f"{name} {found[name]}" for name in ("rungs", "python", "torch", "numpy"))
    yield versions_finding(f"{versions}; {found['system']}", torch.__version__)
    for extra in EXTRAS:
        lacking = missing(extra)
        yield extra_finding(extra, lacking, None if lacking else broken(extra))
    capability = torch.backends.cpu.get_cpu_capability()
    yield processor_finding(found["processor"], capability)
    yield threads_finding(available_cores(), seen_cores(), os.environ)
    yield load_finding(seen_cores(), os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    yield gpu_finding(gpu, torch.__version__, there=shutil.which("nvidia-smi") is not None)


def versions_finding(versions: str, torch_version: str) -> Finding:
    """Whether torch is of a release that all tests were run with.

    Args:
        versions: all of them, in words.
        torch_version: with its build, such as ``2.13.0+cpu``.
    """
    oldest, newest = (_release(version) for version in TESTED_TORCH)
    if oldest <= _release(torch_version) <= newest:
        return Finding("ok", "versions", versions)
    return Finding(
        "note",
        "versions",
        f"{versions}; tested with torch {' to '.join(TESTED_TORCH)}",
        "if something fails that should not, try a release of torch in this range",
    )


def _release(version: str) -> tuple[int, ...]:
    """``2.13.0+cpu`` -> (2, 13)."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def extra_finding(extra: str, lacking: tuple[str, ...], problem: str | None = None) -> Finding:
    """Whether the modules of an optional extra are there, and can be imported.

    Args:
        extra: its name.
        lacking: modules that are not installed.
        problem: why one that is cannot be imported.
    """
    what = f"extra '{extra}'"
    if problem is not None:
        advice = "install versions that fit each other and this torch"
        return Finding("warning", what, f"installed, but cannot be imported: {problem}", advice)
    if not lacking:
        return Finding("ok", what, "installed")
    found = f"not installed: {', '.join(lacking)}"
    return Finding("note", what, found, f"if you need it: `{command(extra)}`")


def processor_finding(name: str, capability: str) -> Finding:
    """Whether the processor has the vector instructions that make training quick.

    Args:
        name: of the processor.
        capability: what torch uses of it.
    """
    if capability.upper().startswith(_QUICK):
        return Finding("ok", "processor", f"{name}, {capability}")
    return Finding(
        "warning",
        "processor",
        f"{name}: torch uses no vector instructions of it ({capability})",
        "training will be several times slower than elsewhere; an emulated processor often hides "
        "what the real one can, and ATEN_CPU_CAPABILITY in the environment switches it off",
    )


def threads_finding(cores: int, seen: int, variables: Mapping[str, str]) -> Finding:
    """How many threads can run.

    Args:
        cores: that this process may use.
        seen: that it may run on; more than it may use in a container with a quota of time.
        variables: of the environment.
    """
    limit = variables.get("OMP_NUM_THREADS", "")
    if limit.isdigit() and int(limit) < cores:
        return Finding(
            "note",
            "threads",
            f"{cores} cores; OMP_NUM_THREADS={limit}, which `rungs predict` keeps to",
            "unset it to use all cores; `rungs run` shares out the cores by itself",
        )
    share = f", as much time as this container has of the {seen} that are seen"
    return Finding("ok", "threads", f"{cores} cores{share if cores < seen else ''}")


def load_finding(cores: int, load: float) -> Finding:
    """Whether other programs are at work.

    Args:
        cores: that this process may use.
        load: processes that were ready to run, the mean of the last minute.
    """
    found = f"{load:.1f} processes on {cores} cores in the last minute"
    if load <= 1.2 * cores:
        return Finding("ok", "load", found)
    return Finding("note", "load", found, "times that are measured now are not worth keeping")


def gpu_finding(name: str | None, torch_version: str, *, there: bool) -> Finding:
    """Whether a GPU is used where there is one.

    Args:
        name: of the GPU that torch can use; None if it can use none.
        torch_version: with its build, such as ``2.13.0+cpu``.
        there: whether NVIDIA's driver is installed.
    """
    if name is not None:
        return Finding("ok", "GPU", f"{name}, used unless --device cpu is given")
    if not there:
        return Finding("ok", "GPU", "none; everything is computed on the processor")
    if "cpu" in torch_version:
        advice = "install a build of torch for CUDA: pytorch.org says how for your system"
    else:
        advice = "run `nvidia-smi`: the driver may be too old for this torch, or the GPU hidden"
    found = f"NVIDIA's driver is there, but torch {torch_version} can use no GPU"
    return Finding("warning", "GPU", found, advice)
