"""Studies: the built-in ones, folding, and plans. For their mistakes see the other test files."""

import re
from dataclasses import replace

import pytest

from rungs.foundation.errors import RecipeError, RungsError
from rungs.study import builtin_names, load, parse, value_at
from rungs.study.cautions import cautions
from rungs.study.plan import plan
from tests.studies import GOOD


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
    assert value_at(final, "network.widths") == (32, 64, 128, 256, 512)
    assert value_at(final, "network.dropout") == (0.0, 0.15, 0.2, 0.25, 0.25)
    assert value_at(final, "network.activation.kind") == "elu"
    assert value_at(final, "transforms[0].rotation") == 0.2
    assert final.batch_size == 128


def test_budgets_of_cifar100() -> None:
    study = load("cifar100")
    assert {item.epochs for item in plan(study).rungs} == {15}
    assert plan(study, budget="own").budget_with_epochs == "budget own (15 to 150 epochs)"
    assert plan(study, epochs=7, only=("final",)).budget_with_epochs == "7 epochs"
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
    run, *others = ensemble.runs
    assert {run, *others} == {replace(run, seed=seed) for seed in range(3)}
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


def test_values_of_fields_by_path() -> None:
    recipe = load("cifar100").rung("final").recipe
    assert value_at(recipe, "transforms[0].zoom") == 0.1
    assert value_at(recipe, "network.block.depth") == 2


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("network.actvation", "network has no field 'actvation'; did you mean 'activation'?"),
        ("transforms[3].zoom", "transforms has 1 items, counted from 0"),
        ("transforms[-1].zoom", "transforms has no field '[-1]'"),
        ("batch_size.x", "batch_size has no field 'x'"),
        ("network.__class__", "network has no field '__class__'; known are 'kind', 'widths', "),
        ("", "a recipe has no field ''; known are 'network', 'transforms', "),
    ],
)
def test_a_field_that_is_not_there(place: str, message: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)):
        value_at(load("cifar100").rung("final").recipe, place)


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


@pytest.mark.parametrize("word", ["keep", "momentum"])
def test_moving_statistics_of_which_little_is_kept_are_warned_of(word: str) -> None:
    def said(value: float) -> tuple[str, ...]:
        network = {"normalisation": {"kind": "batch_norm", word: value}}
        found = cautions(parse({**GOOD, "recipe": {"network": network}}, "x"), None, strict=True)
        return tuple(line for line in found if "keep" in line)

    assert said(0.1) == (
        "Warning: first, second: batch_norm with keep = 0.1 forgets most of its moving statistics "
        "at each update, which looks like torch's momentum; keep = 1 - momentum: write keep = 0.9 "
        "if that is meant.",
    )
    assert said(0.5) == ()
