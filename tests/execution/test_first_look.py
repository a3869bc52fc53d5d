"""Hours where nothing was trained yet: this machine is tried once, and remembered."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rungs.cli import app
from rungs.execution import first_look
from rungs.execution.first_look import time_left_or_looked_at
from rungs.store import open_store
from rungs.store.results import RunSpec
from rungs.study import load
from rungs.study.costs import Cost, costs
from rungs.study.estimate import (
    Machine,
    Rates,
    TimeLeft,
    identity,
    keep_speeds,
    whole_time_left,
)
from rungs.study.plan import plan

STUDY = load("quickstart")
PLAN = plan(STUDY, seeds=1)
HERE = Machine("cpu", "a processor", 2, 1)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def known() -> dict[str, Cost]:
    return costs(STUDY, None)


def test_a_machine_is_tried_once(known: dict[str, Cost], monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def look(spec: RunSpec, batch: int, runs: int) -> tuple[Machine, float]:
        tried.append((spec.recipe, batch, runs))
        return HERE, 1000.0

    monkeypatch.setattr(first_look, "_look", look)
    assert whole_time_left(PLAN, None, known) is None
    left = time_left_or_looked_at(PLAN, None, known)
    assert left is not None
    assert left == time_left_or_looked_at(PLAN, None, known)
    flops = {item.rung.recipe: known[item.rung.name][2] or 0 for item in PLAN.rungs}
    ((recipe, batch, runs),) = tried
    assert flops[recipe] == min(flops.values())
    assert batch == recipe.batch_size
    assert runs == len(PLAN.runs)
    # In proportion to FLOPs, and with two workers at least half of the work of one.
    images = STUDY.data.sizes["train"]
    work = sum(spec.epochs * images * flops[spec.recipe] / flops[recipe] for spec in PLAN.runs)
    assert work / 2 <= 1000 * left.seconds <= work
    assert left.rough
    assert left.machine == HERE
    # Whatever is planned next.
    other = plan(STUDY, seeds=2)
    more = whole_time_left(other, None, known)
    assert more is not None
    assert more.seconds == pytest.approx(2 * left.seconds, rel=0.5)


def test_a_look_takes_gradients_of_noise(known: dict[str, Cost]) -> None:
    found = first_look._look(PLAN.runs[0], 8, len(PLAN.runs))
    assert found is not None
    machine, rate = found
    assert rate > 1
    assert machine.workers >= 1


def test_what_is_too_large_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_look, "_look", lambda *_: pytest.fail("tried"))
    for flops in (10**12, None):
        dear: dict[str, Cost] = dict.fromkeys(PLAN.names, (1, 1, flops))
        assert time_left_or_looked_at(PLAN, None, dear) is None


def test_large_networks_are_tried_with_few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = []
    monkeypatch.setattr(first_look, "_look", lambda _, batch, __: batches.append(batch))
    for flops in (10**6, 10**9, 10**10):
        time_left_or_looked_at(PLAN, None, dict.fromkeys(PLAN.names, (1, 1, flops)))
    assert batches == [PLAN.runs[0].recipe.batch_size, 6, 2]


def test_the_stores_own_rates_come_first(tmp_path: Path, known: dict[str, Cost]) -> None:
    store = open_store(tmp_path / "runs")
    name = identity(STUDY.rungs[0].recipe, STUDY.data)
    keep_speeds(HERE, Rates({name: 10.0}, {name: 1000}))
    rough = whole_time_left(PLAN, store, known)
    store.index.keep_rate(name, HERE.name, 500.0)
    exact = whole_time_left(PLAN, store, known)
    assert rough is not None
    assert exact is not None
    assert (rough.rough, exact.rough) == (True, False)
    assert "roughly" in str(rough)
    assert "roughly" not in str(exact)
    assert exact.seconds < rough.seconds


def test_a_range_is_said() -> None:
    said = str(TimeLeft(3600.0, HERE, rough=True))
    assert said.startswith("Time left: roughly 30 min to 2 h 00 min on a processor, 2 workers")
    nothing = str(TimeLeft(0.1, HERE, rough=True))
    assert nothing.startswith("Time left: roughly a second of training or less on a processor")


@pytest.mark.parametrize(
    "damage",
    [
        lambda plain: [],
        lambda plain: dict.fromkeys(plain, 3),
        lambda plain: {key: {"x": {}} for key in plain},
        lambda plain: {key: {HERE.name: {"a": [1]}} for key in plain},
        lambda plain: {key: {HERE.name: {"a": [1.0, -1]}} for key in plain},
        lambda plain: {"another machine, 2 cores": plain.popitem()[1]},
    ],
)
def test_damaged_speeds_and_those_of_others_are_not_believed(
    damage: object, cache: Path, known: dict[str, Cost]
) -> None:
    name = identity(STUDY.rungs[0].recipe, STUDY.data)
    keep_speeds(HERE, Rates({name: 10.0}, {name: 1000}))
    (path,) = (cache / "rungs" / "speeds").iterdir()
    plain = json.loads(path.read_text(encoding="utf-8"))
    assert callable(damage)
    path.write_text(json.dumps(damage(plain)), encoding="utf-8")
    assert whole_time_left(PLAN, None, known) is None
    keep_speeds(HERE, Rates({name: 10.0}, {name: 1000}))
    assert whole_time_left(PLAN, None, known) is not None


def test_plan_says_hours_and_json_that_they_are_rough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_look, "_look", lambda *_: (HERE, 100.0))
    where = ["plan", "quickstart", "--store", str(tmp_path / "runs")]
    said = CliRunner().invoke(app, where).stdout
    assert "Time left: roughly" in said
    plain = json.loads(CliRunner().invoke(app, [*where, "--json"]).stdout)
    assert plain["seconds_left_are_rough"] is True
    assert plain["seconds_left"] > 0
    assert plain["machine"]["processor"] == "a processor"


def test_where_nothing_can_be_tried_the_way_to_measure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_look, "_look", lambda *_: None)
    said = CliRunner().invoke(app, ["plan", "quickstart", "--store", str(tmp_path / "runs")])
    assert "not known" in said.stdout
    assert "`rungs run quickstart --epochs 1` measures it" in said.stdout
