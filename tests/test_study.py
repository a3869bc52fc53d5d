"""Study files: the built-in ones, and every mistake of a file in one error."""

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rungs.errors import RungsError, StudyError
from rungs.plan import plan
from rungs.study import builtin_names, load, parse, value_at

GOOD: dict[str, Any] = tomllib.loads(
    """
name = "mine"
base = "first"
final = "second"
[data]
kind = "synthetic"
[budgets]
equal = 4
own = { first = 2, second = 4 }
[[rungs]]
name = "first"
[[rungs]]
name = "second"
after = "first"
apply = ["residual", { name = "dropout", rates = [0.1, 0.2] }]
[[ensembles]]
name = "five"
rung = "second"
cycles = 2
alpha0 = 0.001
"""
)


def mistakes(plain: dict[str, Any]) -> list[str]:
    with pytest.raises(StudyError) as caught:
        parse(plain, "mine.toml")
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.mark.parametrize("name", builtin_names())
def test_builtin_studies_load(name: str) -> None:
    study = load(name)
    assert study.name == name
    assert study.rung(study.base).after is None


def test_cifar100_is_the_reports_ladder() -> None:
    study = load("cifar100")
    assert {rung.name: rung.after for rung in study.rungs} == {
        "base": None,
        "base_fast": "base",
        "pooling": "base",
        "stacked": "pooling",
        "third": "stacked",
        "residual": "third",
        "augmented": "residual",
        "turned": "residual",
        "separable": "augmented",
        "final": "augmented",
    }
    assert [rung.name for rung in study.rungs if not rung.kept] == [
        "base_fast",
        "turned",
        "separable",
    ]
    assert study.data.sizes == {"train": 45_000, "validation": 5_000, "test": 10_000}
    final = study.rung("final").recipe
    assert final.network.widths == (32, 64, 128, 256, 512)
    assert final.network.dropout == (0.0, 0.15, 0.2, 0.25, 0.25)
    assert final.network.activation.kind == "elu"
    assert final.transforms[0].rotation == 0.2
    assert final.batch_size == 128


def test_budgets_of_cifar100() -> None:
    study = load("cifar100")
    assert {item.epochs for item in plan(study).rungs} == {15}
    own = {item.rung.name: item.epochs for item in plan(study, budget="own").rungs}
    assert [own[name] for name in ("base", "pooling", "stacked", "third", "residual")] == [
        15,
        15,
        50,
        50,
        50,
    ]
    assert [own[name] for name in ("augmented", "separable", "final")] == [150, 50, 50]


def test_ensemble_is_one_run_of_the_same_budget() -> None:
    wanted = plan(load("cifar100"))
    (ensemble,) = wanted.ensembles
    (run,) = ensemble.runs
    final = wanted.rung("final")
    assert final is not None
    assert run.epochs == final.epochs
    assert run.recipe.network == final.rung.recipe.network
    assert run.recipe.schedule.kind == "cosine_cycles"


def test_good_file_is_parsed() -> None:
    study = parse(GOOD, "mine.toml")
    assert study.epochs("second", "own") == 4
    assert study.rung("second").changes == ("residual()", "dropout(rates=[0.1, 0.2])")
    assert [item.place for item in study.rung("second").difference] == [
        "network.block.residual",
        "network.dropout",
    ]


def edited(path: str, value: Any) -> dict[str, Any]:
    """GOOD with one place set; a value of ``None`` deletes it."""
    plain = copy.deepcopy(GOOD)
    here: Any = plain
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    for part in parents:
        here = here[part]
    if value is None:
        del here[last]
    else:
        here[last] = value
    return plain


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("seeeds", 3, "seeeds: unknown key"),
        ("name", None, "name: is needed, but missing"),
        ("seeds", "two", "seeds: "),
        ("seeds", 0, "seeds: "),
        ("rungs", [], "rungs: "),
        ("budget", "equall", "budget: there is no budget 'equall'; did you mean 'equal'?"),
        ("budgets/own", {"first": 2}, "budgets.own: no epochs for rung 'second'"),
        ("budgets/own/third", 3, "budgets.own.third: there is no rung 'third'"),
        ("budgets/equal", 0, "budgets.equal"),
        ("base", "frist", "base: there is no rung 'frist'; did you mean 'first'?"),
        ("rungs/1/after", "zero", "rungs[1].after: there is no rung 'zero'"),
        ("rungs/0/after", "second", "rungs[0].after: 'second' must stand before 'first'"),
        ("rungs/1/name", "first", "rungs[1].name: a second rung is called 'first'"),
        ("rungs/1/apply", [], "rungs[1]: rung 'second' changes nothing"),
        (
            "rungs/1/apply/0",
            "residal",
            "rungs[1].apply[0]: there is no modification 'residal'; did",
        ),
        (
            "rungs/1/apply/1/rates",
            [0.1, 2],
            "rungs[1].apply[1].rates[1]: Input should be less than",
        ),
        ("rungs/1/apply/1/rate", [0.1], "rungs[1].apply[1].rate: unknown parameter; did you mean"),
        ("rungs/1/apply/1/rates", [0.1], "rungs[1].apply[1]: dropout: one rate per layer"),
        ("rungs/1/apply", ["residual", "residual"], "rungs[1].apply[1]: residual changes nothing"),
        ("recipe", {"batch_size": -1}, "recipe.batch_size: "),
        ("recipe", {"network": {"width": [3]}}, "recipe.network.width: "),
        ("ensembles/0/cycles", 7, "ensembles[0].cycles: in budget 'equal': 4 epochs cannot be"),
        ("ensembles/0/rung", "x", "ensembles[0].rung: there is no rung 'x'"),
        ("data/kind", "cifar", "data"),
        ("data/classes", 1, "data.classes: "),
    ],
)
def test_a_mistake_is_named_with_its_place(path: str, value: Any, expected: str) -> None:
    found = mistakes(edited(path, value))
    assert any(item.startswith(expected) for item in found), found


def test_all_mistakes_come_at_once() -> None:
    plain = edited("rungs/1/apply/1/rates", [0.1, 2])
    plain["base"] = "nobody"
    plain["budget"] = "none"
    assert len(mistakes(plain)) >= 3


def test_missing_file_lists_the_builtin_studies(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="built-in studies are cifar100"):
        load(str(tmp_path / "none.toml"))


def test_what_is_not_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("name = [", encoding="utf-8")
    with pytest.raises(StudyError, match="not TOML"):
        load(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match="cannot be read"):
        load(path)


def test_values_of_fields_by_path() -> None:
    recipe = load("cifar100").rung("final").recipe
    assert value_at(recipe, "transforms[0].zoom") == 0.1
    assert value_at(recipe, "network.block.depth") == 2
    for missing in ("network.depth", "transforms[3].zoom", "batch_size.x", "transforms[x]"):
        with pytest.raises(KeyError):
            value_at(recipe, missing)


def test_plan_limits_and_lengths() -> None:
    study = parse(GOOD, "mine.toml")
    assert [run.epochs for run in plan(study, epochs=8, only=("second",)).runs] == [8]
    assert len(plan(study, seeds=3).runs) == 9
    with pytest.raises(RungsError, match="did you mean 'second'"):
        plan(study, only=("secnd",))
    with pytest.raises(RungsError, match="no budget 'owwn'; did you mean 'own'"):
        plan(study, budget="owwn")


def test_an_ensemble_whose_cycles_do_not_fit_is_left_out_and_said_so() -> None:
    wanted = plan(parse(GOOD, "mine.toml"), epochs=3)
    assert wanted.ensembles == ()
    assert wanted.left_out == (
        "five is left out: 3 epochs cannot be split into 2 cycles of whole epochs",
    )
