"""A run's folder: what the run measured, and whether all is there as it was written.

The folder may come from anybody.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path

from rungs.foundation.errors import StoreError, StrangerError
from rungs.foundation.files import read_json, write_json
from rungs.recipe import unknown_kinds
from rungs.store.results import Epoch, Result, RunSpec

# While a run is in progress: the point to go on from (`rungs.training.checkpoint`).
CHECKPOINT = "checkpoint.pt"


def read_result(folder: Path) -> Result:
    """What the run in a folder measured.

    Raises:
        StrangerError: it was made with a component that is not here.
        StoreError: there is no run, or it is damaged.
    """
    try:
        plain = read_json(folder / "run.json")
        result = Result(
            spec=RunSpec.from_dict(plain["spec"]),
            history=read_epochs(folder),
            best_epoch=plain["best_epoch"],
            snapshots=plain["snapshots"],
            execution=plain["execution"],
            exact=plain["exact"],
            failed=plain["failed"],
            read_off=plain.get("read_off"),  # younger than the format
            extends=plain.get("extends"),
            ceiling=plain.get("ceiling"),
            workers=plain.get("workers"),
        )
        _check(result)
        return result
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        strange = unknown_kinds(error)
        if strange:
            raise StrangerError(
                f"{folder}: made with a component that is not here: {', '.join(strange)}; a study "
                "that names its module makes it known",
                strange,
            ) from error
        raise StoreError(
            f"{folder}: this run cannot be read: {error!r}; "
            "`rungs store check --set-aside` takes damaged runs away, to be done again"
        ) from error


def epochs_file(folder: Path) -> Path:
    """Where a run writes down each epoch as it ends; who goes on with it writes all of it anew."""
    return folder / "epochs.jsonl"


def read_epochs(folder: Path) -> tuple[Epoch, ...]:
    """The epochs of a run, which may be in progress: a line that is being written is left out.

    Raises:
        OSError: there are none.
        ValueError, TypeError: a line is damaged.
    """
    text = epochs_file(folder).read_text(encoding="utf-8")
    lines = text[: text.rfind("\n") + 1].splitlines()
    return tuple(Epoch.from_dict(json.loads(line)) for line in lines)


def _check(result: Result) -> None:
    """Refuses what no training leaves, since a run may come from anybody.

    Raises:
        ValueError: what it says of itself cannot be.
        TypeError: a value of another kind.
    """
    epochs, recorded = len(result.history), result.spec.recorded
    for number, entry in enumerate(result.history, start=1):
        # What nobody told of a run that was trained elsewhere is NaN.
        known = [value for value in astuple(entry) if not (recorded and math.isnan(value))]
        if entry.epoch != number or not all(map(math.isfinite, known)):
            raise ValueError(f"its line {number} is no epoch")
    whole = epochs <= result.spec.epochs if recorded else epochs == result.spec.epochs
    if result.failed is None and not whole:
        raise ValueError(f"it has {epochs} of {result.spec.epochs} epochs")
    # A failed run has no best epoch, and of one that was recorded it may not be known.
    least = 1 if result.failed is None and not recorded else 0
    if not least <= result.best_epoch <= epochs:
        raise ValueError(f"its best epoch is {result.best_epoch} of {epochs}")
    if not 0 <= result.snapshots <= epochs:
        raise ValueError(f"it has {result.snapshots} snapshots of {epochs} epochs")
    for name in ("failed", "read_off", "extends"):
        if not isinstance(getattr(result, name), str | None):
            raise TypeError(f"{name} is no text")
    if not isinstance(result.execution, Mapping):
        raise TypeError("execution is no table")
    if recorded != isinstance(result.execution.get("recorded"), Mapping):
        raise TypeError(
            "what was trained elsewhere says so in its execution, and nothing else does"
        )
    if result.ceiling is not None and not math.isfinite(result.ceiling):
        raise ValueError("ceiling is not finite")
    if result.workers is not None and result.workers < 1:
        raise ValueError("it was trained by no worker")


def write_manifest(folder: Path, key: str) -> None:
    """Writes the checksums of all files of a run folder into it: from then on it is whole."""
    digests = {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in _files(folder).items()
    }
    write_json(folder / "manifest.json", {"format": 1, "key": key, "sha256": digests})


def check_manifest(folder: Path) -> None:
    """Compares a run folder with its manifest; both may come from anybody.

    Raises:
        StoreError: a file is missing, is one too many, or is not what was written.
    """
    try:
        digests = read_json(folder / "manifest.json")["sha256"]
        found = _files(folder)
        # Only files of the folder are opened, whatever names the manifest holds.
        for name in sorted(set(digests) ^ set(found)):
            what = "missing" if name in digests else "not in its manifest"
            raise StoreError(f"{folder}: {name} is {what}")
        for name, path in found.items():
            if hashlib.sha256(path.read_bytes()).hexdigest() != digests[name]:
                raise StoreError(f"{path} is not what was written: its checksum differs")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(f"{folder}: its manifest cannot be checked: {error}") from error


def check_file(folder: Path, name: str) -> None:
    """Compares one file of a run folder with its manifest, before somebody builds on it.

    Args:
        folder: of the run.
        name: of the file in it, with ``/`` between parts.

    Raises:
        StoreError: it is missing, or is not what was written.
    """
    try:
        wanted = read_json(folder / "manifest.json")["sha256"][name]
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"{folder / name} cannot be checked: {error}.") from error
    if found != wanted:
        raise StoreError(f"{folder / name} is not what was written.")


def _files(folder: Path) -> dict[str, Path]:
    """A run folder's files by their names in it, without the manifest and unfinished writes."""
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json" and not path.name.startswith(".")
    }
