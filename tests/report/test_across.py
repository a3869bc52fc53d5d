"""Two studies, or one in two stores, rung by rung."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import rungs
from rungs.cli import app
from rungs.data.loading import load as load_data
from rungs.evidence.seal import unseal
from rungs.execution.run_one import keep_labels, run_one
from rungs.store import open_store
from rungs.study import load
from rungs.study.jobs import Job
from rungs.study.plan import plan
from tests.conftest import SETTING
from tests.studies import FIRST, RECORDED

# The same question on the same images, trained with smaller batches, with one rung more.
SECOND = (
    FIRST.replace('name = "first"', 'name = "second"').replace("batch_size = 32", "batch_size = 16")
    + '[[rungs]]\nname = "last"\nafter = "stacked"\napply = ["residual"]\n'
)


def trained(folder: Path, name: str, store: str, *given: str, seeds: int = 2) -> None:
    study = load(folder / name, overrides=given)
    data, opened = load_data(study.data), open_store(folder / store)
    keep_labels(opened, data)
    for spec in plan(study, seeds=seeds).runs:
        if not opened.is_finished(spec.key):
            assert run_one(opened, Job(spec), data, setting=SETTING)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies with two seeds in one store; no seal is broken."""
    folder = tmp_path_factory.mktemp("across")
    (folder / "first.toml").write_text(FIRST, encoding="utf-8")
    (folder / "second.toml").write_text(SECOND, encoding="utf-8")
    trained(folder, "first.toml", "runs")
    trained(folder, "second.toml", "runs")
    return folder


@pytest.fixture
def folder(once: Path, tmp_path: Path) -> Path:
    shutil.copytree(once, tmp_path / "inside")
    return tmp_path / "inside"


def opened(folder: Path, *names: str, store: str = "runs") -> None:
    for name in names:
        unseal(open_store(folder / store), load(folder / name))


def compared(folder: Path, *words: str, code: int = 0) -> str:
    with contextlib.chdir(folder):
        answer = CliRunner().invoke(app, ["compare", *words], env={"COLUMNS": "160"})
    assert answer.exit_code == code, answer.output
    return answer.stdout if code == 0 else answer.stderr


def plain(folder: Path, *words: str) -> Any:
    return json.loads(compared(folder, *words, "--json"))


def test_sealed_studies_are_compared_on_validation(folder: Path) -> None:
    opened(folder, "first.toml")
    found = plain(folder, "first.toml", "second.toml")
    assert found["on"] == "validation"
    assert found["instead"] == "the test set is sealed of second in runs (equal)"
    pairs = {pair["name"]: pair for pair in found["pairs"]}
    assert list(pairs) == ["base", "stacked", "pair", "last"]
    base = pairs["base"]
    assert base["differs"] == ["batch_size 16 -> 32"]
    verdict = base["verdict"]
    assert verdict["n_images"] == 60
    assert verdict["n_seeds"] == [2, 2]
    assert verdict["family"] == 2
    assert verdict["low"] <= verdict["delta"] <= verdict["high"]
    assert pairs["pair"]["why"] == "ensembles are not compared on validation"
    assert pairs["last"]["why"] == "only in second in runs (equal)"
    shown = compared(folder, "first.toml", "second.toml")
    assert "on validation: the test set is sealed of second" in shown
    # To choose by, not to conclude from: there is no word.
    assert "outcome" not in shown
    assert "batch_size 16 -> 32" in shown


def test_open_ones_are_judged_on_test(folder: Path) -> None:
    opened(folder, "first.toml", "second.toml")
    found = plain(folder, "first.toml", "second.toml")
    assert (found["on"], found["instead"]) == ("test", None)
    verdicts = {pair["name"]: pair["verdict"] for pair in found["pairs"]}
    assert {name: verdict and verdict["n_images"] for name, verdict in verdicts.items()} == {
        "base": 40,
        "stacked": 40,
        "pair": 40,
        "last": None,
    }
    assert verdicts["base"]["family"] == 3
    turned = {
        pair["name"]: pair["verdict"]
        for pair in plain(folder, "second.toml", "first.toml")["pairs"]
    }
    assert turned["base"]["delta"] == pytest.approx(-verdicts["base"]["delta"])
    assert "outcome" in compared(folder, "first.toml", "second.toml")


def test_the_figures_are_those_of_one_study_that_has_both(folder: Path) -> None:
    """The same machinery: a study in which one rung stands on the other says the same."""
    smaller = """[[rungs]]
name = "smaller"
after = "base"
apply = [{ name = "batch_size", size = 16, scale_rate = false }]
"""
    both = FIRST.replace('name = "first"', 'name = "both"')
    both = both.replace("[[ensembles]]", f"{smaller}[[ensembles]]")
    (folder / "both.toml").write_text(both, encoding="utf-8")
    opened(folder, "first.toml", "second.toml", "both.toml")
    (known,) = [
        pair["verdict"]
        for pair in plain(folder, "second.toml", "first.toml")["pairs"]
        if pair["name"] == "base"
    ]
    one = json.loads(compared(folder, "both.toml", "smaller", "base", "--seeds", "2", "--json"))
    assert known["delta"] == pytest.approx(one["delta"])
    assert known["n_seeds"] == one["n_seeds"]


def test_an_overridden_study_is_compared_with_its_own_file(folder: Path) -> None:
    trained(folder, "first.toml", "runs", "recipe.batch_size=16")
    found = plain(folder, "first.toml", "-o", "recipe.batch_size=16")
    assert found["first"].startswith("first-o-")
    assert found["second"] == "first in runs (equal)"
    base = found["pairs"][0]
    assert base["differs"] == ["batch_size 32 -> 16"]
    assert base["verdict"]["n_seeds"] == [2, 2]


def test_runs_that_are_the_same_are_not_compared(folder: Path) -> None:
    found = plain(folder, "first.toml", "-o", "margin=0.05")
    assert [pair["why"] for pair in found["pairs"]][:2] == [
        "the same on both sides: 2 runs of 2 and 2"
    ] * 2
    assert "Nothing can be compared." in compared(folder, "first.toml", "-o", "margin=0.05")


def test_one_study_in_two_stores(folder: Path) -> None:
    trained(folder, "first.toml", "others")
    found = plain(folder, "first.toml", "--store", "runs", "--store", "others")
    assert (found["first"], found["second"]) == ("first in runs (equal)", "first in others (equal)")
    base = found["pairs"][0]
    assert base["differs"] == []
    # Trained twice on one machine, bit for bit.
    assert (base["verdict"]["delta"], base["why"]) == (0, None)
    assert "nothing: other seeds, or trained again" in compared(
        folder, "first.toml", "--store", "runs", "--store", "others"
    )


def test_other_images_are_told(folder: Path) -> None:
    trained(folder, "first.toml", "runs", "data.test=44", seeds=1)
    found = plain(folder, "first.toml", "-o", "data.test=44")
    assert all(pair["verdict"] is None for pair in found["pairs"])
    assert found["pairs"][0]["why"].startswith("other images: synthetic shapes")


def test_what_is_not_finished_is_told(folder: Path) -> None:
    found = plain(folder, "first.toml", "-o", "recipe.batch_size=8")
    assert found["pairs"][0]["why"].startswith("not finished in first-o-")


def test_recipes_find_each_other_under_other_names(folder: Path) -> None:
    renamed = SECOND.replace('"base"', '"root"').replace('name = "second"', 'name = "third"')
    (folder / "third.toml").write_text(renamed, encoding="utf-8")
    opened(folder, "first.toml")
    found = plain(folder, "third.toml", "second.toml")
    assert ("root", "base") in [(pair["name"], pair["against"]) for pair in found["pairs"]]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["first.toml"], 2, "both are the runs of first in runs"),
        (["first.toml", "base"], 2, "'base' is of study 'first': name what it is compared with"),
        (["first.toml", "second.toml", "--ablate"], 2, "--unbundle, --ablate and --archive are of"),
        (["first.toml", "a", "b", "--store", "x", "--store", "y"], 2, "--store is given twice"),
        (["first.toml", "nothing.toml"], 1, "there is no such file"),
        (["first.toml", "--store", "runs", "--store", "nowhere"], 1, "there is no store"),
    ],
)
def test_what_makes_no_comparison_is_refused(
    folder: Path, words: list[str], code: int, message: str
) -> None:
    assert message in compared(folder, *words, code=code)


def test_recorded_runs_are_told_apart_by_their_answers(tmp_path: Path) -> None:
    """Their keys are the same whatever they answer, and they need no curve."""
    file = tmp_path / "mine.toml"
    file.write_text(RECORDED, encoding="utf-8")
    images = rungs.load_data(file)
    chance = np.random.default_rng(0)
    for store, right in (("one", 0.5), ("two", 0.9)):
        for rung in ("base", "larger"):
            for seed in range(2):
                labels = images.validation.labels.numpy()
                wrong = chance.random(len(labels)) > right
                rungs.record(
                    file,
                    rung,
                    seed=seed,
                    predictions=chance.integers(0, 4, 80),
                    validation=np.where(wrong, (labels + 1) % 4, labels),
                    store=tmp_path / store,
                )
    found = plain(tmp_path, "mine.toml", "mine.toml", "--store", "two", "--store", "one")
    assert [pair["why"] for pair in found["pairs"]] == [None, None]
    assert all(pair["verdict"]["delta"] > 0.2 for pair in found["pairs"])
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    same = plain(tmp_path, "mine.toml", "mine.toml", "--store", "one", "--store", "copy")
    assert all(pair["why"].startswith("the same on both sides: 2 runs") for pair in same["pairs"])
