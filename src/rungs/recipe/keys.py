"""Keys: the names of runs and recipes, hashes of all that determines a result."""

import dataclasses
import hashlib
import json
from typing import Any

from rungs.recipe.components import Component
from rungs.recipe.tree import Recipe

_MOST_REMEMBERED = 1000
# By identity, which holds as long as the recipe itself is kept beside it.
_remembered: dict[int, tuple[Recipe, Any]] = {}


def _canonical(value: Any) -> Any:
    """The form that is hashed: component versions in it, young fields out, 0 and 0.0 one form."""
    if isinstance(value, Component | Recipe):
        fields = {
            field.name: _canonical(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if not (
                field.name in value.introduced
                and getattr(value, field.name) == value.introduced[field.name]
            )
        }
        return fields if isinstance(value, Recipe) else {**fields, "version": value.version}
    if isinstance(value, tuple | list):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _canonical_recipe(recipe: Recipe) -> Any:
    """`_canonical`, remembered: all seeds of a rung share one recipe, which never changes."""
    known = _remembered.get(id(recipe))
    if known is None or known[0] is not recipe:
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        known = _remembered[id(recipe)] = (recipe, _canonical(recipe))
    return known[1]


def key_of(
    recipe: Recipe, *, epochs: int, data: str, seed: int, kept_epochs: tuple[int, ...] = ()
) -> str:
    """The name of one run: 16 hex digits of the sha256 over all that determines its result.

    Args:
        recipe: resolved, so that nothing in it depends on the machine.
        epochs: length of the run; a schedule may depend on it.
        data: fingerprint of data and split.
        seed: of initial weights, order, dropout and augmentation.
        kept_epochs: epochs whose snapshots the run keeps, though its schedule does not ask for it.
    """
    identity = {
        "recipe": _canonical_recipe(recipe),
        "epochs": epochs,
        "data": data,
        "seed": seed,
    }
    # Left out while there are none, so that keys from before there were any live on.
    if kept_epochs:
        identity["kept_epochs"] = kept_epochs
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def recipe_key(recipe: Recipe) -> str:
    """The name of a recipe alone: 16 hex digits of the sha256 of its canonical form."""
    text = json.dumps(
        _canonical_recipe(recipe), sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def network_key(recipe: Recipe) -> str:
    """The name of a recipe's network alone, with what of it is trained: 16 hex digits."""
    parts = [_canonical(recipe.network), recipe.trained]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
