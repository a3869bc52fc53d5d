"""The parts of a bundle, and the final rung without each step."""

from typing import Any

import pytest

from rungs.foundation.errors import RungsError
from rungs.recipe.modifications import apply
from rungs.study import load, parse
from rungs.study.plan import plan
from rungs.study.variants import leave_one_out, removals, split
from tests.studies import edited

LADDER: list[dict[str, Any]] = [
    {"name": "base"},
    {"name": "pooled", "after": "base", "apply": ["global_average_pooling"]},
    {
        "name": "deep",
        "after": "pooled",
        "apply": [
            {"name": "add_layers", "widths": [128]},
            {"name": "dropout", "rates": [0.0, 0.1, 0.2]},
            "residual",
        ],
    },
    {"name": "aside", "after": "pooled", "keep": False, "apply": ["residual"]},
]


def study(rungs: list[dict[str, Any]] = LADDER, final: str = "deep") -> Any:
    plain = edited(("rungs", rungs), ("base", "base"), ("final", final), ("budgets/own", None))
    return parse({**plain, "ensembles": []}, "mine.toml")


def test_a_bundle_is_split_into_its_changes() -> None:
    ladder = study()
    found = split(ladder, "deep")
    assert found.names == ("pooled", "deep", "deep-only-add_layers", "deep-only-residual")
    (left_out,) = found.left_out
    assert left_out.startswith("dropout(rates=[0.0, 0.1, 0.2]) cannot stand alone on pooled")
    parent = ladder.rung("pooled").recipe
    alone = found.study.rung("deep-only-residual")
    assert alone.recipe == apply(parent, "residual", {})
    assert (alone.after, alone.kept, alone.changes) == ("pooled", False, ("residual()",))
    assert found.study.budgets["equal"]["deep-only-residual"] == 4
    assert plan(found.study, only=found.names).rungs[2].rung.name == "deep-only-add_layers"
    assert alone.asked_by == "--unbundle deep"
    assert ladder.rung("deep").asked_by == "study"


def test_names_of_what_is_added_are_nobody_elses() -> None:
    """A bundle may make one modification twice, and a rung may have been tried by hand before."""
    rates = [{"name": "learning_rate", "value": value} for value in (0.002, 0.003)]
    bundle = {"name": "deep", "after": "base", "apply": [*rates, "residual"]}
    by_hand = {"name": "deep-only-residual", "after": "base", "apply": ["global_average_pooling"]}
    left = {"name": "deep-without-residual", "after": "base", "apply": ["depthwise_separable"]}
    ladder = study([LADDER[0], bundle, by_hand, left])
    found = split(ladder, "deep")
    assert found.names[2:] == (
        "deep-only-learning_rate",
        "deep-only-learning_rate-2",
        "deep-only-residual-2",
    )
    second = found.study.rung("deep-only-learning_rate-2")
    assert second.recipe.optimiser.learning_rate == 0.003
    assert "deep-without-residual-2" in leave_one_out(ladder).names
    # Asked again of the longer study, as a report does, they keep their names.
    longer = leave_one_out(ladder).study
    assert [item.variant for item in removals(longer)] == [
        item.variant for item in removals(ladder)
    ]


def test_steps_keep_every_digit() -> None:
    rate = 0.123456789
    steps = [{"name": "learning_rate", "value": rate}, "residual"]
    ladder = study([LADDER[0], {"name": "deep", "after": "base", "apply": steps}])
    found = split(ladder, "deep").study.rung("deep-only-learning_rate")
    assert found.recipe.optimiser.learning_rate == rate


@pytest.mark.parametrize(
    ("name", "message"),
    [("pooled", "not a bundle"), ("base", "not a bundle"), ("depe", "did you mean 'deep'")],
)
def test_what_cannot_be_split(name: str, message: str) -> None:
    with pytest.raises(RungsError, match=message):
        split(study(), name)


def test_each_change_of_the_trunk_is_left_out_alone() -> None:
    ladder = study()
    found = leave_one_out(ladder)
    assert found.names == (
        "deep",
        "deep-without-global_average_pooling",
        "deep-without-dropout",
        "deep-without-residual",
    )
    (needed,) = found.left_out
    assert needed.startswith("add_layers(widths=[128]) of deep is needed by dropout")
    assert [(item.rung, item.variant is None) for item in removals(ladder)] == [
        ("pooled", False),
        ("deep", True),
        ("deep", False),
        ("deep", False),
    ]
    base = ladder.rung("base").recipe
    expected = apply(base, "global_average_pooling", {})
    expected = apply(expected, "add_layers", {"widths": [128]})
    expected = apply(expected, "residual", {})
    assert found.study.rung("deep-without-dropout").recipe == expected
    assert found.study.rung("deep-without-dropout").after == "deep"


def test_what_a_later_change_undoes_is_absorbed() -> None:
    rates = [
        {"name": f"rate{number}", "after": after, "apply": [{"name": "learning_rate", "value": v}]}
        for number, (after, v) in enumerate([("base", 0.002), ("rate0", 0.003)])
    ]
    found = leave_one_out(study([LADDER[0], *rates], final="rate1"))
    assert found.names == ("rate1", "rate1-without-learning_rate")
    assert found.left_out == (
        "learning_rate(rate=0.002) of rate0 is absorbed by learning_rate(rate=0.003) of rate1",
    )


def test_the_built_in_study_without_each_step() -> None:
    found = leave_one_out(load("cifar100"))
    assert "final-without-residual" in found.names
    assert all(plan(found.study, only=found.names).rungs)
    reasons = [item.why for item in removals(load("cifar100")) if item.variant is None]
    assert reasons
    assert all(why.startswith(("absorbed by ", "needed by ")) for why in reasons)
