"""What a modification promises."""

import inspect
from collections.abc import Iterator
from typing import Any

from rungs.foundation.errors import ParameterError, RecipeError, RungsError
from rungs.recipe import Recipe, diff, recipe_from_dict, recipe_to_dict
from rungs.recipe.modifications import FAMILIES, Modification, apply, example_recipe
from rungs.testing.documentation import check_sentence
from rungs.testing.recipes import Problems, check_recipe


def check_modification(entry: Modification) -> Problems:
    """What it says of itself, what it does to recipes, and that the changed recipe trains."""
    problems = [*check_sentence(entry.doc), *_form(entry)]
    try:
        recipe = example_recipe(entry)
        before = recipe_to_dict(recipe)
        changed = apply(recipe, entry.name, entry.example)
    except RungsError as error:
        return (*problems, f"its example is refused: {error}")
    except Exception as error:
        return (*problems, f"its example ends with {type(error).__name__}: {error}")
    problems += _behaviour(entry, recipe, before, changed)
    return (*problems, *check_recipe(changed))


def _form(entry: Modification) -> Iterator[str]:
    if not entry.source.strip():
        yield "it names no source"
    if entry.family not in FAMILIES:
        yield f"its family is {entry.family!r}, expected one of {', '.join(FAMILIES)}"
    unknown = sorted(set(entry.example) - set(entry.parameters))
    if unknown:
        yield f"its example names parameters that it has not: {', '.join(unknown)}"
    first, *others = inspect.signature(entry.function).parameters.values()
    if first.name != "recipe":
        yield f"its first parameter is '{first.name}', expected 'recipe'"
    for other in others:
        if other.kind is not inspect.Parameter.KEYWORD_ONLY:
            yield f"its parameter '{other.name}' must be keyword-only: put * before it"


def _behaviour(
    entry: Modification, recipe: Recipe, before: dict[str, Any], changed: Recipe
) -> Iterator[str]:
    if recipe_to_dict(recipe) != before:
        yield "it changed the recipe that it was given"
    if apply(recipe, entry.name, entry.example) != changed:
        yield "it gives another recipe for the same arguments"
    if recipe_from_dict(recipe_to_dict(changed)) != changed:
        yield "the changed recipe is another after it was written and read again"
    try:
        twice = apply(changed, entry.name, entry.example)
    except RecipeError:
        pass  # refused, as what changes nothing is
    else:
        if not diff(changed, twice):
            yield "done twice it changes nothing, and is not refused"
    try:
        apply(recipe, entry.name, {**entry.example, "nonsense": 1})
    except ParameterError:
        pass
    else:
        yield "it takes parameters that it has not"
