"""How many cores a process may use, and what they can."""

import os
from pathlib import Path

import pytest

from rungs.foundation import environment
from rungs.foundation.environment import (
    available_cores,
    free_memory,
    granted_cores,
    multiplies_bfloat16,
)
from rungs.study import parse
from rungs.study.cautions import slow_precision
from tests.studies import GOOD


def system(root: Path, groups: str, **files: str) -> Path:
    """A file system with a process's control groups, and files of theirs: ``/`` is ``__``."""
    for name, content in {"proc__self__cgroup": groups, **files}.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="ascii")
    return root


def test_without_a_quota_all_time_is_granted(tmp_path: Path) -> None:
    assert granted_cores(tmp_path) is None
    assert granted_cores(system(tmp_path, "0::/\n")) is None
    unlimited = {"sys__fs__cgroup__cpu.max": "max 100000\n"}
    assert granted_cores(system(tmp_path, "0::/\n", **unlimited)) is None


def test_the_tightest_group_counts(tmp_path: Path) -> None:
    files = {
        "sys__fs__cgroup__a__cpu.max": "250000 100000\n",
        "sys__fs__cgroup__a__b__cpu.max": "800000 100000\n",
        "sys__fs__cgroup__other__cpu.max": "50000 100000\n",
    }
    assert granted_cores(system(tmp_path, "0::/a/b\n", **files)) == 2.5


@pytest.mark.parametrize(("microseconds", "cores"), [("-1", None), ("300000", 1.5)])
def test_the_first_version_of_control_groups(
    tmp_path: Path, microseconds: str, cores: float | None
) -> None:
    """In a container the group's own path is often one of the host's."""
    files = {
        "sys__fs__cgroup__cpu__cpu.cfs_quota_us": f"{microseconds}\n",
        "sys__fs__cgroup__cpu__cpu.cfs_period_us": "200000\n",
    }
    groups = "4:memory:/m\n2:cpu,cpuacct:/docker/0123\n0::/\n"
    assert granted_cores(system(tmp_path, groups, **files)) == cores


@pytest.mark.parametrize(("granted", "cores"), [(None, 8), (2.5, 2), (0.3, 1), (64.0, 8)])
def test_no_more_threads_than_get_time(
    monkeypatch: pytest.MonkeyPatch, granted: float | None, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(environment, "granted_cores", lambda _: granted)
    assert available_cores() == cores


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("flags\t\t: fpu avx2 fma", False),
        ("flags\t\t: fpu avx512_bf16 avx512f", True),
        ("flags\t\t: fpu amx_bf16", True),
        ("Features\t: fp asimd bf16 i8mm", True),
        ("Features\t: fp asimd", False),
        ("processor\t: 0", False),
    ],
)
def test_a_processor_says_whether_it_multiplies_bfloat16(
    tmp_path: Path, line: str, answer: bool
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"model name\t: x\n{line}\n\nprocessor\t: 1\n{line}\n", encoding="ascii")
    assert multiplies_bfloat16(cpuinfo) is answer
    assert multiplies_bfloat16(tmp_path / "nowhere") is False


@pytest.mark.parametrize(
    ("device", "there", "warned"),
    [("cpu", False, True), ("cpu", True, False), ("cuda", False, False)],
)
def test_bfloat16_is_warned_of_where_it_is_slow(
    monkeypatch: pytest.MonkeyPatch, device: str, there: bool, warned: bool
) -> None:
    monkeypatch.setattr("rungs.study.cautions.multiplies_bfloat16", lambda: there)
    study = parse({**GOOD, "recipe": {"precision": "bfloat16"}}, "x")
    said = slow_precision(study, device)
    assert [line.startswith("Warning: first, second: this processor") for line in said] == (
        [True] if warned else []
    )
    assert not slow_precision(parse(GOOD, "x"), device)


def test_memory_is_what_system_and_groups_leave(tmp_path: Path) -> None:
    assert free_memory(tmp_path) is None
    meminfo = {"proc__meminfo": "MemTotal: 9000 kB\nMemAvailable:    2000 kB\n"}
    assert free_memory(system(tmp_path, "0::/a/b\n", **meminfo)) == 2_048_000
    files = {
        "sys__fs__cgroup__a__memory.max": "1500000\n",
        "sys__fs__cgroup__a__memory.current": "600000\n",
        "sys__fs__cgroup__a__b__memory.max": "max\n",
        "sys__fs__cgroup__a__b__memory.current": "500\n",
    }
    assert free_memory(system(tmp_path, "0::/a/b\n", **files)) == 900_000
