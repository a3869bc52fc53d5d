"""Modifications: named pure functions ``recipe -> recipe``, and the catalogue of them.

A modification never touches a live network: it returns a changed recipe, from which network,
cost, layer table and "what changed" derive. Importing this package fills the catalogue.
"""

from rungs.recipe.modifications import (
    architecture,
    augmentation,
    networks,
    optimisation,
    regularisation,
)
from rungs.recipe.modifications.registry import (
    FAMILIES,
    Modification,
    apply,
    catalogue,
    example_recipe,
    find,
    modification,
)

__all__ = [
    "FAMILIES",
    "Modification",
    "apply",
    "architecture",
    "augmentation",
    "catalogue",
    "example_recipe",
    "find",
    "modification",
    "networks",
    "optimisation",
    "regularisation",
]
