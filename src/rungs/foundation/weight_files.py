"""Files of weights that a study names: known by their content, kept in the user's cache.

``weights = ["body.safetensors"]`` makes a file known as ``body``. A recipe holds the hash of its
content, so that a file that was moved is the same and one that was changed is another; whoever
trains finds the copy by that hash.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from rungs.foundation.errors import DataError, RecipeError
from rungs.foundation.files import copy_file
from rungs.foundation.reading import opened
from rungs.foundation.wording import did_you_mean, shown

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
_MOST_BYTES = 8_000_000_000
_CHUNK_BYTES = 1 << 20

_named: dict[str, "WeightsFile"] = {}


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights.

    Attributes:
        name: by which changes name it: the file's without its ending.
        sha256: of its content, 64 hex digits.
        path: of the file itself, not of the copy.
    """

    name: str
    sha256: str
    path: Path


def weights_folder() -> Path:
    """Where weights are kept, and where published ones are looked for before they are fetched."""
    return platformdirs.user_cache_path("rungs") / "weights"


def name_weights(path: Path) -> WeightsFile:
    """Makes a file known by its name, and keeps a copy of it; another of its name is forgotten.

    Raises:
        DataError: it is not there, cannot be read or kept, or has another ending.
    """
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path}: expected a file of weights that ends in {', '.join(SUFFIXES)}")
    found = WeightsFile(path.stem, _digest(path), path)
    target = weights_folder() / (found.sha256 + path.suffix)
    if not target.exists():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_file(path, target)
        except OSError as error:
            raise DataError(
                f"{path} cannot be kept in {target.parent}: {error.strerror}"
            ) from error
    _named[found.name] = found
    return found


def named_weights(name: str) -> WeightsFile:
    """The file that was made known by a name.

    Raises:
        RecipeError: there is none; says how a study names one.
    """
    if name not in _named:
        raise RecipeError(
            f"no weights are called {shown(name)}{did_you_mean(name, [*_named])}; a study names "
            "their file at its top: weights = [\"body.safetensors\"] makes it known as 'body'"
        )
    return _named[name]


def weights_called(name: str, sha256: str) -> str:
    """How messages name weights: by the user's file, or by their name where that is not known."""
    file = _named.get(name)
    if file is not None and file.sha256 == sha256:
        return str(file.path)
    return f"the weights {shown(name)}"


def kept_weights(name: str, sha256: str) -> Path:
    """The copy of a file of weights, checked.

    Args:
        name: for people.
        sha256: of its content.

    Raises:
        DataError: it is not there, or damaged.
    """
    for suffix in SUFFIXES:
        path = weights_folder() / (sha256 + suffix)
        if path.exists():
            if _digest(path) != sha256:
                raise DataError(
                    f"the copy of {weights_called(name, sha256)} in {path} is damaged: delete it, "
                    "and run the study again"
                )
            return path
    raise DataError(
        f"the weights {shown(name)} (sha256 {sha256[:16]}...) are not in {weights_folder()}; "
        "a study that names their file puts them there"
    )


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with opened(path, _MOST_BYTES) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
