"""What planned seeds can show of each comparison, and what that costs."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rungs.cli import app
from rungs.evidence.on_validation import answered
from rungs.report.figures.reach import Reaches
from rungs.report.gather.reach import reaches
from rungs.report.show.section import Section
from rungs.report.show.tables.reach import reach_section
from rungs.statistics.levels import ALPHA, POWER
from rungs.statistics.power import components, detectable, planned, seeds_for
from rungs.store import Store, open_store
from rungs.study.costs import costs
from rungs.study.estimate import Machine, identity
from rungs.study.jobs import with_finished_seeds
from rungs.study.plan import Plan, plan
from tests.rounds import IMAGES, TOML, adaptive, go_on, train, whole

# Two runs side by side, each of which takes so long: seconds.
MACHINE = Machine("cpu", "abacus", 2, 1)
RUN = 60.0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = open_store(tmp_path_factory.mktemp("reach"))
    go_on(store, whole())
    keep_rates(store)
    return store


def keep_rates(store: Store) -> None:
    for item in whole().rungs:
        (spec, *_) = item.runs
        rate = spec.epochs * spec.data.sizes["train"] / RUN
        store.index.keep_rate(identity(spec.recipe, spec.data), MACHINE.name, rate)


def found(store: Store, asked: Plan) -> Reaches:
    found = reaches(asked, with_finished_seeds(asked, store), store, costs(asked.study, store))
    assert found is not None
    return found


def test_each_comparison_shows_what_its_seeds_can(store: Store) -> None:
    answers = answered(with_finished_seeds(whole(), store), store)
    pairs = [("large", "base"), ("small", "base"), ("none", "small")]
    parts = components([(answers[a].correct, answers[b].correct) for a, b in pairs])
    assert parts is not None

    def shows(seeds: int) -> float:
        truth = planned(0.0, parts, seeds=seeds, images=IMAGES, recipes=4)
        return detectable(truth, ALPHA / 3, ALPHA, POWER)

    data = found(store, whole(adaptive(margin=0.1)))
    assert [(item.rung, item.against) for item in data.comparisons] == pairs
    needed = seeds_for(0.1, parts, images=IMAGES, recipes=4, family=3, alpha=ALPHA, wanted=POWER)
    assert needed is not None
    for item in data.comparisons:
        assert item.planned.seeds == 2
        assert item.planned.shows == pytest.approx(shows(2))
        # Four runs, two at a time.
        assert item.planned.seconds == pytest.approx(2 * RUN)
        assert item.most is not None
        assert item.most.seeds == 8
        assert item.most.shows == pytest.approx(shows(8))
        assert shows(8) < shows(2)
        assert item.most.seconds == pytest.approx(8 * RUN)
        assert (item.margin.seeds, item.margin.shows) == (needed, 0.1)
        assert item.margin.seconds == pytest.approx(needed * RUN)
    assert data.start == pytest.approx(4 * RUN)
    assert data.all_of_most == pytest.approx(16 * RUN)


def test_a_fixed_number_of_seeds_goes_no_further(store: Store) -> None:
    data = found(store, plan(adaptive(), seeds=3))
    assert {item.planned.seeds for item in data.comparisons} == {3}
    assert all(item.most is None for item in data.comparisons)
    assert (data.start, data.all_of_most) == (None, None)
    # One point is beyond so few images, with any number of seeds.
    assert all(item.known and item.margin.seeds is None for item in data.comparisons)
    section = reach_section(data)
    assert "none: with 400 test images, no number of seeds shows that." in section.lines
    assert "seeds at most" not in section.columns


def test_without_two_seeds_it_says_what_is_missing(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    train(store, plan(adaptive(), seeds=1))
    data = found(store, whole())
    assert not any(item.known for item in data.comparisons)
    assert data.machine == ""
    assert reach_section(data) == Section("What these seeds can show")  # which is left out
    keep_rates(store)
    section = reach_section(found(store, whole()))
    assert any("not known yet" in line for line in section.lines)
    assert section.columns == ("rung", "against", "seeds", "time", "seeds at most", "time at most")


def test_plan_prints_it(store: Store, tmp_path: Path) -> None:
    study = tmp_path / "rounds.toml"
    study.write_text(TOML, encoding="utf-8")

    def asked(*options: str) -> str:
        where = [str(study), "--store", str(store.root)]
        answer = CliRunner().invoke(app, ["plan", *where, *options], env={"COLUMNS": "200"})
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    text = asked()
    assert "What these seeds can show" in text
    assert "All rungs together take 4 min for the start, and 16 min if everything" in text
    plain: dict[str, Any] = json.loads(asked("--json"))["reach"]
    assert plain["start"] == pytest.approx(4 * RUN)
    assert [item["most"]["seeds"] for item in plain["comparisons"]] == [8, 8, 8]
    # Of a single seed nothing can be shown, however many are finished.
    (first, *_) = json.loads(asked("--seeds", "1", "--json"))["reach"]["comparisons"]
    assert (first["planned"]["seeds"], first["planned"]["shows"]) == (1, None)
    assert first["known"]
    # Of another length, it is known what it takes.
    (first, *_) = json.loads(asked("--epochs", "9", "--json"))["reach"]["comparisons"]
    assert (first["planned"]["shows"], first["known"]) == (None, False)
    assert first["planned"]["seconds"] == pytest.approx(3 * 2 * RUN)
