"""Every engine keeps the promises of an engine, with all that happens to it."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rungs.cli import app
from rungs.execution import engines
from rungs.execution.engine import Order
from rungs.testing import Worse, check_engine
from tests.engines import Elsewhere
from tests.nodes import ray_nodes


def test_the_engine_of_this_machine() -> None:
    done = CliRunner().invoke(app, ["check", "--engine", "local", "--times", "1"])
    assert (done.exit_code, done.stdout) == (0, "local: keeps its promises\n")
    assert "a worker that is killed, 1 of 1, after" in done.stderr


def test_what_an_engine_breaks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that computes otherwise than it was asked to."""

    class Odd(Elsewhere):
        def submit(self, order: Order) -> None:
            request = replace(order.request, layout="contiguous", convolutions="library")
            super().submit(replace(order, request=request))

    monkeypatch.setitem(engines._ENGINES, "odd", engines._Entry(Odd))
    problems = check_engine("odd", times=0)
    assert "found: the run of seed 0 has other weights than by the engine of this machine" in (
        problems
    )


@pytest.mark.parametrize("words", [[], ["mine.py", "--engine", "local"]])
def test_a_module_or_an_engine_is_checked(words: list[str]) -> None:
    done = CliRunner().invoke(app, ["check", *words])
    assert done.exit_code == 2
    assert "name a module to check, or an engine by --engine" in done.stderr


@pytest.mark.timeout(1200)
def test_the_engine_of_ray(tmp_path: Path) -> None:
    cluster = ray_nodes()

    def taken() -> None:
        node = next(node for node in cluster.list_all_nodes() if node is not cluster.head_node)
        cluster.remove_node(node, allow_graceful=False)
        cluster.add_node(num_cpus=1)

    unfit: dict[str, Callable[[], AbstractContextManager[str]]] = {
        "another instruction set": partial(
            node_with, cluster, {"ATEN_CPU_CAPABILITY": "default"}, "its instruction set is DEFAULT"
        )
    }
    full = tmp_path / "full"
    full.mkdir()
    mounted = os.geteuid() == 0 and not subprocess.call(
        ["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(full)], stderr=subprocess.DEVNULL
    )
    if mounted:
        unfit["a full disk"] = partial(node_with, cluster, {"TMPDIR": str(full)}, "free some space")
    try:
        worse = Worse(node=taken, unfit=unfit)
        assert check_engine("ray", cluster.address, times=1, worse=worse) == ()
    finally:
        if mounted:
            subprocess.call(["umount", "-l", str(full)])


@contextmanager
def node_with(cluster: Any, environment: dict[str, str], words: str) -> Iterator[str]:
    """A node of Ray whose processes have these variables of the environment."""
    node = cluster.add_node(num_cpus=1, env_vars=environment)
    try:
        yield words
    finally:
        cluster.remove_node(node, allow_graceful=False)


@pytest.mark.timeout(1200)
def test_the_engine_of_slurm() -> None:
    pytest.importorskip("submitit", reason="the extra 'slurm' is not installed")
    assert check_engine("slurm", "local", times=1) == ()
