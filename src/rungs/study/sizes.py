"""Whether networks take images of every size that they will be given, found before any training."""

import hashlib
import json
from collections.abc import Collection

from rungs.foundation.environment import version_of, version_of_rungs
from rungs.foundation.errors import RecipeError
from rungs.recipe import network_key
from rungs.recipe.components import is_ours
from rungs.store import Store
from rungs.store.results import RunSpec
from rungs.study.kept import keep, read_kept
from rungs.study.plan import Plan

# Height and width, in pixels.
Size = tuple[int, int]


def sizes_of(spec: RunSpec) -> tuple[Size, ...]:
    """The sizes at which a run trains and is evaluated, the largest first."""
    _, height, width = spec.data.image_shape
    size = spec.recipe.resolution.size
    epochs = range(1, spec.epochs + 1)
    trained = {
        (size(epoch, spec.epochs, height), size(epoch, spec.epochs, width)) for epoch in epochs
    }
    return tuple(sorted({(height, width), *trained}, reverse=True))


def check_sizes(wanted: Plan, store: Store | None, but: Collection[str] = ()) -> None:
    """Makes sure that every network of a plan takes images of every size that it will be given.

    Args:
        wanted: its runs are looked at.
        store: remembers what takes which size, so that a plan that was checked needs no torch; of
            networks of ours the user's cache does, too. None for that alone.
        but: rungs that are not looked at: their networks take no image at all.

    Raises:
        RecipeError: a network does not; all that are, with their sizes.
    """
    kept = read_kept("sizes")
    looked_at: dict[str, str | None] = {}  # what is wrong, if anything
    fitting: dict[str, bool] = {}  # found just now, of networks of ours
    problems: list[str] = []
    named = [(item.rung.name, item.runs[0]) for item in wanted.rungs]
    named = [(name, spec) for name, spec in named if not (name in but or spec.recorded)]
    named += [
        (item.ensemble.name, item.runs[0])
        for item in wanted.ensembles
        if item.ensemble.rung not in but
    ]
    asked = [(name, spec, sizes_of(spec)) for name, spec in named]
    # A teacher is given the images of those that it teaches.
    asked += [
        (f"the teacher of {name}", taught.teacher_run, sizes)
        for name, taught, sizes in asked
        if taught.teacher_run is not None
        and not set(wanted.names_of_runs[taught.teacher_run.key]) & set(but)
    ]
    for name, spec, sizes in asked:
        for size in sizes:
            identity = _identity(spec, size)
            ours = is_ours(spec.recipe.network)
            if ours and kept.get(_hashed(identity)) is True:
                continue
            if identity not in looked_at:
                looked_at[identity] = _problem(spec, size, identity, store)
            problem = looked_at[identity]
            if problem is not None:
                problems.append(f"{name}: {problem}")
            elif ours:
                fitting[_hashed(identity)] = True
    if fitting:
        keep("sizes", {**kept, **fitting})
    if problems:
        raise RecipeError("\n".join(problems))


def _problem(spec: RunSpec, size: Size, identity: str, store: Store | None) -> str | None:
    """Why a network does not take a size; None if it does, which is remembered."""
    if store is not None and store.index.note("takes size", identity):
        return None
    from rungs.network.building import check_size  # torch: only where it was not looked at before

    data = spec.data
    try:
        check_size(spec.recipe.network, data.image_shape, data.classes, size)
    except RecipeError as error:
        return str(error)
    if store is not None:
        store.index.keep_note("takes size", identity, True)
    return None


def _identity(spec: RunSpec, size: Size) -> str:
    """All that it depends on whether a network takes a size: itself, and what builds it."""
    libraries = (version_of_rungs(), version_of("torch"), version_of("timm"))
    data = spec.data
    return json.dumps([network_key(spec.recipe), data.image_shape, data.classes, size, libraries])


def _hashed(identity: str) -> str:
    """Its name in the user's cache."""
    return hashlib.sha256(identity.encode()).hexdigest()[:16]
