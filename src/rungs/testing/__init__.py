"""What a component, a modification or an engine promises, checked: by the tests and `rungs check`.

Each check returns the promises that are broken, a sentence each; nothing if all are kept.
"""

from rungs.recipe.own_modules import OwnModule
from rungs.testing.components import check_component
from rungs.testing.engines import Worse, check_engine
from rungs.testing.modifications import check_modification
from rungs.testing.recipes import Problems, check_recipe

__all__ = [
    "Problems",
    "Worse",
    "check_component",
    "check_engine",
    "check_modification",
    "check_module",
    "check_recipe",
]


def check_module(module: OwnModule) -> dict[str, Problems]:
    """Everything that a user's module defines -> the promises that it breaks.

    A component and a modification may share a name: their problems then stand together, each once.
    """
    found = {member.kind: check_component(member) for member in module.components}
    for entry in module.modifications:
        both = (*found.get(entry.name, ()), *check_modification(entry))
        found[entry.name] = tuple(dict.fromkeys(both))
    return found
