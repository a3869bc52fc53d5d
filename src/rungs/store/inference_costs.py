"""What answering costs: milliseconds and bytes per model, measured once and kept beside the runs.

    STORE/measures/inference/ID.json, ARCHIVE/inference/ID.json

ID is a hash of the network, the images' shape and the number of models that answer together.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rungs.data.spec import DataSpec
from rungs.foundation.errors import StoreError
from rungs.foundation.files import read_json, write_json
from rungs.recipe import Recipe, recipe_to_dict
from rungs.recipe.components import Component
from rungs.recipe.components.core import version_of
from rungs.store import Store

_FOLDER = "inference"
_FILE = re.compile(r"[0-9a-f]{16}\.json")
# Young fields that networks had when the first measurements were named.
_NAMED_FIRST = frozenset({"stem", "pooling", "squeeze", "drop_path", "scale"})


@dataclass(frozen=True)
class Inference:
    """What it takes to answer for images, with one model or several whose outputs are averaged.

    Attributes:
        models: that answer together, one after the other.
        batch_size: images at a time.
        milliseconds: per image, the shortest of several passes.
        weights_bytes: of all models.
        peak_bytes: of all models and the largest set of tensors alive during a pass; on a CPU
            without what kernels take for themselves.
        hardware: processor, threads, torch's version.
    """

    models: int
    batch_size: int
    milliseconds: float
    weights_bytes: int
    peak_bytes: int
    hardware: str


def read_inference(store: Store, recipe: Recipe, data: DataSpec, models: int) -> Inference | None:
    """What was measured; None if nothing was, or if it cannot be read."""
    try:
        return _read(_path(store.measures, recipe, data, models))
    except (OSError, StoreError):
        return None


def keep_inference(store: Store, recipe: Recipe, data: DataSpec, found: Inference) -> None:
    """Keeps what was measured."""
    path = _path(store.measures, recipe, data, found.models)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, asdict(found))


def copy_inference(source: Path, target: Path) -> None:
    """Takes measurements that are not there yet, such as from an archive to a store's measures.

    Raises:
        StoreError: a file is damaged, or is none of ours; it may come from anybody.
    """
    for path in sorted((source / _FOLDER).glob("*")):
        if not _FILE.fullmatch(path.name) or path.is_symlink():
            raise StoreError(f"{path} is not a measurement: archives of Rungs hold no such file")
        copied = target / _FOLDER / path.name
        if not copied.exists():
            copied.parent.mkdir(parents=True, exist_ok=True)
            write_json(copied, asdict(_read(path)))


def _read(path: Path) -> Inference:
    try:
        plain = read_json(path)
        found = Inference(
            models=int(plain["models"]),
            batch_size=int(plain["batch_size"]),
            milliseconds=float(plain["milliseconds"]),
            weights_bytes=int(plain["weights_bytes"]),
            peak_bytes=int(plain["peak_bytes"]),
            hardware=str(plain["hardware"])[:200],
        )
    except FileNotFoundError:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise StoreError(f"{path} is damaged: {error!r}") from error
    if not (math.isfinite(found.milliseconds) and found.milliseconds > 0):
        raise StoreError(f"{path} is damaged: {found.milliseconds} milliseconds")
    return found


def _path(folder: Path, recipe: Recipe, data: DataSpec, models: int) -> Path:
    version = version_of(recipe.network, recipe)
    plain = _as_named(recipe.network, recipe_to_dict(recipe)["network"])
    network = {**plain, "version": version}
    parts = [network, recipe.precision, data.image_shape, data.classes, models]
    text = json.dumps(parts, sort_keys=True)
    return folder / _FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def _as_named(part: Component, plain: Mapping[str, Any]) -> dict[str, Any]:
    """A plain form as measurements were named by it when its youngest fields were not there yet.

    Args:
        part: a network, or a part of one.
        plain: its plain form.
    """
    found = {}
    for field in fields(part):
        value = getattr(part, field.name)
        as_before = field.name in part.introduced and value == part.introduced[field.name]
        if as_before and field.name not in _NAMED_FIRST:
            continue
        inner = plain[field.name]
        name = part.former.get(field.name, field.name)
        found[name] = _as_named(value, inner) if isinstance(value, Component) else inner
    return found
