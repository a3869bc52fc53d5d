"""Several GPUs, which are not here: which of them count, and what a worker sees."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rungs.data.images import DataSet
from rungs.execution import local, process
from rungs.execution.gpus import gpus, shared_out
from rungs.execution.run_one import keep_labels
from rungs.store import Store
from rungs.store.results import RunSpec
from rungs.study.jobs import Job
from tests.conftest import TINY
from tests.runs import happening

from .test_choosing import SMALL


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the models of the GPUs that torch sees."""
    found: list[str] = []
    monkeypatch.setattr("torch.cuda.device_count", lambda: len(found))
    monkeypatch.setattr("torch.cuda.get_device_name", lambda number: found[number])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return found


def test_gpus_like_the_first_are_used(models: list[str]) -> None:
    models += ["fast", "slow", "fast"]
    assert gpus("cuda") == ("0", "2")
    assert gpus("cpu") == ()


def test_gpus_that_the_user_names_are_used_by_these_names(
    models: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    models += ["fast", "fast"]
    # What comes after a name that CUDA does not know is not seen.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-7a,99,1")
    assert gpus("cuda") == ("3", "GPU-7a")


def test_gpus_are_shared_out_in_turn() -> None:
    assert shared_out(("3", "5"), 5) == ("3", "5", "3", "5", "3")
    assert shared_out((), 2) == (None, None)


@pytest.mark.skipif(sys.platform != "linux", reason="reads a process's environment from /proc")
def test_each_worker_sees_its_own_gpu_and_so_does_the_one_that_takes_its_place(
    store: Store, tiny: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []

    def started(
        module: str, *, gpu: str | None = None, quiet: bool = False
    ) -> "subprocess.Popen[str]":
        worker = process.start(module, gpu=gpu, quiet=quiet)
        begun.append(worker.pid)
        return worker

    def visible(worker: int) -> str:
        lines = Path(f"/proc/{worker}/environ").read_text().split("\0")
        return dict(line.split("=", 1) for line in lines if line)["CUDA_VISIBLE_DEVICES"]

    monkeypatch.setattr(local, "start", started)
    monkeypatch.setattr(local, "gpus", lambda _: ("3", "5"))
    keep_labels(store, tiny)
    jobs = [Job(RunSpec(SMALL, 1, TINY, seed)) for seed in range(4)]
    seen: dict[int, str] = {}
    events = []
    for event in happening(store, jobs):
        events.append(event.kind)
        if events == ["start"]:
            seen = {worker: visible(worker) for worker in begun}
            os.kill(begun[0], signal.SIGKILL)
        if events.count("done") == 3:  # each worker has done something, and is still there
            seen |= {worker: visible(worker) for worker in begun[1:]}
    assert events.count("done") == 3
    assert events.count("lost") == 1
    assert [seen[worker] for worker in begun] == ["3", "5", "3"]
