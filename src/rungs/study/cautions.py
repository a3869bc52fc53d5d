"""What should be known of a study's networks before they are trained, in a sentence each."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import prod

from rungs.data.spec import DataSpec
from rungs.foundation.environment import free_memory, multiplies_bfloat16
from rungs.foundation.errors import DataError, RecipeError, RungsError
from rungs.foundation.wording import counted
from rungs.recipe import Recipe, recipe_to_dict, replace
from rungs.recipe.components import (
    BatchNorm,
    Convolutional,
    FreshWeights,
    Network,
    StridedStem,
    Timm,
)
from rungs.store import Store
from rungs.study import Study
from rungs.study.costs import UNKNOWN, LayerRow, costs, identity, layer_tables
from rungs.study.kept import keep, read_kept
from rungs.study.memory import gigabytes, training_bytes
from rungs.study.plan import Plan

# Images up to this size lose what is small in them to a stem made for photographs of 224 pixels.
_SMALL_IMAGE = 96
# A stage that is given a quarter of the side or less has lost most of a small image.
_COARSE = 4
_DEEP_STEM = 3
# Channels, height, width.
_MAP = 3
# So many test images show differences of a few points, which the plan's own figures tell.
_ENOUGH_IMAGES = 2000
# From where on a difference is one that few changes make.
_LARGE_POINTS = 5
# Of moving statistics less is hardly ever kept; torch's momentum hardly ever lies above.
_LITTLE = 0.5
# Values in a batch of images, from which on a training comes near what a small machine has: 26
# colour pictures of 224 pixels, or 1,300 of 32.
_MUCH = 4_000_000
# For networks whose stem alone is looked at.
_SOME_CLASSES = 2


def cautions(study: Study, store: Store | None, *, strict: bool) -> tuple[str, ...]:
    """Everything worth saying of a study's networks, and of pictures that are the user's own.

    Args:
        study: its rungs are looked at.
        store: where is cached what was found before; None to find all of it.
        strict: whether weights that cannot be had are an error; else that is said, too.

    Raises:
        RungsError: a network of ours cannot be built, or weights do not fit, or cannot be had.
    """
    pictures = () if study.pictures is None else study.pictures.warnings
    return (
        *(f"Warning: {line}." for line in pictures),
        *_coarse_stems(study, store),
        *_large_batches(study),
        *few_images(study),
        *_memory(study, store),
        *_little_kept(study),
        *_starts(study, store, strict=strict),
        *_counted(study, store),
    )


def fault_lines(faulty: Mapping[str, str], wanted: Plan) -> list[str]:
    """A line for each rung of a plan whose network answers nothing.

    Args:
        faulty: rung -> why, see `rungs.study.costs.faults`.
        wanted: the plan.
    """
    names = {item.rung.name for item in wanted.rungs}
    names |= {item.ensemble.rung for item in wanted.ensembles}
    return [
        f"Warning: {name} cannot be trained: {why}; the others can."
        for name, why in faulty.items()
        if name in names
    ]


def _answering(study: Study, store: Store | None, names: Sequence[str]) -> list[str]:
    """Those of some rungs whose networks answer; of the others `fault_lines` says why not."""
    known = costs(study, store, names) if names else {}
    return [name for name, cost in known.items() if cost != UNKNOWN]


def lost_ensembles(wanted: Plan, store: Store) -> list[str]:
    """A line for each ensemble that will never answer, because a member came from an archive."""
    several = [item for item in wanted.ensembles if item.ensemble.kind == "seeds"]
    if not several:
        return []
    from rungs.store.mixtures import without_logits  # brings numpy

    found = []
    for item in several:
        for seed, group in enumerate(item.groups):
            lost = without_logits(store, item.members(seed))
            runs = [spec for spec in group if spec.key in lost]
            if runs:
                names = ", ".join(f"seed {spec.seed}" for spec in runs)
                folders = ", ".join(str(store.run_folder(spec.key)) for spec in runs)
                found.append(
                    f"Warning: {item.ensemble.name}: {item.ensemble.rung}, {names}, came from an "
                    "archive, which keeps no probabilities that could be averaged; to train it "
                    f"again, delete {folders} and run without --archive."
                )
    return found


def _large_batches(study: Study) -> list[str]:
    """A line for the rungs whose epochs are a single update."""
    images = min(spec.sizes["train"] for spec in study.splits)
    found = [rung for rung in study.rungs if not rung.recorded and rung.recipe.batch_size > images]
    if not found:
        return []
    names = ", ".join(rung.name for rung in found)
    size = found[0].recipe.batch_size
    return [
        f"Warning: {names}: a batch of {size:,} is more than the "
        f"{counted(images, 'training image')}: each epoch is one update; use a smaller batch_size."
    ]


def few_images(study: Study) -> list[str]:
    """A line where the test images are so few that only large differences can be shown.

    None with folds, where changes are not judged on them.
    """
    images = study.data.sizes["test"]
    family = sum(rung.after is not None for rung in study.rungs)
    if study.folds is not None or images > _ENOUGH_IMAGES or not images or not family:
        return []
    seeds = max(2, study.seeds if study.adaptive is None else study.adaptive.most)
    points = 100 * _shown_at_best(
        seeds=seeds, images=images, recipes=len(study.rungs), family=family
    )
    if points < _LARGE_POINTS:
        return []
    most = (
        "no difference at all" if points > 100 else f"no true difference under {points:.0f} points"
    )
    return [
        f"Warning: {counted(images, 'test image')}: at best, {seeds} seeds of each rung can detect "
        f"{most} of accuracy over {counted(family, 'comparison')}; add test images."
    ]


def _shown_at_best(**counts: int) -> float:
    """`rungs.statistics.power.shown_at_best`, which hangs on nothing else and brings scipy."""
    name = json.dumps(counts, sort_keys=True)
    kept = read_kept("at-best")
    found = kept.get(name)
    if not isinstance(found, float) or not found > 0:
        from rungs.statistics.power import shown_at_best

        found = float(shown_at_best(**counts))
        keep("at-best", {**kept, name: found})
    return found


def _memory(study: Study, store: Store | None) -> list[str]:
    """A line on the memory that the largest run takes, where images or batches are large."""
    suspects = [
        rung.name
        for rung in study.rungs
        if rung.recipe.batch_size * prod(study.data.image_shape) >= _MUCH
    ]
    layers = layer_tables(study, store, _answering(study, store, suspects)) if suspects else {}
    # No batch is larger than the training set.
    batches = {
        name: min(study.rung(name).recipe.batch_size, study.data.sizes["train"]) for name in layers
    }
    needed = {name: training_bytes(rows, batches[name]) for name, rows in layers.items()}
    if not needed:
        return []
    name = max(needed, key=lambda name: needed[name])
    _, height, width = study.data.image_shape
    said = (
        f"{name} takes roughly {gigabytes(needed[name])} of memory while it trains, with batches "
        f"of {batches[name]} pictures of {height}x{width}; of runs side by side each does"
    )
    free = free_memory()
    if free is None or needed[name] <= free:
        return [f"Memory: {said}."]
    return [
        f"Warning: {said}, and {gigabytes(free)} are free: on a CPU use a smaller batch_size or "
        "smaller pictures, or the run ends for want of memory."
    ]


def _little_kept(study: Study) -> list[str]:
    """A line for the rungs whose batch normalisation seems to be written as torch has it."""
    found: dict[float, list[str]] = {}
    for rung in study.rungs:
        network = rung.recipe.network
        norm = network.normalisation if isinstance(network, Convolutional) else None
        if isinstance(norm, BatchNorm) and norm.keep < _LITTLE:
            found.setdefault(norm.keep, []).append(rung.name)
    return [
        f"Warning: {', '.join(names)}: batch_norm with keep = {keep:g} forgets most of its moving "
        "statistics at each update, which looks like torch's momentum; keep = 1 - momentum: "
        f"write keep = {1 - keep:g} if that is meant."
        for keep, names in found.items()
    ]


def slow_precision(study: Study, device: str) -> list[str]:
    """A line for the rungs in whose precision this processor computes slowly.

    Args:
        study: its rungs are looked at.
        device: on which they are trained, ``cpu`` or ``cuda``.
    """
    found = [rung.name for rung in study.rungs if rung.recipe.precision == "bfloat16"]
    if not found or device != "cpu" or multiplies_bfloat16():
        return []
    return [
        f"Warning: {', '.join(found)}: this processor names no instructions that multiply "
        'bfloat16; without them it takes many times as long as "float32".'
    ]


# --- stems ---------------------------------------------------------------------------------------


def _coarse_stems(study: Study, store: Store | None) -> list[str]:
    """A line for the rungs whose stem is too coarse for the images."""
    suspects = [rung.name for rung in study.rungs if _may_be_coarse(rung.recipe)]
    if not suspects or min(study.data.image_shape[1:]) > _SMALL_IMAGE:
        return []
    suspects = _answering(study, store, suspects)
    found = coarse_stems(layer_tables(study, store, suspects), study.data.image_shape)
    if not found:
        return []
    networks = [study.rung(name).recipe.network for name in found]
    advice = stem_advice(networks, study.data.image_shape, store)
    return [f"Warning: {stem_problem(found, study.data.image_shape)}; {advice}."]


def _may_be_coarse(recipe: Recipe) -> bool:
    """Whether its layers have to be looked at: most described networks cannot have the trap."""
    network = recipe.network
    return not isinstance(network, Convolutional) or isinstance(network.stem, StridedStem)


def coarse_stems(
    layers: Mapping[str, Sequence[LayerRow]], image_shape: tuple[int, int, int]
) -> dict[str, int]:
    """The rungs whose stem throws away most of a small image before anything sees it.

    Args:
        layers: per rung: the operations of its network.
        image_shape: channels, height, width.

    Returns:
        Per rung: the side of the map, in pixels, that the first convolution after the stem sees.
    """
    side = min(image_shape[1:])
    found = {}
    for name, rows in layers.items():
        first, *others = [*_after_stem(rows)] or [side]
        # Without a stride only what comes right after it belongs to the stem.
        seen = min([first, *(others if 2 * first <= side else others[:1])])
        if side <= _SMALL_IMAGE and _COARSE * seen <= side:
            found[name] = seen
    return found


def stem_problem(found: Mapping[str, int], image_shape: tuple[int, int, int]) -> str:
    """What is wrong with the stems of `coarse_stems`."""
    name, seen = next(iter(found.items()))
    side = min(image_shape[1:])
    return (
        f"{', '.join(found)}: after its stem, {name} sees {seen}x{seen} pixels of an image of "
        f"{side}x{side}: a stem made for photographs of 224 pixels"
    )


def stem_advice(
    networks: Sequence[Network], image_shape: tuple[int, int, int], store: Store | None
) -> str:
    """What mends the stems of networks that have the trap.

    Args:
        networks: that have it.
        image_shape: channels, height, width.
        store: where is cached what was found before; None to find it.
    """
    of_timm = [network for network in networks if isinstance(network, Timm)]
    if any(not _takes_small_stem(network, image_shape, store) for network in of_timm):
        return (
            "on small images such a stem alone often costs more than ten points; 'small_stem' "
            "changes stems of convolutions only: take a network with smaller patches, or one of "
            "convolutions"
        )
    if len(of_timm) == len(networks):
        change = "; the change 'small_stem' does it"
    elif all(isinstance(network, Convolutional) for network in networks):
        change = "; the change 'stem' does it"
    else:
        change = ""
    return (
        "use a 3x3 convolution without stride and no pooling as the stem: on small images this "
        f"alone is often worth more than ten points{change}"
    )


def _takes_small_stem(
    network: Timm, image_shape: tuple[int, int, int], store: Store | None
) -> bool:
    """Whether the change 'small_stem' suits a network, found by building it."""
    name = json.dumps([network.model, image_shape])
    known = None if store is None else store.index.note("small_stem", name)
    if known is None:
        from rungs.network.building import cost

        try:
            cost(replace(network, stem="small"), image_shape, _SOME_CLASSES)
            known = True
        except RecipeError:
            known = False
        except RungsError:  # timm is not here: nothing can be said against it
            return True
        if store is not None:
            store.index.keep_note("small_stem", name, known)
    return bool(known)


def _after_stem(rows: Sequence[LayerRow]) -> Iterator[int]:
    """Sides of the maps that the stem's convolution puts out, and that those after it are given.

    Where the first one has a stride, three more: deep stems have three convolutions before they
    pool. Maps of one pixel are those of squeeze-and-excitation.
    """
    first = next((n for n, row in enumerate(rows) if "convolution" in row.operation), None)
    if first is None or len(rows[first].shape) != _MAP:
        return
    yield min(rows[first].shape[1:])
    given = [
        min(before.shape[1:])
        for before, row in pairwise(rows[first:])
        if "convolution" in row.operation and len(before.shape) == _MAP
    ]
    yield from (side for side in given[:_DEEP_STEM] if side > 1)


# --- starts --------------------------------------------------------------------------------------


def _starts(study: Study, store: Store | None, *, strict: bool) -> list[str]:
    """A line for every start from trained weights: what is taken over, and what is left out."""
    lines: dict[str, list[str]] = {}
    started = [rung.name for rung in study.rungs if not isinstance(rung.recipe.start, FreshWeights)]
    for rung in map(study.rung, _answering(study, store, started)):
        try:
            said = _start(rung.recipe, study.data, store)
        except DataError as error:
            if strict:
                raise
            said = f"cannot start yet: {error}"
        lines.setdefault(said, []).append(rung.name)
    return [f"{', '.join(names)}: {said}." for said, names in lines.items()]


def _start(recipe: Recipe, data: DataSpec, store: Store | None) -> str:
    plain = [recipe_to_dict(recipe)["start"], identity(recipe, data), recipe.scaling]
    name = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
    said = None if store is None else store.index.note("start", name)
    if said is None:
        from rungs.network.building import describe_start

        said = describe_start(recipe, data.image_shape, data.classes)
        if store is not None:
            store.index.keep_note("start", name, said)
    return str(said)


# --- counts --------------------------------------------------------------------------------------


def _counted(study: Study, store: Store | None) -> list[str]:
    """Lines that say who counted the FLOPs of networks that the recipe does not describe."""
    networks = {rung.name: rung.recipe.network for rung in study.rungs}
    others = [name for name, one in networks.items() if not isinstance(one, Convolutional)]
    by_torch: dict[str, None] = {}
    by_nobody: dict[str, None] = {}
    for name, (parameters, _, flops) in costs(study, store, others).items() if others else ():
        if parameters is None:  # it answers nothing
            continue
        network = networks[name]
        called = f"timm:{network.model}" if isinstance(network, Timm) else network.kind
        (by_nobody if flops is None else by_torch)[called] = None
    found = []
    if by_torch:
        found.append(
            f"FLOPs of {', '.join(by_torch)} are counted by torch: its convolutions, matrix "
            "products and attention."
        )
    if by_nobody:
        found.append(
            f"FLOPs of {', '.join(by_nobody)} are not known: torch's counter fails on this "
            "network, which computes all the same."
        )
    return found
