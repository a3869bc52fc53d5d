"""Keys: the names of runs and recipes, hashes of all that determines a result."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from rungs.recipe.components import Component, ProgressiveResolution
from rungs.recipe.components.core import version_of
from rungs.recipe.tree import Recipe

_MOST_REMEMBERED = 1000
# By identity, which holds as long as the recipe itself is kept beside it.
_remembered: dict[int, tuple[Recipe, Any]] = {}

# A kind of component to the version that it had at most.
_Versions = Mapping[type[Component], int]


def _canonical(
    value: Any, recipe: Recipe, *, costless: bool = True, most: _Versions | None = None
) -> Any:
    """The form that is hashed: component versions in it, young fields out, 0 and 0.0 one form.

    Args:
        value: a part of the recipe, or all of it.
        recipe: the whole.
        costless: whether fields without influence on the speed of training are in it.
        most: versions that components had at most; those of today for others.
    """
    if isinstance(value, Component | Recipe):
        fields = {
            _name(value, field.name): _canonical(
                getattr(value, field.name), recipe, costless=costless, most=most
            )
            for field in dataclasses.fields(value)
            if not (
                field.name in value.introduced
                and getattr(value, field.name) == value.introduced[field.name]
            )
            and (costless or field.name not in value.costless)
        }
        if isinstance(value, Recipe):
            return fields
        version = version_of(value, recipe)
        if isinstance(version, int):
            version = min(version, (most or {}).get(type(value), version))
        return {**fields, "version": version}
    if isinstance(value, tuple | list):
        return [_canonical(item, recipe, costless=costless, most=most) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _name(part: Component | Recipe, field: str) -> str:
    """A field's name in keys: the one that it had first."""
    return part.former.get(field, field) if isinstance(part, Component) else field


def _canonical_recipe(recipe: Recipe) -> Any:
    """`_canonical`, remembered: all seeds of a rung share one recipe, which never changes."""
    known = _remembered.get(id(recipe))
    if known is None or known[0] is not recipe:
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        known = _remembered[id(recipe)] = (recipe, _canonical(recipe, recipe))
    return known[1]


def key_of(
    recipe: Recipe,
    *,
    epochs: int,
    data: str,
    seed: int,
    kept_epochs: tuple[int, ...] = (),
    image_size: tuple[int, ...] = (),
    teacher: str | None = None,
) -> str:
    """The name of one run: 16 hex digits of the sha256 over all that determines its result.

    Args:
        recipe: resolved, so that nothing in it depends on the machine.
        epochs: length of the run; a schedule may depend on it.
        data: fingerprint of data and split.
        seed: of initial weights, order, dropout and augmentation.
        kept_epochs: epochs whose snapshots the run keeps, though its schedule does not ask for it.
        image_size: height and width of the images, in pixels.
        teacher: key of the finished run that teaches this one; None for none.
    """
    return next(
        keys_of_all_versions(
            recipe,
            epochs=epochs,
            data=data,
            seed=seed,
            kept_epochs=kept_epochs,
            image_size=image_size,
            teachers=() if teacher is None else (teacher,),
        )
    )


def keys_of_all_versions(
    recipe: Recipe,
    *,
    epochs: int,
    data: str,
    seed: int,
    kept_epochs: tuple[int, ...] = (),
    image_size: tuple[int, ...] = (),
    teachers: tuple[str, ...] = (),
) -> Iterator[str]:
    """Every name that the run has, or had under former versions of its components.

    Today's comes first. A component of a user's has its present version in all of them: hashes of
    what its source was before are not known.

    Args:
        recipe: as in `key_of`, and so are all others.
        epochs: length of the run.
        data: fingerprint.
        seed: of the run.
        kept_epochs: epochs whose snapshots it keeps.
        image_size: of the images.
        teachers: every key of the run that teaches this one, today's first; empty for none.
    """
    resolution = recipe.resolution
    # Where images ended below their full size before: all other keys live on.
    revised = isinstance(resolution, ProgressiveResolution) and any(
        resolution.revised_at(epochs, full) for full in image_size
    )

    def named(canonical: Any) -> Iterator[str]:
        identity = {"recipe": canonical, "epochs": epochs, "data": data, "seed": seed}
        # Left out while there are none, so that keys from before there were any live on.
        if kept_epochs:
            identity["kept_epochs"] = kept_epochs
        for taught in [{"teacher": key} for key in teachers] or [{}]:
            if revised:
                yield _hashed({**identity, **taught, "full_at_the_end": True})
            yield _hashed({**identity, **taught})

    yield from named(_canonical_recipe(recipe))
    today = _versions(recipe)
    former = product(*(range(version, 0, -1) for version in today.values()))
    for versions in islice(former, 1, None):
        most = dict(zip(today, versions, strict=True))
        yield from named(_canonical(recipe, recipe, most=most))


def _hashed(plain: Any) -> str:
    """16 hex digits of the sha256 of plain data."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _versions(recipe: Recipe) -> dict[type[Component], int]:
    """The highest version of each kind of component in a recipe; without those of a user's."""
    found: dict[type[Component], int] = {}
    for part in _parts(recipe):
        version = version_of(part, recipe)
        if isinstance(version, int):
            found[type(part)] = max(version, found.get(type(part), 0))
    return found


def _parts(value: Any) -> Iterator[Component]:
    """All components in a recipe or in a part of it, itself included."""
    if isinstance(value, Component):
        yield value
    if isinstance(value, Component | Recipe):
        for field in dataclasses.fields(value):
            yield from _parts(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _parts(item)


def recipe_key(recipe: Recipe) -> str:
    """The name of a recipe alone: 16 hex digits of the sha256 of its canonical form."""
    return _hashed(_canonical_recipe(recipe))


def network_key(recipe: Recipe) -> str:
    """The name of a recipe's network alone, with what of it is trained: 16 hex digits."""
    return _hashed([_canonical(recipe.network, recipe), recipe.trained])


def speed_key(recipe: Recipe) -> str:
    """The name of all of a recipe that the speed of its training may depend on: 16 hex digits.

    That is all but what components and the recipe declare ``costless``.
    """
    return _hashed(_canonical(recipe, recipe, costless=False))
