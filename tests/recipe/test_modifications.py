"""Every modification of the catalogue keeps the same promises; the check finds broken ones."""

from collections.abc import Callable
from typing import Any

import pytest

from rungs import testing
from rungs.foundation.errors import ParameterError, RecipeError, UnchangedError
from rungs.foundation.values import Count
from rungs.network.typical_cost import typical_cost
from rungs.recipe import Recipe, replace
from rungs.recipe.components import Adam, Sgd
from rungs.recipe.modifications import Modification, apply, catalogue, find, registry
from rungs.recipe.modifications.networks import described
from rungs.testing import check_modification
from tests.zoo import timm

every = pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)


@every
def test_every_modification_keeps_its_promises(entry: Modification) -> None:
    if "network" in (entry.name, *entry.needs):  # whose example is a network of timm's
        timm()
    assert check_modification(entry) == ()


def test_unknown_name_proposes_the_nearest() -> None:
    with pytest.raises(RecipeError, match="did you mean 'dropout'"):
        find("dropuot")


def test_all_mistakes_of_parameters_come_at_once() -> None:
    with pytest.raises(ParameterError) as caught:
        apply(Recipe(), "affine", {"flip": 2, "zoom": "much"})
    assert [mistake.place for mistake in caught.value.mistakes] == ["flip", "zoom"]


# --- the check itself -----------------------------------------------------------------------------


def entry_of(function: Callable[..., Recipe], **more: Any) -> Modification:
    about = {"family": "architecture", "source": "a paper", "example": {}, **more}
    return Modification(function.__name__, function, **about)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, ...]]:
    """Enters a function into a copy of the catalogue and checks it."""
    monkeypatch.setattr(registry, "_CATALOGUE", dict(registry._CATALOGUE))
    monkeypatch.setattr(testing, "check_recipe", lambda _: ())

    def check(function: Callable[..., Recipe], **more: Any) -> tuple[str, ...]:
        entry = entry_of(function, **more)
        registry._CATALOGUE[entry.name] = entry
        return check_modification(entry)

    return check


def test_a_good_one_passes(checked: Callable[..., tuple[str, ...]]) -> None:
    def bigger(recipe: Recipe, *, size: Count = 64) -> Recipe:
        """Sets the batch size."""
        return replace(recipe, batch_size=size)

    assert checked(bigger) == ()


def test_broken_promises_are_named(checked: Callable[..., tuple[str, ...]]) -> None:
    calls: list[int] = []

    def odd(thing: Recipe, size: int = 3) -> Recipe:
        """no sentence"""
        calls.append(1)
        return replace(thing, batch_size=size + len(calls))

    found = " ".join(checked(odd, family="magic", source=" ", example={"weight": 1}))
    for part in (
        "expected one sentence",
        "names no source",
        "its family is 'magic'",
        "parameters that it has not: weight",
        "its first parameter is 'thing'",
        "'size' must be keyword-only",
        "its example is refused: weight: unknown parameter",
    ):
        assert part in found
    found = " ".join(checked(odd))
    assert "it gives another recipe for the same arguments" in found


def test_an_error_of_the_function_is_a_finding(checked: Callable[..., tuple[str, ...]]) -> None:
    def broken(recipe: Recipe) -> Recipe:
        """Divides by zero."""
        return replace(recipe, batch_size=1 // 0)

    assert any("broken fails here: ZeroDivisionError" in line for line in checked(broken))


def test_one_that_changes_nothing_is_refused(checked: Callable[..., tuple[str, ...]]) -> None:
    def idle(recipe: Recipe) -> Recipe:
        """Does nothing."""
        return recipe

    assert checked(idle) == ("its example is refused: idle changes nothing here",)


def test_a_recipe_that_does_not_train_is_a_finding() -> None:
    recipe = apply(Recipe(), "learning_rate", {"value": 1e25})
    (found,) = testing.check_recipe(recipe)
    assert "it does not train: " in found
    assert "finite" in found


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("global_average_pooling", "parameters 2,170,788 → 26,276, MFLOPs an image 15.5 → 11.2"),
        ("label_smoothing", "no parameters, no FLOPs"),
        ("sharpness_aware", "a training does 2 times the FLOPs"),
        ("progressive_resolution", "a training does 0.64 times the FLOPs"),
        ("small_stem", "that of the network or the weights that are chosen"),
    ],
)
def test_a_typical_cost_is_that_of_the_example(name: str, said: str) -> None:
    assert typical_cost(find(name)) == said


def test_the_rate_goes_with_the_batch_as_the_optimiser_asks() -> None:
    small = replace(Recipe(), batch_size=64, optimiser=Sgd(learning_rate=0.1))
    large = apply(small, "batch_size", {"size": 256})
    assert large.optimiser.learning_rate == pytest.approx(0.4)
    adam = apply(replace(small, optimiser=Adam(learning_rate=0.1)), "batch_size", {"size": 256})
    assert adam.optimiser.learning_rate == pytest.approx(0.2)
    kept = apply(small, "batch_size", {"size": 256, "scale_rate": False})
    assert kept.optimiser == small.optimiser


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("sgd", {"momentum": 0.0}, "sgd: nesterov needs a momentum above 0"),
        ("pooled_first", {"depth": 1, "residual": True}, "pooled_first: residual needs a depth of"),
    ],
)
def test_parameters_that_do_not_go_together_are_an_error_of_the_recipe(
    name: str, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(RecipeError, match=said):
        apply(Recipe(), name, values)


def test_dropout_of_nothing_is_no_dropout() -> None:
    with pytest.raises(UnchangedError):
        apply(Recipe(), "dropout", {"rates": [0.0, 0.0]})
    dropping = apply(Recipe(), "dropout", {"rates": [0.0, 0.2]})
    assert described(dropping).dropout == (0.0, 0.2)
    assert apply(dropping, "dropout", {"rates": [0.0, 0.0]}) == Recipe()
    with pytest.raises(RecipeError, match="one rate of dropout for each of 2 stages, found 1"):
        apply(Recipe(), "dropout", {"rates": [0.0]})
