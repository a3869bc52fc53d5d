"""What was found once, kept in the user's cache: plans without a store load no torch, nor scipy.

    CACHE/rungs/KIND/rungs-VERSION-torch-VERSION-SOURCE.json

A file holds what one version of the program found. SOURCE is a hash of the modules that find it,
since a checkout changes under one version. Only what hangs on these modules alone is kept, and so
no network of a user's or a library's: it may be another one tomorrow, under the same name.
"""

import contextlib
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import platformdirs

from rungs.foundation.environment import version_of, version_of_rungs
from rungs.foundation.files import read_json, write_json

# What is kept: the folder's name.
Kind = Literal["costs", "sizes", "at-best", "speeds", "layers"]

_SOURCES = Path(__file__).parents[1]
_BUILDING = ("ops", "recipe/components", "network")
# Folders of the modules that each kind hangs on.
_FOUND_BY: Mapping[Kind, tuple[str, ...]] = {
    "costs": _BUILDING,
    "sizes": _BUILDING,
    "at-best": ("statistics",),
    "speeds": (),
    "layers": _BUILDING,
}


def read_kept(kind: Kind) -> dict[str, Any]:
    """What is kept of a kind, by name; what is damaged counts as not there."""
    try:
        plain = read_json(_path(kind))
    except (OSError, ValueError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}


def keep(kind: Kind, found: Mapping[str, Any]) -> None:
    """Keeps what `read_kept` gives, in place of all before, if the cache can be written.

    What another process adds meanwhile may be lost, and is found again.
    """
    with contextlib.suppress(OSError):
        path = _path(kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, dict(found))


def _path(kind: Kind) -> Path:
    names = ("rungs", version_of_rungs()), ("torch", version_of("torch"))
    version = "-".join(f"{name}-{number}" for name, number in names)
    name = f"{version}-{_source(_FOUND_BY[kind])}.json"
    return platformdirs.user_cache_path("rungs") / kind / name


@cache
def _source(folders: tuple[str, ...]) -> str:
    """12 hex digits of the sha256 of the modules in some folders."""
    found = hashlib.sha256()
    for folder in folders:
        for path in sorted((_SOURCES / folder).glob("*.py")):
            found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:12]
