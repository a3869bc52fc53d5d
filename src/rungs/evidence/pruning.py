"""What of a store can be deleted, and deleting it.

What goes, if nobody names anything: runs that were moved aside as damaged; what a killed process
has left; checkpoints that no study needs which is being trained; and finished runs that no study
asks for, such as those of `rungs try`.

What stays: every run of a study that is not finished yet; every finished run that a study asks for
in any budget, or asked for before its file was changed if its test set is open; and what was there
before studies were noted (`rungs.study.known`), of which nobody knows whose it is. Of a study that
is named go its checkpoints and the finished runs that no other study asks for. With a run go the
notes and tags on it. Reports, seals, decisions on seeds, labels and audits always stay: they are
small, and cannot be made again.
"""

import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rungs.evidence.seal import opened_studies
from rungs.foundation.errors import UsageError
from rungs.foundation.files import size_on_disk
from rungs.foundation.wording import counted, did_you_mean, shown
from rungs.store import Store
from rungs.store.notes import forget_notes
from rungs.study.known import KnownStudy, forget_study, from_before, in_work, known_studies

Kind = Literal["run", "checkpoint", "damaged", "leftover"]

# A write that is under way is over by then.
_LEFTOVER_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Prunable:
    """Something that can go.

    Attributes:
        kind: ``run``: a finished one; ``checkpoint``: of a run that is not finished, or of what a
            longer one would continue from; ``damaged``: a run that was moved aside; ``leftover``:
            of a process that was killed.
        name: key of the run, or the folder's name.
        why: nothing needs it, in words.
        path: of its folder.
        bytes: that are freed.
    """

    kind: Kind
    name: str
    why: str
    path: Path
    bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {**asdict(self), "path": str(self.path)}


@dataclass(frozen=True)
class Pruning:
    """What goes, and of what stays what somebody may wonder about.

    Attributes:
        going: what goes.
        staying: a line for each kind of thing that stays though no study is known to need it.
        studies: names of studies that are given up with it.
    """

    going: tuple[Prunable, ...]
    staying: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """That are freed."""
        return sum(item.bytes for item in self.going)


def prunable(store: Store, names: Sequence[str] = (), now: float | None = None) -> Pruning:
    """What of a store can go.

    Args:
        store: the store.
        names: studies that are given up, and keys of single runs.
        now: in seconds since 1970; the present if None.

    Raises:
        UsageError: a name of nothing in the store, or a run that a study in training needs.
        StoreError: a note of a study or a seal is damaged.
    """
    studies = known_studies(store)
    given_up = {study.name: study for study in studies if study.name in names}
    others = [study for study in studies if study.name not in given_up]
    known = {study.name for study in studies}
    named_runs = [name for name in names if name not in known]
    there = {*store.keys(), *in_work(store)}
    for name in named_runs:
        if name not in there:
            hint = did_you_mean(name, sorted(known))
            raise UsageError(f"{store.root} has no study and no run {shown(name)}{hint}")
    needed = _needed(others, store)
    for name in named_runs:
        if name in needed:
            raise UsageError(
                f"run {name} is needed by study '{needed[name]}', which is not finished; name the "
                "study to give it up"
            )
    asked = _asked_by(others, opened_studies(store.root))
    named = {key for study in given_up.values() for key in study.keys | study.former}
    # Of checkpoints from then, nobody knows whether a study was being trained.
    from_then = from_before(store) - set(named_runs) - named
    before = from_then - set(_asked_by(studies, frozenset(known)))
    tried = {key: words for study in studies for key, words in study.tried.items()}
    going: list[Prunable] = []
    finished = [*store.keys()]
    for key in finished:
        if key not in named_runs and (key in asked or key in before):
            continue
        if key in named_runs:
            why = "asked for by name"
        elif key in named:
            why = "of a study that is given up"
        elif key in tried:
            why = f"only tried: {tried[key]}"
        else:
            why = _orphaned(key, others)
        going.append(_item("run", store.run_folder(key), key, why))
    for key in in_work(store):
        if key in finished:
            why = "the run is finished"
        elif key in needed or key in from_then:
            continue
        elif key in named_runs:
            why = "asked for by name"
        else:
            why = _unneeded(key, asked, given_up.values())
        going.append(_item("checkpoint", store.root / "work" / key, key, why))
    going += _remains(store.root, time.time() if now is None else now)
    return Pruning(tuple(going), tuple(_staying(store, before, studies)), (*given_up,))


def _needed(studies: Sequence[KnownStudy], store: Store) -> dict[str, str]:
    """Key of each run of a study that is not finished -> the study."""
    return {key: study.name for study in studies for key in study.unfinished(store)}


def _asked_by(studies: Sequence[KnownStudy], opened: Collection[str]) -> dict[str, str]:
    """Key of each run that a report may rest on -> the study."""
    return {
        key: study.name
        for study in studies
        for key in study.keys | (study.former if study.name in opened else frozenset())
    }


def _orphaned(key: str, studies: Sequence[KnownStudy]) -> str:
    """Why nobody asks for a run."""
    for study in studies:
        if key in study.former:
            return f"of '{study.name}' before its file was changed"
    return "no study asks for it"


def _unneeded(key: str, asked: Mapping[str, str], given_up: Collection[KnownStudy]) -> str:
    """Why a checkpoint is not needed."""
    if any(key in study.keys for study in given_up):
        return "of a study that is given up"
    if key in asked:
        return f"left for a budget of '{asked[key]}' that is not being trained"
    return "no study asks for it"


def _remains(root: Path, now: float) -> Iterator[Prunable]:
    for path in sorted((root / "damaged").glob("*")):
        yield _item("damaged", path, path.name, "moved aside by `rungs store check --set-aside`")
    for path in sorted((root / "runs").glob(".*")):
        if path.is_dir() and now - path.stat().st_mtime > _LEFTOVER_SECONDS:
            yield _item("leftover", path, path.name, "of a process that was killed")
    for path in sorted((root / "runs").glob("[!.]*")):
        whole = (path / "manifest.json").exists()
        if path.is_dir() and not whole and now - path.stat().st_mtime > _LEFTOVER_SECONDS:
            yield _item("leftover", path, path.name, "never was whole: it has no manifest")


def _staying(store: Store, before: frozenset[str], studies: Sequence[KnownStudy]) -> Iterator[str]:
    there = before & {*store.keys(), *in_work(store)}
    if there:
        was = "was" if len(there) == 1 else "were"
        yield (
            f"{counted(len(there), 'run')} {was} there before this store noted which study asks "
            "for which, and nothing of that goes unless it is named by its key; `rungs report "
            "STUDY` notes what a study asks for."
        )
    unread = [study.name for study in studies if not study.asked]
    if unread:
        yield (
            f"of {', '.join(unread)} only reports are known: `rungs report` with the study's file "
            "notes what it asks for."
        )


def _item(kind: Kind, path: Path, name: str, why: str) -> Prunable:
    return Prunable(kind, name, why, path, size_on_disk(path))


def prune(store: Store, names: Sequence[str] = ()) -> Pruning:
    """Deletes what `prunable` finds, while nothing trains in the store.

    Raises:
        UsageError: as `prunable`.
        StoreError: another process does runs in the store.
    """
    import filelock

    with store.sole("store prune"):
        found = prunable(store, names)
        gone = []
        for item in found.going:
            lock = filelock.FileLock(store.root / "work" / f"{item.name}.lock")
            if item.kind == "checkpoint":
                try:  # a worker whose command was killed ends itself, but not at once
                    lock.acquire(blocking=False)
                except filelock.Timeout:
                    continue
            try:
                _delete(item.path)
                if item.kind == "run":
                    (store.measures / f"{item.name}.json").unlink(missing_ok=True)
                if item.kind in ("run", "checkpoint") and not store.is_finished(item.name):
                    forget_notes(store, item.name)
            finally:
                lock.release()
            gone.append(item)
        for name in found.studies:
            forget_study(store, name)
        store.refresh_index()
    return Pruning(tuple(gone), found.staying, found.studies)


def _delete(folder: Path) -> None:
    # First what says that it is whole: killed in the middle, this leaves no run with missing parts.
    (folder / "manifest.json").unlink(missing_ok=True)
    shutil.rmtree(folder)
