"""A study done in rounds of seeds: what is trained, what fits into a time, and what is told."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from rungs.execution import rounds as module
from rungs.execution.rounds import Trained, train_study
from rungs.foundation.errors import UsageError
from rungs.store import Store, open_store
from rungs.study.jobs import missing
from rungs.study.plan import Plan, plan
from rungs.study.rounds import read_rounds
from tests import rounds as made_up
from tests.rounds import adaptive, counts, go_on, whole

# What a run takes, by the clock of the tests: seconds.
RUN = 10.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture
def study(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Trained, list[Mapping[str, int]]]]:
    """Does a plan with runs that are made up, each as long as estimated; tells what was done."""
    now = 0.0

    def do(
        wanted: Plan, of: Plan | None = None, lose: int | None = None, **options: Any
    ) -> tuple[Trained, list[Mapping[str, int]]]:
        done: list[Mapping[str, int]] = []

        def trained(part: Plan, *_: object, warned_before: bool = False, **__: object) -> list[str]:
            nonlocal now
            # The study's warnings are for its first round, however many follow.
            assert warned_before == bool(done)
            if lose == len(done):
                return ["a run was lost"]
            now += RUN * len(missing(part, store))
            made_up.train(store, part)
            done.append(counts(part))
            return []

        def estimated(part: Plan, *_: object) -> tuple[float, None]:
            return RUN * len(missing(part, store)), None

        monkeypatch.setattr(module, "train", trained)
        monkeypatch.setattr(module, "time_left", estimated)
        settings: dict[str, Any] = {"device": "cpu", "workers": 1, "data_dir": None}
        settings |= {"quiet": False, "as_json": False, "within": None} | options
        found = train_study(
            wanted, of or wanted, store, on_done=lambda: None, clock=lambda: now, **settings
        )
        return found, done

    return do


Do = Callable[..., tuple[Trained, list[Mapping[str, int]]]]


def test_rounds_follow_each_other_until_nothing_is_open(
    study: Do, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, done = study(whole())
    expected = go_on(open_store(tmp_path / "other"), whole())
    assert done == [one.seeds for one in expected]
    assert counts(found.plan) == expected[-1].seeds
    assert not missing(found.plan, store)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(expected)
    assert said[0].startswith("after 2 seeds, on validation: 1 settled (large); 2 open (small, n")
    assert said[0].endswith("[8 runs, 4 min of training]")
    # Again, there is nothing to be done and nothing new to be told.
    again, done = study(whole())
    assert (again, done) == (found, [expected[-1].seeds])
    assert capsys.readouterr().out == ""


def test_no_round_is_begun_that_would_not_end_in_time(
    study: Do, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    # Eight runs of the start take 80 s, the next round's three 30 s, the one after it is too long.
    found, done = study(whole(), within=120.0)
    assert [one["small"] for one in done] == [2, 3]
    said = capsys.readouterr().out.splitlines()
    assert said[0] == (
        "the first 2 seeds of every rung are trained in any case (about 1 min); "
        "more only as far as they fit into 2 min"
    )
    rounds = read_rounds(store.root, whole())
    (*_, last) = rounds
    open_now = [item.rung for item in last.of("open")]
    assert open_now
    assert said[-1].startswith("no more seeds: the next round takes about ")
    assert f"{len(open_now)} comparison" in said[-1]
    for line, name in zip(found.left_open, open_now, strict=True):
        assert line.startswith(f"open on validation: {name} against ")
        assert "; 5 seeds of both take 4 runs, about 40 s; 8 seeds, about 2 min" in line
    # With more time it goes on there.
    found, done = study(whole(), within=1000.0)
    assert done[0]["small"] == 5


def test_the_start_is_trained_however_long_it_takes(study: Do) -> None:
    found, done = study(whole(), within=1.0)
    assert done == [dict.fromkeys(counts(whole()), 2)]
    assert found.left_open


def test_a_part_of_the_ladder_has_the_seeds_that_the_whole_decides(
    study: Do, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    part = plan(adaptive(), only=("small",))
    found, done = study(part, whole())
    assert done == [{"small": 2}]  # the others are not done: nothing is decided
    assert read_rounds(store.root, whole()) == ()
    assert "has those of the round: 6 runs of others are missing" in capsys.readouterr().out
    found, _ = study(whole())
    assert counts(study(part, whole())[0].plan)["small"] == counts(found.plan)["small"] > 2


def test_nothing_is_decided_where_runs_were_lost(study: Do, store: Store) -> None:
    found, _ = study(whole(), lose=1)
    assert found.lost == ["a run was lost"]
    assert [one.number for one in read_rounds(store.root, whole())] == [2]


def test_a_fixed_number_of_seeds_is_one_round(study: Do) -> None:
    found, done = study(plan(adaptive(), seeds=3))
    assert done == [dict.fromkeys(counts(whole()), 3)]
    assert found.left_open == ()
    with pytest.raises(UsageError, match="--seeds auto"):
        study(plan(adaptive(), seeds=3), within=100.0)


def test_rounds_are_told_as_json_and_to_nobody(
    study: Do, capsys: pytest.CaptureFixture[str]
) -> None:
    study(whole(), as_json=True, within=100.0)
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["say", "round", "say"]
    assert events[1]["decisions"][0]["state"] == "settled"
    study(whole(), quiet=True)
    assert capsys.readouterr().out == ""
