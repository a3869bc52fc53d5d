"""Changes that are tried from the command line."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from rungs.foundation.errors import RecipeError, RungsError
from rungs.recipe.calls import parse_change
from rungs.recipe.modifications import apply
from rungs.recipe.modifications.registry import Modification, catalogue
from rungs.study import load
from rungs.study.plan import plan
from rungs.study.trial import with_trial


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("residual", ("residual", {})),
        ("residual()", ("residual", {})),
        (" label_smoothing(0.1) ", ("label_smoothing", {"amount": 0.1})),
        ("label_smoothing(amount=0.1)", ("label_smoothing", {"amount": 0.1})),
        ("dropout([0.0, 0.1])", ("dropout", {"rates": [0.0, 0.1]})),
        ("activation(relu)", ("activation", {"to": {"kind": "relu"}})),
        ("activation(elu(alpha=0.5))", ("activation", {"to": {"kind": "elu", "alpha": 0.5}})),
    ],
)
def test_calls_are_read(text: str, expected: tuple[str, dict[str, object]]) -> None:
    assert parse_change(text) == expected


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)
def test_every_modification_can_be_written_as_a_call(entry: Modification) -> None:
    """As the study file writes it, in JSON types."""
    plain = TypeAdapter(dict[str, Any]).dump_python(dict(entry.example), mode="json")

    def written(value: Any) -> str:
        if not isinstance(value, dict):
            return repr(value)
        rest = ", ".join(f"{key}={written(item)}" for key, item in value.items() if key != "kind")
        return f"{value['kind']}({rest})"

    given = ", ".join(f"{name}={written(value)}" for name, value in plain.items())
    assert parse_change(f"{entry.name}({given})") == (entry.name, plain)
    assert entry.parse(plain) == entry.parse(entry.example)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a change is a call"),
        ("residual(", "a change is a call"),
        ("residual; dropout", "a change is a call"),
        ("a.b()", "a change is a call"),
        ("__import__('os').system('true')", "a change is a call"),
        ("dropout(open('x'))", "a change is a call"),
        ("dropout(**{'rates': 1})", "a change is a call"),
        ("(" * 5000 + ")" * 5000, "a change is a call"),
        ("label_smothing(0.1)", "did you mean 'label_smoothing'"),
        ("label_smoothing(0.1, 0.2)", "takes 1 values, found 2"),
        ("label_smoothing(0.1, amount=0.2)", "'amount' is given twice"),
    ],
)
def test_anything_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_change(text)


def test_a_trial_is_one_more_rung_that_is_not_kept() -> None:
    study = load("cifar100")
    longer, name = with_trial(study, "stacked", ["label_smoothing(0.1)", "residual"])
    rung = longer.rung(name)
    parent = study.rung("stacked")
    expected = apply(parent.recipe, "label_smoothing", {"amount": 0.1})
    assert rung.recipe == apply(expected, "residual", {})
    assert (rung.after, rung.kept) == ("stacked", False)
    assert longer.rungs[:-1] == study.rungs
    for budget in study.budgets:
        assert longer.epochs(name, budget) == study.epochs("stacked", budget)
    wanted = plan(longer, only=("stacked", name))
    assert [item.rung.name for item in wanted.rungs] == ["stacked", name]


def test_a_trial_of_a_trial_study_gets_a_name_of_its_own() -> None:
    study, first = with_trial(load("quickstart"), "base", ["label_smoothing(0.1)"])
    _, second = with_trial(study, first, ["label_smoothing(0.2)"])
    assert first != second


def test_wrong_trials_are_refused() -> None:
    study = load("quickstart")
    with pytest.raises(RungsError, match="has no rung 'bse'; did you mean 'base'"):
        with_trial(study, "bse", ["residual"])
    with pytest.raises(RecipeError) as refused:
        with_trial(study, "bse", ["label_smoothing(1.5)", "residul", "dropout(rate=0.1)"])
    assert str(refused.value).splitlines() == [
        "study 'quickstart' has no rung 'bse'; did you mean 'base'?",
        "label_smoothing(1.5): amount: expected a number below 1, found 1.5",
        "there is no modification 'residul'; did you mean 'residual'?",
        "dropout(rate=0.1): rate: unknown parameter; did you mean 'rates'?",
    ]
    with pytest.raises(RecipeError, match=r"label_smoothing\(0.0\): .* changes nothing"):
        with_trial(study, "base", ["label_smoothing(0.0)"])
    with pytest.raises(RecipeError, match="undo each other"):
        with_trial(study, "base", ["label_smoothing(0.1)", "label_smoothing(0.0)"])
