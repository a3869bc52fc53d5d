"""Claims: relations, tolerances, and what is not run."""

from typing import Any

import numpy as np
import pytest

from rungs.evidence.claims import evaluate, show, weighed
from rungs.foundation.errors import StudyError
from rungs.statistics.verdicts import Evidence, judge
from rungs.study import Claim, Quantity, load, parse


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ({"measure": "gap"}, ["rung: is needed for measure 'gap', but missing"]),
        ({"measure": "images"}, ["part: is needed for measure 'images', but missing"]),
        (
            {"measure": "ensemble_gain", "rung": "a"},
            [
                "rung: measure 'ensemble_gain' has no 'rung', only 'ensemble'",
                "ensemble: is needed for measure 'ensemble_gain', but missing",
            ],
        ),
        (
            {"measure": "gap", "rung": "a", "part": "test"},
            ["part: measure 'gap' has no 'part', only 'rung'"],
        ),
    ],
)
def test_a_quantity_names_what_is_measured(quantity: dict[str, str], expected: list[str]) -> None:
    """Else its claim would stay "not run" for ever, without a word."""
    plain = {
        "name": "s",
        "base": "a",
        "final": "a",
        "data": {"kind": "synthetic"},
        "budgets": {"equal": 1},
        "rungs": [{"name": "a"}],
        "claims": [{"text": "t", "quantity": quantity, "relation": "measured"}],
    }
    with pytest.raises(StudyError) as caught:
        parse(plain, "s.toml")
    found = [str(mistake) for mistake in caught.value.mistakes]
    assert found == [f"claims[0].quantity.{line}" for line in expected]


def claim(**fields: Any) -> Claim:
    plain = {"text": "t", "quantity": {"measure": "test_accuracy", "rung": "a"}, **fields}
    return Claim.model_validate(plain)


def measure(quantity: Quantity, budget: str | None) -> float | None:
    assert budget in (None, "own")
    return {"a": 0.41, "b": 0.39}.get(quantity.rung or "")


B = {"measure": "test_accuracy", "rung": "b"}
MISSING = {"measure": "test_accuracy", "rung": "c"}


@pytest.mark.parametrize(
    ("fields", "status", "measured"),
    [
        ({"relation": "about", "value": 0.39, "tolerance": 0.02}, "confirmed", 0.41),
        ({"relation": "about", "value": 0.39, "tolerance": 0.01}, "refuted", 0.41),
        ({"relation": "above", "value": 0.40}, "confirmed", 0.41),
        ({"relation": "above", "value": 0.41}, "refuted", 0.41),
        ({"relation": "below", "value": 0.42}, "confirmed", 0.41),
        ({"relation": "below", "value": 0.41}, "refuted", 0.41),
        ({"relation": "equal", "value": 0.41}, "confirmed", 0.41),
        ({"relation": "equal", "value": 0.4}, "refuted", 0.41),
        ({"relation": "measured"}, "confirmed", 0.41),
        ({"relation": "above", "than": B}, "confirmed", 0.02),
        ({"relation": "below", "than": B}, "refuted", 0.02),
        ({"relation": "about", "than": B, "value": 0.02, "tolerance": 0.001}, "confirmed", 0.02),
        ({"relation": "above", "than": MISSING}, "not run", None),
        ({"relation": "measured", "quantity": MISSING}, "not run", None),
        ({"relation": "about", "value": 0.41, "budget": "own"}, "confirmed", 0.41),
    ],
)
def test_a_claim_is_held_against_the_figure(
    fields: dict[str, Any], status: str, measured: float | None
) -> None:
    outcome = evaluate(claim(**fields), measure)
    assert outcome.status == status
    assert outcome.measured == (None if measured is None else pytest.approx(measured))
    assert bool(outcome.shown) == (measured is not None)


@pytest.mark.parametrize(
    ("hidden", "status"), [((), "not run"), (("a",), "not run"), (("a", "b"), "unread")]
)
def test_a_claim_is_unread_where_only_test_labels_are_lacking(
    hidden: tuple[str, ...], status: str
) -> None:
    outcome = evaluate(
        claim(relation="above", than=B), lambda *_: None, lambda item, _: item.rung in hidden
    )
    assert (outcome.status, outcome.measured, outcome.shown) == (status, None, "")


def test_figures_have_their_units() -> None:
    relation = {"relation": "about", "value": 0.39, "tolerance": 0.02}
    assert evaluate(claim(**relation), measure).expected == "39.0 % +- 2.0 %"
    assert evaluate(claim(**relation), measure).shown == "41.0 %"
    difference = evaluate(claim(relation="above", than=B), measure)
    assert (difference.expected, difference.shown) == ("above 0.0 points", "+2.0 points")
    assert show("test_accuracy", -0.0002, signed=True) == "+0.0 points"
    assert show("test_accuracy", -0.0002, signed=True, more=1) == "-0.02 points"


def test_cifar100_holds_every_line_of_the_report() -> None:
    """Each figure of the report, and each of its statements on curves, is a claim."""
    claims = load("cifar100").claims
    values = {(c.quantity.rung, c.quantity.measure, c.value, c.budget) for c in claims}
    own = {"stacked": 0.41, "third": 0.50, "residual": 0.52, "augmented": 0.57}
    own |= {"separable": 0.49, "final": 0.63}
    for rung, value in own.items():
        assert (rung, "test_accuracy", value, "own") in values
    for rung, value in {"base": 0.39, "pooling": 0.20, "final": 0.51}.items():
        assert (rung, "test_accuracy", value, "equal") in values
    assert ("final", "test_accuracy", 0.44, None) in values
    assert ("final", "best_class_accuracy", 0.93, "own") in values
    assert ("final", "worst_class_accuracy", 0.24, "own") in values
    assert any(c.quantity.measure == "ensemble_test_accuracy" for c in claims)
    assert [c.value for c in claims if c.quantity.measure == "images"] == [45_000, 5_000, 10_000]


@pytest.mark.parametrize(
    ("fields", "right", "status"),
    [
        # Of 1,000 images, a is right on so many, b on 390; three seeds that are alike.
        ({"relation": "above"}, 600, "confirmed"),
        ({"relation": "above"}, 391, "agrees, not shown"),
        ({"relation": "below"}, 391, "refuted"),
        ({"relation": "above", "value": 0.1}, 600, "confirmed"),
        ({"relation": "above", "value": 0.205}, 600, "agrees, not shown"),
        ({"relation": "above", "value": 0.3}, 600, "refuted"),
        ({"relation": "below", "value": 0.3}, 600, "confirmed"),
        ({"relation": "below", "value": 0.215}, 600, "agrees, not shown"),
        ({"relation": "about", "value": 0.21, "tolerance": 0.01}, 600, "confirmed"),
    ],
)
def test_a_claim_that_compares_is_confirmed_where_the_verdict_says_so(
    fields: dict[str, Any], right: int, status: str
) -> None:
    images = np.arange(1000)
    ours, others = (np.stack([images < count] * 3) for count in (right, 390))
    sides = Evidence("a", ours), Evidence("b", others)
    (verdict,) = judge([sides], sides, family=1)
    stated = claim(than=B, **fields)

    def found(quantity: Quantity, _: str | None) -> float:
        return right / 1000 if quantity.rung == "a" else 0.39

    by_figures = evaluate(stated, found)
    assert weighed(by_figures, stated, verdict).status == status
    assert weighed(by_figures, stated, None) == by_figures


@pytest.mark.parametrize(
    ("fields", "value", "shown"),
    [
        ({"relation": "above", "value": 0.44}, 0.4412, "44.1 %"),
        ({"relation": "above", "value": 0.44}, 0.44, "44.0 %"),
        ({"relation": "above", "value": 0.44}, 0.4403, "44.03 %"),
        ({"relation": "above", "value": 0.44}, 0.43996, "43.996 %"),
        ({"relation": "about", "value": 0.39, "tolerance": 0.02}, 0.4104, "41.04 %"),
        ({"relation": "about", "value": 0.39, "tolerance": 0.02}, 0.37, "37.0 %"),
    ],
)
def test_a_figure_at_a_bound_has_the_digits_that_tell_its_side(
    fields: dict[str, Any], value: float, shown: str
) -> None:
    assert evaluate(claim(**fields), lambda *_: value).shown == shown
