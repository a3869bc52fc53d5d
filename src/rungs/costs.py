"""What each network of a study costs, from the store's cache where it was measured before."""

import hashlib
import json

from rungs.dataspec import DataSpec
from rungs.recipe import Network, Recipe, recipe_to_dict
from rungs.store import Store
from rungs.study import Study

Cost = tuple[int, int, int]


def identity(recipe: Recipe, data: DataSpec) -> str:
    """The cache's name of a network on images of one shape: all that its cost depends on."""
    network = {**recipe_to_dict(recipe)["network"], "version": Network.version}
    plain = json.dumps([network, data.image_shape, data.classes], sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def costs(study: Study, store: Store | None) -> dict[str, Cost]:
    """Per rung: parameters (Keras's count), trainable parameters, FLOPs of one forward pass.

    Args:
        study: its rungs are measured.
        store: where costs are cached; None to measure all of them.
    """
    found: dict[str, Cost] = {}
    for rung in study.rungs:
        name = identity(rung.recipe, study.data)
        cached = None if store is None else store.index.cost(name)
        if cached is None:
            cached = _measure(rung.recipe, study.data)
            if store is not None:
                store.index.keep_cost(name, cached)
        found[rung.name] = cached
    return found


def _measure(recipe: Recipe, data: DataSpec) -> Cost:
    # Torch takes seconds to import: only where a network has never been measured.
    from rungs.network import cost

    measured = cost(recipe.network, data.image_shape, data.classes)
    return (measured.parameters, measured.trainable_parameters, measured.flops)
