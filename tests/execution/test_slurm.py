"""Jobs of Slurm: time limits, preemption, what a killed command left, and no Slurm at all."""

import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from rungs.data.images import DataSet
from rungs.execution.cluster import Needs
from rungs.execution.engine import (
    EpochEnded,
    Event,
    Finished,
    Lost,
    Resources,
    Site,
    Started,
)
from rungs.execution.engines import open_engine
from rungs.execution.node import Errand
from rungs.execution.parcels import packed_progress, packed_run
from rungs.execution.run_one import run_one
from rungs.foundation.errors import UsageError
from rungs.store import Store, open_store
from rungs.store.results import RunSpec
from rungs.study.estimate import Machine
from rungs.study.jobs import Job
from tests.conftest import SETTING, TINY
from tests.nodes import descendants
from tests.runs import DRAWN, RECIPE, ordered, weights

submitit = pytest.importorskip("submitit", reason="the extra 'slurm' is not installed")

from rungs.execution import on_slurm  # noqa: E402

MACHINE = Machine("cpu", "nodes", 1, 1)
LONG = RunSpec(RECIPE, 300, DRAWN, 0)
SHORT = RunSpec(RECIPE, 2, DRAWN, 0)
SPEC = RunSpec(RECIPE, 2, TINY, 0)


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(None, 60), (1.0, 15), (600.0, 30), (2000.0, 120), (86_400.0, 3840)]
)
def test_a_job_is_given_more_time_than_its_run_is_to_take(
    seconds: float | None, minutes: int
) -> None:
    assert on_slurm.time_limit(seconds) == minutes
    assert seconds is None or 60 * minutes >= 2 * seconds


def test_where_no_slurm_is_the_way_without_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    for address, said in ((None, "there is no sbatch here; --address local"), ("far", "SBATCH_")):
        with pytest.raises(UsageError, match=said):
            open_engine("slurm", Site(store, MACHINE, address=address))


def test_jobs_are_arrays_of_what_is_alike(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted: list[tuple[dict[str, object], int]] = []

    class _Executor:
        def __init__(self, **_: object) -> None:
            self.parameters: dict[str, object] = {}

        def update_parameters(self, **more: object) -> None:
            self.parameters |= more

        def map_array(self, _: object, folders: list[str]) -> list[object]:
            submitted.append((self.parameters, len(folders)))
            return [type("Job", (), {"job_id": "1", "done": lambda _: False})() for _ in folders]

    monkeypatch.setattr(on_slurm, "place_of", lambda _: "slurm")
    monkeypatch.setattr(submitit, "AutoExecutor", _Executor)
    monkeypatch.setattr(on_slurm, "_MOST_IN_ARRAY", 2)
    monkeypatch.setattr(on_slurm, "_SECONDS_TO_END", 0)
    monkeypatch.setattr(on_slurm.SlurmCluster, "stop", lambda *_: None)
    cluster = on_slurm.SlurmCluster(store, None, 8)
    errand = Errand('{"order": {"key": "k"}}')
    on_gpu = Needs(Resources(4, 1.0), 3600.0, frozenset({"n2", "n1"}))
    for ticket, needs in enumerate([Needs(Resources(1))] * 3 + [on_gpu]):
        cluster.begin(ticket, errand, needs)
    cluster.heard()
    assert [count for _, count in submitted] == [2, 1, 1]
    few, _, gpu = (parameters for parameters, _ in submitted)
    assert (few["timeout_min"], few["gpus_per_node"], few["cpus_per_task"]) == (60, 0, 1)
    assert (gpu["timeout_min"], gpu["gpus_per_node"], gpu["cpus_per_task"]) == (120, 1, 4)
    assert (gpu["slurm_exclude"], gpu["slurm_array_parallelism"]) == ("n1,n2", 8)


def test_a_job_that_is_preempted_goes_on_from_its_last_epoch(store: Store) -> None:
    events: list[Event] = []
    with open_engine("slurm", Site(store, MACHINE, address="local")) as engine:
        engine.submit(ordered(Job(LONG)))
        for event in engine.events():
            events.append(event)
            if isinstance(event, EpochEnded) and len(events) < 5:
                for process in descendants("submitit.core._submit"):
                    os.kill(process, signal.SIGUSR2)  # as Slurm does before it takes a node away
                time.sleep(0.5)
            if isinstance(event, Started) and len(events) > 1:
                engine.cancel(LONG.key)
    begun = [event.done for event in events if isinstance(event, Started)]
    done = [event.entry.epoch for event in events if isinstance(event, EpochEnded)]
    assert len(begun) >= 2
    assert begun[1] >= done[0]
    assert not (store.root / "slurm").exists()


def test_a_job_that_is_ended_in_vain_is_given_up(tmp_path: Path) -> None:
    place = tmp_path / "1"
    place.mkdir()
    (place / "errand.json").write_text('{"key": "k"}')
    job = on_slurm.OnNode()
    assert job.checkpoint(str(place)) is not None
    (place / "k.work").write_bytes(b"an epoch")
    assert job.checkpoint(str(place)) is not None
    assert job.in_vain == 0
    for _ in range(2):
        job._began = on_slurm._progress_of(place)
        assert job.checkpoint(str(place)) is not None
    job._began = on_slurm._progress_of(place)
    assert job.checkpoint(str(place)) is None
    assert "before one epoch was done" in (place / "told").read_text()


def test_what_jobs_of_a_killed_command_did_is_taken(
    store: Store, tiny: DataSet, tmp_path: Path
) -> None:
    there = open_store(tmp_path / "there")
    half = replace(SPEC, seed=1)
    run_one(there, Job(SPEC), tiny, setting=SETTING)
    run_one(there, Job(half), tiny, setting=SETTING, should_stop=lambda: True)
    left = store.root / "slurm" / "before"
    for ticket in "12":
        (left / ticket).mkdir(parents=True)
    (left / "1" / f"{SPEC.key}.runs").write_bytes(packed_run(there, SPEC.key))
    (left / "2" / f"{half.key}.work").write_bytes(packed_progress(there, half.key) or b"")
    (left / "2" / "cut.runs").write_bytes(b"half of one")
    on_slurm.take_over(store, store.root / "slurm", "local")
    assert weights(store, SPEC.key) == weights(there, SPEC.key)
    assert store.epochs_done(half.key) == 1
    assert not left.exists()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_without_processes_runs_are_done_one_after_another(store: Store) -> None:
    with open_engine("slurm", Site(store, MACHINE, address="debug")) as engine:
        engine.submit(ordered(Job(SHORT)))
        engine.submit(ordered(Job(replace(SHORT, seed=1))))
        events = list(engine.events())
    ends = [event.key for event in events if isinstance(event, Finished | Lost)]
    assert ends == [SHORT.key, replace(SHORT, seed=1).key]
    assert [*store.keys()] == sorted(ends)
