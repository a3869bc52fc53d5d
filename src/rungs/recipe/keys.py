"""Keys: the names of runs and recipes, hashes of all that determines a result."""

import dataclasses
import hashlib
import json
from typing import Any

from rungs.recipe.components import Component, ProgressiveResolution
from rungs.recipe.components.core import version_of
from rungs.recipe.tree import Recipe


def _canonical(value: Any, recipe: Recipe, *, costless: bool = True) -> Any:
    """The form that is hashed: component versions in it, young fields out, 0 and 0.0 one form.

    Args:
        value: a part of the recipe, or all of it.
        recipe: the whole.
        costless: whether fields without influence on the speed of training are in it.
    """
    if isinstance(value, Component | Recipe):
        fields = {
            field.name: _canonical(getattr(value, field.name), recipe, costless=costless)
            for field in dataclasses.fields(value)
            if not (
                field.name in value.introduced
                and getattr(value, field.name) == value.introduced[field.name]
            )
            and (costless or field.name not in value.costless)
        }
        if isinstance(value, Recipe):
            return fields
        return {**fields, "version": version_of(value, recipe)}
    if isinstance(value, tuple | list):
        return [_canonical(item, recipe, costless=costless) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def key_of(
    recipe: Recipe,
    *,
    epochs: int,
    data: str,
    seed: int,
    kept_epochs: tuple[int, ...] = (),
    image_size: tuple[int, ...] = (),
) -> str:
    """The name of one run: 16 hex digits of the sha256 over all that determines its result.

    Args:
        recipe: resolved, so that nothing in it depends on the machine.
        epochs: length of the run; a schedule may depend on it.
        data: fingerprint of data and split.
        seed: of initial weights, order, dropout and augmentation.
        kept_epochs: epochs whose snapshots the run keeps, though its schedule does not ask for it.
        image_size: height and width of the images, in pixels.
    """
    identity = {
        "recipe": _canonical(recipe, recipe),
        "epochs": epochs,
        "data": data,
        "seed": seed,
    }
    # Left out while there are none, so that keys from before there were any live on.
    if kept_epochs:
        identity["kept_epochs"] = kept_epochs
    # Where images ended below their full size before: all other keys live on.
    resolution = recipe.resolution
    if isinstance(resolution, ProgressiveResolution) and any(
        resolution.revised_at(epochs, full) for full in image_size
    ):
        identity["full_at_the_end"] = True
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def recipe_key(recipe: Recipe) -> str:
    """The name of a recipe alone: 16 hex digits of the sha256 of its canonical form."""
    text = json.dumps(
        _canonical(recipe, recipe), sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def network_key(recipe: Recipe) -> str:
    """The name of a recipe's network alone, with what of it is trained: 16 hex digits."""
    parts = [_canonical(recipe.network, recipe), recipe.trained]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def speed_key(recipe: Recipe) -> str:
    """The name of all of a recipe that the speed of its training may depend on: 16 hex digits.

    That is all but what components and the recipe declare ``costless``.
    """
    plain = _canonical(recipe, recipe, costless=False)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
