"""What every engine promises, asked of the one of this machine and of one that is made up."""

import os
import signal
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

import rungs
from rungs.execution import engines
from rungs.execution.engine import (
    ENDS,
    Cancelled,
    Engine,
    EpochEnded,
    Event,
    Finished,
    Lost,
    Refused,
    Resources,
    Site,
    Started,
    Stepped,
)
from rungs.execution.engines import open_engine
from rungs.foundation import extras
from rungs.foundation.errors import RungsError, UsageError
from rungs.recipe import Recipe
from rungs.recipe.components import Convolutional, PoolingHead
from rungs.recipe.modifications import apply
from rungs.store import Store, open_store
from rungs.store.results import RunSpec
from rungs.store.run_folder import check_manifest
from rungs.study.estimate import Machine
from rungs.study.jobs import Job
from tests.engines import Elsewhere
from tests.nodes import kill_workers_of_nodes, ray_nodes
from tests.runs import DRAWN, RECIPE, ordered, weights
from tests.studies import FIRST as FIRST_STUDY

ONE_AT_A_TIME = Machine("cpu", "some processor", 1, 1)
FIRST, SECOND, THIRD = (RunSpec(RECIPE, 2, DRAWN, seed) for seed in range(3))
LONG = RunSpec(RECIPE, 500, DRAWN, 0)


class _Opened(Protocol):
    engine: Engine

    def kill(self, key: str) -> None: ...


class _Here:
    """The engine of this machine, and how to kill what it has begun."""

    def __init__(self, site: Site) -> None:
        self.engine = open_engine("local", site)

    def kill(self, _: str) -> None:
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        if not children.exists():
            pytest.skip("finds processes through /proc")
        for pid in children.read_text().split():
            os.kill(int(pid), signal.SIGKILL)


class _There:
    def __init__(self, site: Site) -> None:
        self.engine = made = Elsewhere(site)
        self.kill: Callable[[str], None] = made.kill


class _OnRay:
    """The engine of a cluster of Ray of two nodes, which both are this machine."""

    def __init__(self, site: Site) -> None:
        ray_nodes()
        self.engine = open_engine("ray", site)

    def kill(self, _: str) -> None:
        kill_workers_of_nodes()


class _OnSlurm:
    """The engine of Slurm, whose jobs submitit starts as processes of this machine."""

    def __init__(self, site: Site) -> None:
        pytest.importorskip("submitit", reason="the extra 'slurm' is not installed")
        self.engine = open_engine("slurm", replace(site, address="local"))

    def kill(self, _: str) -> None:
        kill_workers_of_nodes()


OPENED: dict[str, Callable[[Site], Any]] = {
    "local": _Here,
    "made up": _There,
    "ray": _OnRay,
    "slurm": _OnSlurm,
}


@pytest.fixture(params=[*OPENED])
def opened(request: pytest.FixtureRequest, store: Store) -> Iterator[_Opened]:
    made: _Opened = OPENED[request.param](Site(store, ONE_AT_A_TIME))
    with made.engine:
        yield made


def of(events: list[Event], spec: RunSpec) -> list[type]:
    """What happened to a run, in order; not how often within an epoch."""
    return [type(one) for one in events if one.key == spec.key and not isinstance(one, Stepped)]


def test_runs_are_done_in_the_order_of_asking_and_events_come_in_theirs(
    opened: _Opened, store: Store
) -> None:
    engine = opened.engine
    assert list(engine.events()) == []
    engine.submit(ordered(Job(FIRST)))
    engine.submit(ordered(Job(SECOND)))
    events = []
    for event in engine.events():
        events.append(event)
        if isinstance(event, Finished):  # from then on, and not before
            check_manifest(store.run_folder(event.key))
            assert store.result(event.key).history[-1].epoch == 2
        if event == Finished(FIRST.key, None):  # more may be asked for meanwhile
            engine.submit(ordered(Job(THIRD)))
    for spec in (FIRST, SECOND, THIRD):
        assert of(events, spec) == [Started, EpochEnded, EpochEnded, Finished]
    entries = [event.entry for event in events if isinstance(event, EpochEnded)]
    assert [entry.epoch for entry in entries] == [1, 2] * 3
    ends = [event.key for event in events if isinstance(event, ENDS)]
    assert ends == [FIRST.key, SECOND.key, THIRD.key]
    # And after the last one.
    again = RunSpec(RECIPE, 1, DRAWN, 7)
    engine.submit(ordered(Job(again)))
    assert of(list(engine.events()), again) == [Started, EpochEnded, Finished]


def test_a_run_that_is_not_begun_can_be_cancelled(opened: _Opened, store: Store) -> None:
    engine = opened.engine
    engine.submit(ordered(Job(FIRST)))
    engine.submit(ordered(Job(SECOND)))
    engine.submit(ordered(Job(THIRD)))
    engine.cancel(SECOND.key)
    engine.cancel("nobody knows it")
    events = list(engine.events())
    assert of(events, SECOND) == [Cancelled]
    assert of(events, FIRST)[-1] == of(events, THIRD)[-1] == Finished
    assert not store.is_finished(SECOND.key)
    engine.cancel(FIRST.key)  # has ended
    assert list(engine.events()) == []


def test_a_run_that_is_trained_can_be_cancelled_and_goes_on_later(
    opened: _Opened, store: Store
) -> None:
    engine = opened.engine
    engine.submit(ordered(Job(LONG)))
    engine.submit(ordered(Job(SECOND)))
    events = []
    for event in engine.events():
        events.append(event)
        if isinstance(event, EpochEnded) and event.key == LONG.key:
            engine.cancel(LONG.key)
    assert of(events, LONG)[-1] == Cancelled
    assert len(of(events, LONG)) < 100
    assert of(events, SECOND)[-1] == Finished
    assert not store.is_finished(LONG.key)
    engine.submit(ordered(Job(LONG)))
    for event in engine.events():
        if isinstance(event, Started):
            assert event.done >= 1
            engine.cancel(LONG.key)


def test_a_run_that_cannot_be_done_or_whose_worker_is_killed_leaves_the_others(
    opened: _Opened, store: Store
) -> None:
    engine = opened.engine
    small = Recipe(network=Convolutional(widths=(4, 4, 4, 4, 4), head=PoolingHead()))
    nothing = RunSpec(small, 1, DRAWN, 0)
    for spec in (nothing, LONG, THIRD):
        engine.submit(ordered(Job(spec)))
    events = []
    for event in engine.events():
        events.append(event)
        if isinstance(event, EpochEnded) and event.key == LONG.key and event.entry.epoch == 1:
            opened.kill(LONG.key)
    lost = {event.key: event for event in events if isinstance(event, Lost)}
    assert set(lost) == {nothing.key, LONG.key}
    assert "would have no pixels left" in lost[nothing.key].reason
    assert lost[nothing.key].memory is False
    assert "killed" in lost[LONG.key].reason
    assert lost[LONG.key].memory is None
    assert of(events, THIRD)[-1] == Finished
    assert list(store.keys()) == [THIRD.key]


def test_a_run_that_fails_and_those_within_a_longer_one_are_finished(
    opened: _Opened, store: Store, tmp_path: Path
) -> None:
    deep = Recipe(network=Convolutional(widths=(4, 8)), batch_size=32)
    wild = RunSpec(apply(deep, "learning_rate", {"value": 1e30}), 1, DRAWN, 0)
    short = FIRST.lasting(1)
    opened.engine.submit(ordered(Job(wild)))
    opened.engine.submit(ordered(Job(FIRST, (short,), (short,))))
    events = list(opened.engine.events())
    (failed,) = [event for event in events if isinstance(event, Finished) and event.failed]
    assert failed.key == wild.key
    assert "no longer finite" in (failed.failed or "")
    ended = [event for event in events if isinstance(event, Finished) and not event.failed]
    assert ended == [Finished(short.key, None, read_off=FIRST.key), Finished(FIRST.key, None)]
    # Wherever a run is done, it ends the same.
    whole = open_store(tmp_path / "whole")
    with Elsewhere(Site(whole, ONE_AT_A_TIME)) as engine:
        engine.submit(ordered(Job(FIRST)))
        list(engine.events())
    assert weights(store, FIRST.key) == weights(whole, FIRST.key)
    assert store.result(FIRST.key).execution == whole.result(FIRST.key).execution


def test_an_order_that_is_not_understood_is_refused_by_its_key(opened: _Opened) -> None:
    half = Resources(cores=0.5)  # type: ignore[arg-type]
    for order in (replace(ordered(Job(FIRST)), resources=half), ordered(Job(SECOND))):
        opened.engine.submit(order)
    events = []
    for event in opened.engine.events():
        events.append(event)
        assert event.key  # and it ends; after an end without a key it would wait for ever
    (refused,) = [event for event in events if event.key == FIRST.key]
    assert isinstance(refused, Refused)
    assert "resources.cores" in refused.message
    assert of(events, SECOND)[-1] == Finished


def test_an_engine_that_there_is_not_is_named(store: Store) -> None:
    with pytest.raises(UsageError, match="no engine is called 'locall'; did you mean 'local'"):
        open_engine("locall", Site(store, ONE_AT_A_TIME))
    with pytest.raises(UsageError, match="engine 'local' is this machine"):
        open_engine("local", Site(store, ONE_AT_A_TIME, address="somewhere"))


def test_what_an_engine_lacks_is_said_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = engines._Entry(engines._local, extra="faraway")
    monkeypatch.setitem(engines._ENGINES, "far", entry)
    monkeypatch.setitem(extras.EXTRAS, "faraway", ("surely_not_installed",))
    with pytest.raises(RungsError, match=r"engine 'far' needs .*pip install '.*\[faraway\]'"):
        engines.check_engine("far")


def test_the_engine_of_a_study_is_chosen_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str | None] = []

    def opened(site: Site) -> Engine:
        asked.append(site.address)
        return Elsewhere(site)

    monkeypatch.setitem(engines._ENGINES, "made-up", engines._Entry(opened))
    study = tomllib.loads(FIRST_STUDY)
    folder = tmp_path / "store"
    run = partial(rungs.run, study, epochs=1, seeds=1, only="base", quiet=True, store=folder)
    run(engine="made-up", address="there")
    assert asked == ["there"]
    with pytest.raises(UsageError, match="no engine is called 'made-uq'; did you mean 'made-up'"):
        run(engine="made-uq")  # though nothing is left to do
