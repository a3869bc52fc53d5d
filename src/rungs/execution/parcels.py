"""Folders of runs as bytes: how they travel between machines that share no disk.

A parcel is an uncompressed zip file of plain files. What arrives becomes part of the store in one
step or not at all.
"""

import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from rungs.foundation.errors import StoreError
from rungs.foundation.files import write_atomically
from rungs.store import Store
from rungs.store.run_folder import CHECKPOINT, check_manifest, read_result

# A worker may write its next checkpoint while the last one is read.
_MOST_TRIES = 5


def pack(files: Mapping[str, bytes]) -> bytes:
    """Files by their names, with ``/`` between parts, as bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def unpack(parcel: bytes) -> dict[str, bytes]:
    """The inverse of `pack`.

    Raises:
        StoreError: it is damaged, or names a file that would lie elsewhere.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(parcel)) as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise StoreError(f"a run's folder did not arrive whole: {error}") from error
    for name in found:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts:
            raise StoreError(f"a run's folder arrived with a file {name!r}, which is none of it")
    return found


def unpack_into(folder: Path, parcel: bytes) -> None:
    """Writes the files of a parcel into a folder, which is made.

    Raises:
        StoreError: as `unpack`.
    """
    for name, content in unpack(parcel).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def packed_run(store: Store, key: str) -> bytes:
    """The folder of a finished run."""
    folder = store.run_folder(key)
    return pack(
        {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
    )


def packed_progress(store: Store, key: str) -> bytes | None:
    """A run in progress as of its last checkpoint, which may be written at the same time.

    Returns:
        None where there is no checkpoint, or new ones come more quickly than one is read.
    """
    folder = store.root / "work" / key
    for _ in range(_MOST_TRIES):
        before = _written(folder)
        if before is None:
            return None
        try:
            files = {
                path.name: path.read_bytes()
                for path in sorted(folder.iterdir())
                # With its result beside it, it would be taken for one that has ended.
                if path.is_file() and path.name != "run.json" and not path.name.startswith(".")
            }
        except FileNotFoundError:  # weights that the next checkpoint no longer names
            continue
        if _written(folder) == before:
            return pack(files)
    return None


def _written(folder: Path) -> tuple[int, int] | None:
    """What is another with every checkpoint that is written; None if there is none."""
    try:
        found = (folder / CHECKPOINT).stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def enter_run(store: Store, key: str, parcel: bytes) -> None:
    """Brings a finished run that was done elsewhere into the store, unless it is there.

    Raises:
        StoreError: it is damaged, or another run.
    """
    if store.is_finished(key):
        return
    target = store.run_folder(key)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{key}.") as name:
        folder = Path(name) / key
        unpack_into(folder, parcel)
        check_manifest(folder)
        found = read_result(folder).spec.key
        if found != key:
            raise StoreError(f"run {found} arrived where {key} was expected")
        work = store.work_folder(key)
        shutil.rmtree(work)
        folder.rename(work)
    store.complete(key)


def enter_progress(store: Store, key: str, parcel: bytes) -> None:
    """Makes what was done of a run elsewhere the point to go on from; no moment is without one.

    Raises:
        StoreError: it is damaged.
    """
    files = unpack(parcel)
    folder = store.work_folder(key)
    # As a training writes them: the checkpoint after what it names, and before what goes.
    last = (CHECKPOINT, "epochs.jsonl")
    for name in (*(name for name in files if name not in last), *last):
        if name in files and "/" not in name:
            content = files[name]
            write_atomically(folder / name, lambda file, text=content: file.write(text))  # type: ignore[misc]
    for path in folder.iterdir():
        if path.name not in files and path.is_file():
            path.unlink()


def epochs_in(parcel: bytes) -> int:
    """Epochs that are done of a run in progress.

    Raises:
        StoreError: it is damaged.
    """
    return unpack(parcel).get("epochs.jsonl", b"").count(b"\n")


def own_folder(name: str) -> Path:
    """A folder of this process below the system's temporary one; those of dead ones are removed."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    top = Path(tempfile.gettempdir()) / f"{name}-{user}"
    top.mkdir(mode=0o700, exist_ok=True)
    for folder in top.iterdir():
        process = folder.name.split("-")[0]
        if process.isdecimal() and not _is_alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=top, prefix=f"{os.getpid()}-"))


def _is_alive(process: int) -> bool:
    """Whether there is such a process; True where the system cannot be asked without harm."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
