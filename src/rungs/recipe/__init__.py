"""A recipe: everything that determines one training, as a frozen tree of component specs.

Nothing here needs torch. The field is the only place of a default.
"""

from rungs.recipe.differences import Difference, diff, leaves, show, value_at
from rungs.recipe.keys import key_of, recipe_key
from rungs.recipe.tree import Network, Recipe, Scaling, recipe_from_dict, recipe_to_dict, replace

__all__ = [
    "Difference",
    "Network",
    "Recipe",
    "Scaling",
    "diff",
    "key_of",
    "leaves",
    "recipe_from_dict",
    "recipe_key",
    "recipe_to_dict",
    "replace",
    "show",
    "value_at",
]
