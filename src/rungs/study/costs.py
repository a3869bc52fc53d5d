"""What each network of a study costs, from the store's or the user's cache if it was measured."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rungs.data.spec import DataSpec
from rungs.foundation.errors import RecipeError
from rungs.recipe import Recipe, network_key
from rungs.recipe.components import is_ours
from rungs.store import Store
from rungs.study import Rung, Study
from rungs.study.kept import keep, read_kept

# Parameters, trainable parameters, and FLOPs; None where they cannot be counted: FLOPs alone, or
# all of a network that answers nothing.
Cost = tuple[int | None, int | None, int | None]
UNKNOWN: Cost = (None, None, None)

# A training step does the forward pass, and about twice its work backward: towards the inputs and
# towards the weights.
PASSES = 3
# Raised when `network.layer_table` says the same in other words.
_TABLE_VERSION = 3


@dataclass(frozen=True)
class LayerRow:
    """One operation of a network.

    Attributes:
        place: e.g. ``stage 2, shortcut``.
        operation: e.g. ``3×3 convolution``.
        shape: of what it puts out for one image: channels, height, width, or units alone.
        parameters: by Keras's count, BatchNorm's moving statistics included.
    """

    place: str
    operation: str
    shape: tuple[int, ...]
    parameters: int


def identity(recipe: Recipe, data: DataSpec) -> str:
    """The cache's name of a network on images of one shape: all that its cost depends on."""
    plain = json.dumps([network_key(recipe), data.image_shape, data.classes])
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def costs(study: Study, store: Store | None, only: Sequence[str] | None = None) -> dict[str, Cost]:
    """Per rung: parameters (Keras's count), trainable parameters, FLOPs of one forward pass.

    Of a network that is not ours and fails, `UNKNOWN`: that costs its own runs, and `faults` says
    why. Also of one that is trained elsewhere.

    Args:
        study: its rungs are measured.
        store: where costs are cached, beside the user's cache; None for that alone.
        only: names of the rungs; None for all.

    Raises:
        RecipeError: a network of ours cannot be built.
    """
    found: dict[str, Cost] = {}
    known: dict[str, Cost] = {}
    everywhere = _kept()
    news: dict[str, Cost] = {}
    for rung in study.rungs:
        if only is not None and rung.name not in only:
            continue
        if rung.recorded:
            found[rung.name] = UNKNOWN
            continue
        name = identity(rung.recipe, study.data)
        ours = is_ours(rung.recipe.network)
        cached = known.get(name)
        if cached is None and store is not None:
            cached = store.index.cost(name)
        if cached is None and ours:
            cached = everywhere.get(name)
        if cached is None:
            try:
                cached = measured = _measure(rung.recipe, study.data)
                if ours:
                    news[name] = measured
                if store is not None:
                    store.index.keep_cost(name, measured)
            except RecipeError:
                if is_ours(rung.recipe.network):
                    raise
                cached = UNKNOWN
        found[rung.name] = known[name] = cached
    if news:
        keep("costs", {**everywhere, **news})
    return found


def answering_flops(rung: Rung, known: Mapping[str, Cost]) -> int | None:
    """FLOPs of the answers that a rung's teacher gives to an image; 0 without one.

    Args:
        rung: that learns or not.
        known: costs of the study's rungs; None comes of what is not known.
    """
    return 0 if rung.teacher is None else known.get(rung.teacher, UNKNOWN)[2]


def _kept() -> dict[str, Cost]:
    """Costs by `identity` in the user's cache; none if one of them is damaged."""
    try:
        return {name: _cost(*values) for name, values in read_kept("costs").items()}
    except (TypeError, ValueError):
        return {}


def _cost(parameters: int, trainable: int, flops: int | None) -> Cost:
    for number in (parameters, trainable, 0 if flops is None else flops):
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise TypeError("no count")
    return parameters, trainable, flops


def faults(study: Study, known: Mapping[str, Cost]) -> dict[str, str]:
    """Per rung whose network answers nothing though it is trained here: why.

    Args:
        study: whose rungs they are.
        known: their costs, see `costs`.
    """
    found = {}
    for name in (name for name, cost in known.items() if cost == UNKNOWN):
        if study.rung(name).recorded:
            continue
        try:
            _measure(study.rung(name).recipe, study.data)
        except RecipeError as error:
            found[name] = str(error)
    return found


def _measure(recipe: Recipe, data: DataSpec) -> tuple[int, int, int | None]:
    # Torch takes seconds to import: only where a network has never been measured.
    from rungs.network.building import cost

    measured = cost(recipe.network, data.image_shape, data.classes, recipe.trained)
    return (measured.parameters, measured.trainable_parameters, measured.flops)


def layer_tables(
    study: Study,
    store: Store | None,
    only: Sequence[str] | None = None,
    *,
    known: bool = False,
) -> dict[str, tuple[LayerRow, ...]]:
    """Per rung: the operations of its network, in the order in which an image passes them.

    None of a rung that is trained elsewhere.

    Args:
        study: its rungs are looked at.
        store: where tables are cached, beside those of ours in the user's cache; None for that
            alone.
        only: names of the rungs; None for all.
        known: whether to leave out rungs whose table is in neither.
    """
    found: dict[str, tuple[LayerRow, ...]] = {}
    everywhere = read_kept("layers")
    news: dict[str, str] = {}
    for rung in study.rungs:
        if only is not None and rung.name not in only:
            continue
        if rung.recorded:
            found[rung.name] = ()
            continue
        name = f"{identity(rung.recipe, study.data)}-{_TABLE_VERSION}"
        cached = None if store is None else store.index.layers(name)
        ours = is_ours(rung.recipe.network)
        kept = everywhere.get(name) if ours and cached is None else None
        rows = None if kept is None else _rows(kept)
        if rows is None and cached is None and known:
            continue
        if rows is None:
            if cached is None:
                cached = json.dumps(_layers(rung.recipe, study.data))
                if store is not None:
                    store.index.keep_layers(name, cached)
                if ours:
                    news[name] = cached
            rows = _rows(cached)
            assert rows is not None, cached
        found[rung.name] = rows
    if news:
        keep("layers", {**everywhere, **news})
    return found


def _rows(text: object) -> tuple[LayerRow, ...] | None:
    """A layer table from its JSON; None if it is none."""
    try:
        return tuple(
            LayerRow(place, operation, tuple(shape), parameters)
            for place, operation, shape, parameters in json.loads(str(text))
        )
    except (TypeError, ValueError):
        return None


def _layers(recipe: Recipe, data: DataSpec) -> object:
    from rungs.network.building import layer_table

    return layer_table(recipe.network, data.image_shape, data.classes)
