"""A recipe: everything that determines one training, as a frozen tree of component specs.

Nothing here needs torch. The field is the only place of a default.
"""

from rungs.recipe.differences import Difference, diff, leaves, show, value_at
from rungs.recipe.keys import key_of, keys_of_all_versions, network_key, recipe_key, speed_key
from rungs.recipe.tree import (
    LayerDecay,
    Recipe,
    Scaling,
    Trained,
    recipe_from_dict,
    recipe_to_dict,
    replace,
    unknown_kinds,
)

__all__ = [
    "Difference",
    "LayerDecay",
    "Recipe",
    "Scaling",
    "Trained",
    "diff",
    "key_of",
    "keys_of_all_versions",
    "leaves",
    "network_key",
    "recipe_from_dict",
    "recipe_key",
    "recipe_to_dict",
    "replace",
    "show",
    "speed_key",
    "unknown_kinds",
    "value_at",
]
