"""Seeds where they decide, as reports, states and plans show them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rungs.cli import app
from rungs.evidence.rounds import decide
from rungs.evidence.seal import open_at_end
from rungs.report.figures.whole import ReportData
from rungs.report.gather.gathering import build
from rungs.report.show.commands import commands
from rungs.report.show.rendering import render
from rungs.store import Store, open_store
from rungs.study.jobs import with_finished_seeds
from rungs.study.plan import plan
from tests.rounds import TOML, adaptive, go_on, train, whole

COSTS = dict.fromkeys(("base", "large", "small", "none"), (1, 1, 1))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = open_store(tmp_path_factory.mktemp("rounds"))
    go_on(store, whole())
    assert open_at_end(store, adaptive()) == 0
    return store


def gathered(store: Store, **asked: Any) -> ReportData:
    wanted = plan(adaptive(), **asked)
    wanted = wanted if "seeds" in asked else with_finished_seeds(wanted, store)
    return build(wanted, store, with_test=True, environment={}, costs=COSTS)


def test_every_rung_has_its_own_number_of_seeds(store: Store) -> None:
    data = gathered(store)
    found = {rung.name: len(rung.seeds) for rung in data.rungs}
    assert found == {rung.name: rung.planned_seeds for rung in data.rungs}
    assert found["large"] == 2 < found["small"]
    verdicts = {rung.name: rung.verdict for rung in data.rungs if rung.verdict}
    assert verdicts["large"].n_seeds == (2, found["base"])
    assert verdicts["large"].outcome == "helps"
    # Nothing is missing: so many were asked for.
    assert not any("missing" in mark for item in verdicts.values() for mark in item.caveats)


def test_the_report_says_what_was_decided_when(store: Store) -> None:
    data = gathered(store)
    assert data.rounds is not None
    text = render(data, "text", width=160)
    table = text.split("Seeds where they decide\n")[1].strip().split("\n\n")[0].splitlines()
    assert table[0].split()[:3] == ["seeds", "runs", "training"]
    assert [line.split()[0] for line in table[2:]] == [str(one.seeds) for one in data.rounds.rounds]
    assert "large (+" in table[2]
    plain = json.loads(render(data, "json"))["rounds"]
    assert plain["rounds"][0]["closed"][0]["rung"] == "large"
    assert plain["runs"] == sum(len(rung.seeds) for rung in data.rungs)
    assert (plain["start"], plain["most"], plain["following"]) == (2, 8, None)
    assert " --seeds auto" in commands(data)[0][1]
    page = render(data, "html")
    folded = page.split('<details class="part" id="rounds">')[1].split("</details>")[0]
    assert "Seeds where they decide" in folded
    assert f"n&nbsp;=&nbsp;2 to {data.most_seeds} seeds" in page


def test_of_a_number_of_seeds_there_are_no_rounds(store: Store) -> None:
    data = gathered(store, seeds=2)
    assert data.rounds is None
    assert data.most_seeds == 2
    assert json.loads(render(data, "json"))["rounds"] is None
    assert 'id="rounds"' not in render(data, "html")
    assert "--seeds 2" in commands(data)[0][1]


def test_plan_and_status_show_the_round_that_is_under_way(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    study = tmp_path / "rounds.toml"
    study.write_text(TOML, encoding="utf-8")
    train(store, whole())

    def asked(*arguments: str) -> str:
        answer = CliRunner().invoke(app, [*arguments], env={"COLUMNS": "160"})
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    where = [str(study), "--store", str(store.root)]
    assert "Under way: the round of 2 seeds, 0 runs to do." in asked("plan", *where)
    decide(whole(), store)
    for command in ("plan", "status"):
        assert "Under way: the round of 3 seeds, 3 runs to do." in asked(command, *where)
        plain = json.loads(asked(command, *where, "--json"))["rounds"]
        assert (plain["following"], plain["to_do"]) == (3, 3)
        assert json.loads(asked(command, *where, "--seeds", "1", "--json"))["rounds"] is None
    refused = CliRunner().invoke(app, ["unseal", *where])
    assert refused.exit_code == 1
    assert "3 runs of the round of seeds that is under way are not finished" in refused.stderr
