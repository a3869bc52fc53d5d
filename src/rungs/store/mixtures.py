"""Mixtures: models whose softmax outputs are averaged, every one with the same weight.

What a mixture answers is computed from the stored logits of its members, which may come from
several runs, and kept:

    STORE/measures/mixtures/ID-PART.npz      can be deleted; made anew from the logits
    ARCHIVE/mixtures/ID-PART.npz             where there are no logits any more

ID is a hash of the members' names. The last snapshots of one run stand in the run's own folder of
an archive, and are not kept twice.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from rungs.foundation.errors import StoreError
from rungs.foundation.files import is_older
from rungs.statistics.predictions import (
    IntArray,
    Labels,
    fits,
    members_file,
    read_classes,
    read_logits,
    together,
    write_classes,
)
from rungs.store import PARTS, Store

# A model: the key of its run and the name of its prediction, such as ``snapshot-2``.
Member = tuple[str, str]
Members = tuple[Member, ...]

_FOLDER = "mixtures"
_FILE = re.compile(rf"[0-9a-f]{{16}}-({'|'.join(PARTS)})\.npz")


def growing(members: Members) -> tuple[tuple[Members, ...], tuple[Members, ...]]:
    """The first 1, 2 ... M members together, and the last 1, 2 ... M (Huang et al., figure 4)."""
    counts = range(1, len(members) + 1)
    return tuple(members[:k] for k in counts), tuple(members[-k:] for k in counts)


def mixture(store: Store, members: Members, part: str, labels: Labels) -> IntArray | None:
    """The classes [N] that the members predict together for one part of the data.

    Args:
        store: where their runs are, all finished.
        members: one at least; of one alone its own answers.
        part: ``validation`` or ``test``.
        labels: of that part.

    Returns:
        None where an archive kept neither the members' logits nor the mixture.

    Raises:
        StoreError: predictions are damaged or of another data set.
    """
    if len(members) == 1:
        return store.answers(*members[0], part, labels)
    archived = _in_its_run(store, members, part)
    if archived is not None:
        return store.answers(*archived, part, labels)
    path = _path(store.measures, members, part)
    files = [store.run_folder(key) / "predictions" / f"{name}-{part}.npy" for key, name in members]
    whole = all(file.exists() for file in files)
    found = None
    # A run that was damaged, and is trained anew, has other logits than it had.
    if path.exists() and not (whole and is_older(path, files)):
        try:
            found = read_classes(path)
        except StoreError:
            if not whole:
                raise
    if found is None:
        if not whole:
            return None
        found = together([read_logits(file) for file in files])
        with contextlib.suppress(OSError):  # a store that is only read
            path.parent.mkdir(parents=True, exist_ok=True)
            write_classes(path, found)
    if not fits(found, labels):
        raise StoreError(f"{files[0]} and its like are predictions on another data set")
    return found


def without_logits(store: Store, members: Members) -> tuple[str, ...]:
    """Keys of those runs for which the answers of members of several runs can never be known.

    They came from an archive, which keeps no logits, and it did not keep this mixture.
    """
    keys = tuple(dict.fromkeys(key for key, _ in members))
    if len(keys) < 2 or all(_path(store.measures, members, part).exists() for part in PARTS):
        return ()
    folders = {key: store.run_folder(key) / "predictions" for key in keys}
    lost = {
        key
        for key, name in members
        for part in PARTS
        if (folders[key] / f"{name}-{part}.npz").exists()
        and not (folders[key] / f"{name}-{part}.npy").exists()
    }
    return tuple(key for key in keys if key in lost)


def export_mixtures(store: Store, wanted: Iterable[Members], archive: Path) -> None:
    """Writes the mixtures that an archive of the members' runs could not give any more.

    Those whose members are not all finished are left out.
    """
    for members in wanted:
        if len(members) == 1 or not all(store.is_finished(key) for key, _ in members):
            continue
        if _are_last_snapshots(store, members):
            continue
        data = store.result(members[0][0]).spec.data.fingerprint
        for part in PARTS:
            target = _path(archive, members, part)
            labels = store.labels(data, part)
            if target.exists() or labels is None:
                continue
            found = mixture(store, members, part, labels)
            if found is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                write_classes(target, found)


def import_mixtures(store: Store, archive: Path) -> None:
    """Takes the archive's mixtures that the store lacks; they may come from anybody.

    Raises:
        StoreError: a file is damaged, or is none of ours.
    """
    for source in sorted((archive / _FOLDER).glob("*")):
        if not _FILE.fullmatch(source.name) or source.is_symlink():
            raise StoreError(f"{source} is not a mixture: archives of Rungs hold no such file")
        target = store.measures / _FOLDER / source.name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            write_classes(target, read_classes(source))


def _path(folder: Path, members: Members, part: str) -> Path:
    name = hashlib.sha256(json.dumps(members).encode()).hexdigest()[:16]
    return folder / _FOLDER / f"{name}-{part}.npz"


def _are_last_snapshots(store: Store, members: Members) -> bool:
    """Whether the members are the last snapshots of one run, in order."""
    key = members[0][0]
    last = store.result(key).snapshots
    numbers = range(last - len(members) + 1, last + 1)
    return members == tuple((key, f"snapshot-{number}") for number in numbers)


def _in_its_run(store: Store, members: Members, part: str) -> Member | None:
    """The name under which an archived run holds the mixture of its last snapshots."""
    key = members[0][0]
    there = members_file(store.run_folder(key) / "predictions", part).exists()
    return (
        (key, f"ensemble-{len(members)}") if there and _are_last_snapshots(store, members) else None
    )
