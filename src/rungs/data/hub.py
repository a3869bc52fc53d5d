"""Data sets of the Hugging Face hub: which commit a revision is, and its files, fetched once.

CACHE/hub/HASH.json    the commit that a revision stood for when it was fetched, and the place

The files themselves lie in the cache of `huggingface_hub`, where other programs find them too.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import platformdirs

from rungs.data.kinds.core import Say
from rungs.data.pictures.looks import name_of
from rungs.data.pictures.parquet import parquet_files
from rungs.data.pictures.source import part_named, printable
from rungs.foundation.errors import DataError, RungsError
from rungs.foundation.extras import require
from rungs.foundation.files import read_json, write_json
from rungs.foundation.limits import MAX_PARQUET_BYTES
from rungs.foundation.wording import listed, shown

_SUFFIX = ".parquet"
# Of the branch in which the hub keeps what it made of sets in other forms.
_CONVERTED = "refs/convert/parquet"
_MOST_FILES = 10_000
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class AtHand:
    """A set's files on this machine.

    Attributes:
        commit: of the repository, 40 hex digits.
        place: the folder with its parquet files.
    """

    commit: str
    place: Path


@dataclass(frozen=True)
class _File:
    """A file as the hub describes it; a checksum that it does not give is None."""

    path: str
    size: int
    sha256: str | None
    git_sha1: str | None


def at_hand(
    name: str,
    revision: str,
    subset: str | None,
    say: Say,
    cache_dir: Path | None = None,
) -> AtHand:
    """The files of a set at a revision: as they were fetched before, or fetched now.

    Args:
        name: of the set.
        revision: a commit, branch or tag; what the latter two stood for when the set was fetched
            holds from then on.
        subset: of several in the repository.
        say: receives lines for the user.
        cache_dir: keeps what revisions stood for; the user's cache if None.

    Raises:
        DataError: the set cannot be fetched, its files are not those that the hub says, or none of
            them is a parquet file.
    """
    folder = (cache_dir or platformdirs.user_cache_path("rungs")) / "hub"
    record = folder / f"{name_of(Path(name), [revision, subset])}.json"
    known = _read(record)
    if known is not None and known.place.is_dir() and parquet_files(known.place):
        return known
    try:
        require("hub", "a data set of the Hugging Face hub")
    except RungsError as error:
        if known is not None:
            return known  # what was decoded of it may do
        raise DataError(str(error)) from error
    try:
        found = _fetched(name, revision if known is None else known.commit, subset, say)
    except DataError:
        if known is not None:
            return known
        raise
    folder.mkdir(parents=True, exist_ok=True)
    write_json(record, {"commit": found.commit, "place": str(found.place)})
    return found


def _read(record: Path) -> AtHand | None:
    try:
        plain = read_json(record)
        return AtHand(str(plain["commit"]), Path(plain["place"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _fetched(name: str, revision: str, subset: str | None, say: Say) -> AtHand:
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import OfflineModeIsEnabled
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()  # lines of our own say what is fetched
    try:
        with _told(name, revision):
            info = HfApi().dataset_info(name, revision=revision, files_metadata=True)
    except OfflineModeIsEnabled:
        return _kept(name, revision, subset)
    commit = str(info.sha)
    every = [_described(one) for one in info.siblings or ()]
    inside, paths = chosen([one.path for one in every], name, subset)
    files = [one for one in every if one.path in paths]
    total = sum(one.size for one in files)
    if total > MAX_PARQUET_BYTES or len(files) > _MOST_FILES:
        raise DataError(
            f"{name}: {len(files):,} files of {total:,} bytes, expected at most {_MOST_FILES:,} of "
            f"{MAX_PARQUET_BYTES:,} bytes in all"
        )
    snapshot = Path()
    for file in files:
        say(f"fetching {printable(file.path)} of {name} ({file.size / 1e6:,.1f} MB)")
        with _told(name, revision):
            path = hf_hub_download(name, file.path, repo_type="dataset", revision=commit)
        _check(Path(path), file)
        snapshot = Path(path).parents[len(PurePosixPath(file.path).parts) - 1]
    return AtHand(commit, snapshot / inside)


def _kept(name: str, revision: str, subset: str | None) -> AtHand:
    """What the hub's own cache has of a set, where the hub may not be asked."""
    from huggingface_hub import snapshot_download

    with _told(name, revision):
        snapshot = Path(
            snapshot_download(name, repo_type="dataset", revision=revision, local_files_only=True)
        )
    there = [path.relative_to(snapshot).as_posix() for path in snapshot.rglob(f"*{_SUFFIX}")]
    inside, _ = chosen(sorted(there), name, subset)
    return AtHand(snapshot.name, snapshot / inside)


def _described(sibling: Any) -> _File:
    lfs = sibling.lfs
    sha256 = lfs.get("sha256") if isinstance(lfs, Mapping) else getattr(lfs, "sha256", None)
    return _File(str(sibling.rfilename), int(sibling.size or 0), sha256, sibling.blob_id)


def chosen(paths: Sequence[str], name: str, subset: str | None) -> tuple[str, frozenset[str]]:
    """The folder in a repository that holds the parquet files of a set, and these files.

    A file of a subset lies in a folder of its name, perhaps in one for its part; that of a
    repository with one set at the top, in ``data``, or in folders of parts.

    Args:
        paths: of all files in the repository.
        name: of the repository, for messages.
        subset: its name; None where there is but one.

    Raises:
        DataError: there are none, or several subsets and none was named.
    """
    found: dict[str, list[str]] = {}  # folder -> files
    for path in paths:
        parts = PurePosixPath(path).parts
        if path.endswith(_SUFFIX) and ".." not in parts and len(parts) <= 3:
            of_part = len(parts) > 1 and part_named(parts[-2]) is not None
            inside = parts[: -2 if of_part else -1]
            found.setdefault("/".join(inside), []).append(path)
    if subset is not None:
        if subset not in found:
            raise DataError(
                f"{name}: no subset {shown(subset)} in parquet files; there are "
                f"{listed([printable(one) for one in found]) or 'none'}"
            )
        return subset, frozenset(found[subset])
    if not found:
        raise DataError(
            f"{name}: no parquet files at this revision; what the hub made of sets in other forms "
            f'is at revision = "{_CONVERTED}"'
        )
    usual = [one for one in ("", "data", "default") if one in found]
    if len(found) > 1 and not usual:
        raise DataError(
            f"{name}: which of its sets is meant? subset in [data] names one of "
            f"{listed([printable(one) for one in found])}"
        )
    inside_it = usual[0] if usual else next(iter(found))
    return inside_it, frozenset(found[inside_it])


def _check(path: Path, file: _File) -> None:
    """That what came is what the hub says; a file that is not is removed."""
    content = hashlib.sha256()
    blob = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as opened:
        while block := opened.read(_READ_BYTES):
            content.update(block)
            blob.update(block)
    # The blob of a file in the hub's store of large files is only a pointer to it.
    expected, got = (
        (file.sha256, content.hexdigest()) if file.sha256 else (file.git_sha1, blob.hexdigest())
    )
    if expected is not None and got != expected:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise DataError(
            f"{path}: damaged on its way, and removed: its checksum is {got}, the hub says "
            f"{expected}"
        )


@contextmanager
def _told(name: str, revision: str) -> Iterator[None]:
    """What the library raises is a ``DataError``; that it may not ask the hub is left to others."""
    from huggingface_hub import errors

    try:
        yield
    except errors.OfflineModeIsEnabled:
        raise
    except errors.GatedRepoError as error:
        raise DataError(
            f"{name}: its owner wants to be asked first: do so on its page, and log in with "
            "`hf auth login`"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise DataError(
            f"{name}: the hub has no such data set, or none for everybody: `hf auth login` logs in"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise DataError(f"{name}: no revision {shown(revision)}") from error
    except Exception as error:  # of several libraries that fetch
        lines = str(error).splitlines() or [""]
        raise DataError(f"{name}: cannot be fetched: {type(error).__name__}: {lines[0]}") from error
