"""Notes and tags that people put on runs, kept beside them: a run's own folder never changes.

    STORE/notes/KEY.json, ARCHIVE/notes/KEY.json    each note and tag, with when it came or went

What was taken away is kept as gone, so that a store and an archive agree once one was copied into
the other: of each note and tag, what was done last holds.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rungs.foundation.errors import StoreError, UsageError
from rungs.foundation.files import read_json, write_json
from rungs.foundation.limits import MAX_TEXT
from rungs.foundation.wording import shown
from rungs.store import Store

FOLDER = "notes"
_KINDS = ("note", "tag")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}")


@dataclass(frozen=True)
class Note:
    """A note on a run.

    Attributes:
        text: what it says.
        at: when it was written, in UTC as ISO 8601 writes it.
    """

    text: str
    at: str


@dataclass(frozen=True)
class Noted:
    """What people have said of a run.

    Attributes:
        notes: the oldest first.
        tags: in the order of letters.
    """

    notes: tuple[Note, ...] = ()
    tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.notes or self.tags)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {"notes": [asdict(note) for note in self.notes], "tags": list(self.tags)}


@dataclass(frozen=True)
class Change:
    """What is to be put on runs, and taken away.

    Attributes:
        notes: texts to add.
        tags: to add.
        without_notes: texts to take away.
        without_tags: to take away.

    Raises:
        UsageError: a text that is no note, or a word that is no tag.
    """

    notes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    without_notes: tuple[str, ...] = ()
    without_tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for text in self.notes:
            if not _is_note(text):
                raise UsageError(
                    f"a note is a text of 1 to {MAX_TEXT:,} characters without control characters, "
                    f"not {shown(text)}"
                )
        for tag in self.tags:
            if not _TAG.fullmatch(tag):
                raise UsageError(
                    "a tag is a word of 1 to 64 letters, digits and '_', '-', '.', ':', '/', which "
                    f"begins with a letter or digit, not {shown(tag)}"
                )

    def __bool__(self) -> bool:
        return bool(self.notes or self.tags or self.without_notes or self.without_tags)


@dataclass(frozen=True)
class _Entry:
    """When a note or tag came, or went."""

    at: str
    there: bool


# Kind and text of each note and tag that a run ever had.
_Entries = Mapping[tuple[str, str], _Entry]


def read_notes(root: Path, key: str) -> Noted:
    """What is said of a run in a store or an archive.

    Raises:
        StoreError: its file is damaged.
    """
    return _noted(_read(_path(root, key)))


def all_notes(root: Path) -> dict[str, Noted]:
    """Key -> what is said of the run, of all runs of which anything is said.

    Raises:
        StoreError: a file is damaged.
    """
    files = sorted((root / FOLDER).glob("[!.]*.json"))
    found = {file.stem: _noted(_read(file)) for file in files}
    return {key: noted for key, noted in found.items() if noted}


def change_notes(store: Store, keys: Iterable[str], change: Change) -> dict[str, Noted]:
    """Puts notes and tags on runs and takes some away; gives what is said of each now.

    Raises:
        UsageError: something that is to be taken away is on none of the runs.
        StoreError: a file is damaged.
    """
    keys = list(keys)
    lost = [("note", text) for text in change.without_notes]
    lost += [("tag", text) for text in change.without_tags]
    came = [("note", text) for text in change.notes] + [("tag", text) for text in change.tags]
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    with _alone(store):
        before = {key: _read(_path(store.root, key)) for key in keys}
        for kind, text in lost:
            if not any((kind, text) in _present(entries) for entries in before.values()):
                raise UsageError(f"none of these runs has the {kind} {shown(text)}")
        after = {}
        for key, entries in before.items():
            present = _present(entries)
            gone = {item: _Entry(now, there=False) for item in lost if item in present}
            new = {item: _Entry(now, there=True) for item in came if item not in present}
            after[key] = {**entries, **gone, **new}
            if gone or new:
                _write(store.root, key, after[key])
    return {key: _noted(entries) for key, entries in after.items()}


def copy_notes(source: Path, target: Path, keys: Collection[str], store: Store) -> None:
    """Takes what is said of runs from a store into an archive, or back.

    Args:
        source: a store or an archive.
        target: likewise.
        keys: of the runs.
        store: the one of both that is a store.

    Raises:
        StoreError: a file is damaged.
    """
    there = {file.stem for file in (source / FOLDER).glob("[!.]*.json")}
    with _alone(store):
        for key in sorted(there & set(keys)):
            known = _read(_path(target, key))
            both = _merged(known, _read(_path(source, key)))
            if both != known:
                _write(target, key, both)


def forget_notes(store: Store, key: str) -> None:
    """Takes away all that is said of a run, as if nothing ever was."""
    _path(store.root, key).unlink(missing_ok=True)


def _merged(one: _Entries, other: _Entries) -> _Entries:
    """Of each note and tag, what was done last."""

    def last(item: tuple[str, str]) -> _Entry:
        found = [entries[item] for entries in (one, other) if item in entries]
        return max(found, key=lambda entry: (entry.at, entry.there))

    return {item: last(item) for item in {**one, **other}}


def _present(entries: _Entries) -> frozenset[tuple[str, str]]:
    return frozenset(item for item, entry in entries.items() if entry.there)


def _noted(entries: _Entries) -> Noted:
    there = sorted((entries[item].at, *item) for item in _present(entries))
    return Noted(
        tuple(Note(text, at) for at, kind, text in there if kind == "note"),
        tuple(sorted(text for _, kind, text in there if kind == "tag")),
    )


def _is_note(text: str) -> bool:
    printable = all(character.isprintable() or character in "\n\t" for character in text)
    return len(text.strip()) > 0 and len(text) <= MAX_TEXT and printable


def _path(root: Path, key: str) -> Path:
    return root / FOLDER / f"{key}.json"


def _read(path: Path) -> _Entries:
    try:
        plain: Sequence[Mapping[str, Any]] = read_json(path)["entries"]
        found = {
            (str(item["kind"]), str(item["text"])): _Entry(str(item["at"]), item["there"] is True)
            for item in plain
        }
        for (kind, text), entry in found.items():  # from an archive, which may be anybody's
            moment = datetime.fromisoformat(entry.at)
            if kind not in _KINDS or not _is_note(text) or moment.tzinfo is None:
                raise ValueError(f"no {kind}: {text!r}")
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(
            f"{path} is damaged: {error!r}; delete it, and what was said of this run is gone"
        ) from error
    return found


def _write(root: Path, key: str, entries: _Entries) -> None:
    path = _path(root, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = [
        {"kind": kind, "text": text, "at": entry.at, "there": entry.there}
        for (kind, text), entry in sorted(entries.items(), key=lambda item: (item[1].at, item[0]))
    ]
    write_json(path, {"format": 1, "run": key, "entries": listed})


def _alone(store: Store) -> Any:
    """While it is held, no other process changes notes between reading and writing them."""
    import filelock  # only where something is written

    return filelock.FileLock(store.root / f"{FOLDER}.lock")
