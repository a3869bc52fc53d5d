"""Every modification of the catalogue keeps the same promises."""

import inspect

import pytest
import torch

from rungs.errors import ParameterError, RecipeError
from rungs.modifications import Modification, apply, catalogue, example_recipe, find
from rungs.network import build
from rungs.recipe import Recipe, diff, recipe_to_dict

every = pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)


@every
def test_changes_something_and_leaves_its_input_alone(entry: Modification) -> None:
    recipe = example_recipe(entry)
    before = recipe_to_dict(recipe)
    changed = apply(recipe, entry.name, entry.example)
    assert diff(recipe, changed)
    assert recipe_to_dict(recipe) == before


@every
def test_is_a_function_of_its_arguments(entry: Modification) -> None:
    recipe = example_recipe(entry)
    assert apply(recipe, entry.name, entry.example) == apply(recipe, entry.name, entry.example)


@every
def test_twice_the_same_is_refused_or_changes_again(entry: Modification) -> None:
    once = apply(example_recipe(entry), entry.name, entry.example)
    try:
        twice = apply(once, entry.name, entry.example)
    except RecipeError:
        return
    assert diff(once, twice)


@every
def test_result_can_be_built_and_run(entry: Modification) -> None:
    recipe = apply(example_recipe(entry), entry.name, entry.example)
    model = build(recipe.network, (3, 16, 16), 5)
    assert model(torch.rand(4, 3, 16, 16)).shape == (4, 5)


@every
def test_says_what_it_is(entry: Modification) -> None:
    doc = inspect.getdoc(entry.function)
    assert doc
    assert entry.doc.endswith(".")
    assert entry.source
    assert entry.family in ("architecture", "augmentation", "optimisation", "regularisation")
    assert set(entry.example) <= set(entry.parameters)
    first, *others = inspect.signature(entry.function).parameters.values()
    assert first.name == "recipe"
    assert all(other.kind is inspect.Parameter.KEYWORD_ONLY for other in others)


@every
def test_unknown_parameters_are_refused(entry: Modification) -> None:
    with pytest.raises(ParameterError, match="nonsense: unknown parameter"):
        apply(example_recipe(entry), entry.name, {**entry.example, "nonsense": 1})


def test_unknown_name_proposes_the_nearest() -> None:
    with pytest.raises(RecipeError, match="did you mean 'dropout'"):
        find("dropuot")


def test_all_mistakes_of_parameters_come_at_once() -> None:
    with pytest.raises(ParameterError) as caught:
        apply(Recipe(), "affine", {"flip": 2, "zoom": "much"})
    assert [mistake.place for mistake in caught.value.mistakes] == ["flip", "zoom"]
