"""An archive of results: finished runs in compact form, small enough to be kept in a repository.

    ARCHIVE/runs/KEY/    a run folder without weights, its predictions compact (``.npz``)

A run in an archive is under 150 KB for 15,000 images. It can be taken into any store, where it
counts as finished: reports and evaluation work from it, and it is not trained again.
"""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rungs.foundation.errors import StoreError
from rungs.foundation.files import write_json
from rungs.statistics.predictions import BEST, Labels, members_file, write_compact, write_members
from rungs.store import CALIBRATION, Store
from rungs.store.run_folder import check_manifest, read_result, write_manifest


def export_runs(store: Store, keys: Iterable[str], archive: Path) -> list[str]:
    """Writes finished runs that the archive lacks.

    Returns:
        The keys that were written.

    Raises:
        StoreError: a run is damaged, or labels are missing.
    """
    written = []
    for key in keys:
        target = archive / "runs" / key
        if (target / "manifest.json").exists() or not store.is_finished(key):
            continue
        check_manifest(store.run_folder(key))  # an archive has checksums of its own
        result = store.result(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{key}.") as name:
            folder = Path(name) / key
            (folder / "predictions").mkdir(parents=True)
            for file in ("run.json", "epochs.jsonl"):
                shutil.copyfile(store.run_folder(key) / file, folder / file)
            fingerprint = result.spec.data.fingerprint
            validation = store.labels(fingerprint, "validation")
            test = store.labels(fingerprint, "test")
            if validation is None or test is None:
                part = "validation" if validation is None else "test"
                raise StoreError(f"the labels of {part} are not in {store.root}")
            if not result.failed:
                for part, labels in (("validation", validation), ("test", test)):
                    _write_predictions(store, key, part, labels, folder / "predictions")
                found = store.calibration(key, validation, test)
                if found is not None:
                    write_json(folder / "predictions" / CALIBRATION, found.to_dict())
            write_manifest(folder, key)
            if (target / "manifest.json").exists():  # another process was quicker
                continue
            if target.exists():
                shutil.rmtree(target)
            folder.rename(target)
        written.append(key)
    return written


def _write_predictions(store: Store, key: str, part: str, labels: Labels, folder: Path) -> None:
    best = store.predictions(key, part, labels)
    write_compact(folder / f"{BEST}-{part}.npz", best)
    snapshots = store.result(key).snapshots
    names = [f"snapshot-{number}" for number in range(1, snapshots + 1)]
    names += [f"ensemble-{members}" for members in range(2, snapshots + 1)]
    if names:
        members = {name: store.answers(key, name, part, labels) for name in names}
        write_members(members_file(folder, part), members, best.predicted)


def import_runs(store: Store, archive: Path) -> list[str]:
    """Takes the archive's runs that the store lacks.

    Returns:
        The keys that were taken.

    Raises:
        StoreError: the archive is no folder, or a file of it is damaged or missing.
    """
    if archive.exists() and not archive.is_dir():
        raise StoreError(f"{archive}: this is a file, expected the folder of an archive")
    taken = []
    for manifest in sorted((archive / "runs").glob("*/manifest.json")):
        source = manifest.parent
        key = source.name
        if store.is_finished(key):
            continue
        _check_foreign(source)
        check_manifest(source)
        target = store.run_folder(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{key}.") as name:
            copied = Path(name) / key
            shutil.copytree(source, copied)
            found = read_result(copied).spec
            # One of former versions of its components is of no plan of today, and harms nobody.
            if key not in found.all_keys():
                raise StoreError(
                    f"{source} holds run {found.key}, not the one that it is called after, and was "
                    "not called so under any former version of its components; delete this folder "
                    "and have the archive written again where the run was made"
                )
            if store.is_finished(key):  # it ended here in the meantime, with its weights
                continue
            if target.exists():
                shutil.rmtree(target)
            copied.rename(target)
        store.index.add(key, store.result(key))
        taken.append(key)
    return taken


# Of one run: a thousand epochs, and compact predictions of ten snapshots for a million images.
_MOST_BYTES = 200_000_000


def _check_foreign(folder: Path) -> None:
    """Refuses what no export writes, since an archive may come from anybody.

    Raises:
        StoreError: links, files outside, or more bytes than a run has.
    """
    total = 0
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise StoreError(f"{path} is a link or a device: archives of Rungs hold neither")
        total += path.stat().st_size if path.is_file() else 0
    if total > _MOST_BYTES:
        raise StoreError(f"{folder} has {total:,} bytes, more than a run can have")
