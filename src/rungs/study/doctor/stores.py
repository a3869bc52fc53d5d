"""A store: whether its runs are whole, and what they lack."""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from rungs.data.audit.findings import read_audit
from rungs.foundation.errors import StoreError, StrangerError
from rungs.foundation.wording import counted
from rungs.store import PARTS, Store
from rungs.store.run_folder import check_manifest
from rungs.study.doctor.diagnosis import Finding

# A study of some dozen runs fits, with its checkpoints.
_ENOUGH_BYTES = 2_000_000_000
# Of names that are listed.
_MOST = 3


def look_at_store(root: Path) -> Iterator[Finding]:
    """The store in a folder, which need not be there."""
    if not root.exists():
        yield Finding("note", "store", f"there is none in {root}", "`rungs run STUDY` makes it")
        return
    if not root.is_dir():
        yield Finding("problem", "store", f"{root} is not a folder", "choose a folder with --store")
        return
    store = Store(root)
    yield space_finding(root, shutil.disk_usage(root).free)
    if not os.access(root, os.W_OK):
        found = f"{root} cannot be written"
        yield Finding("problem", "store", found, "change its permissions, or choose --store")
    yield from _runs(store)
    yield from _data(store)
    half = sorted(path.parent.name for path in (root / "work").glob("*/checkpoint.pt"))
    if half:
        advice = "`rungs run` with their study resumes them"
        yield Finding("note", "runs in progress", f"{len(half)} half-done: {_some(half)}", advice)


def space_finding(root: Path, free_bytes: int) -> Finding:
    """Whether there is room for more runs."""
    found = f"{free_bytes / 1e9:.1f} GB free at {root}"
    if free_bytes >= _ENOUGH_BYTES:
        return Finding("ok", "disk", found)
    return Finding("warning", "disk", found, "free some space, or choose another disk with --store")


def _runs(store: Store) -> Iterator[Finding]:
    keys = [*store.keys()]
    damaged, strange, failed, bare = [], [], [], []
    for key in keys:
        try:
            check_manifest(store.run_folder(key))
        except StoreError:
            damaged.append(key)
            continue
        try:
            result = store.result(key)
            if result.failed is not None:
                failed.append(key)
            elif not result.spec.recorded and not any(
                (store.run_folder(key) / "weights").glob("*.safetensors")
            ):
                bare.append(key)
        except StrangerError as error:
            strange.append(f"{key} ({', '.join(error.kinds)})")
        except StoreError:
            damaged.append(key)
    if damaged:
        advice = "`rungs store check --set-aside` takes them away, so that they are trained again"
        yield Finding("problem", "store", f"damaged runs: {_some(damaged)}", advice)
    else:
        yield Finding("ok", "store", f"{counted(len(keys), 'run')} in {store.root}, none damaged")
    if strange:
        advice = "name the study whose modules they were made with: `rungs doctor STUDY`"
        found = f"{len(strange)} made with a component that is not here: {_some(strange)}"
        yield Finding("note", "runs of others", found, advice)
    if failed:
        advice = "`rungs report STUDY` says why; a lower learning rate often helps"
        yield Finding("warning", "runs that failed", f"{len(failed)}: {_some(failed)}", advice)
    if bare:
        advice = (
            "they came from an archive: figures are there, but `rungs predict` and `export` need "
            "weights; `rungs run STUDY --store OTHER` trains them again"
        )
        yield Finding("note", "runs without weights", f"{len(bare)}: {_some(bare)}", advice)


def _data(store: Store) -> Iterator[Finding]:
    """Labels and audits, without which no report can be made."""
    damaged = []
    for folder in sorted((store.root / "data").glob("*")):
        try:
            for part in PARTS:
                store.labels(folder.name, part)
        except StoreError:
            damaged.append(str(folder))
    if damaged:
        advice = "delete these folders; `rungs run` makes them again from the data"
        yield Finding("problem", "labels", f"damaged: {_some(damaged)}", advice)
    damaged = []
    for path in sorted((store.root / "audit").glob("*.json")):
        try:
            read_audit(store.root, path.stem)
        except StoreError:
            damaged.append(str(path))
    if damaged:
        advice = "delete these files; `rungs audit` makes them again"
        yield Finding("problem", "audits", f"damaged: {_some(damaged)}", advice)


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + rest
