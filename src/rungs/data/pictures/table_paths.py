"""Where the files are that a table names: often not quite where it says."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from rungs.data.pictures.arrangement import part_meant
from rungs.data.pictures.source import SUFFIXES, printable
from rungs.foundation.errors import DataError
from rungs.foundation.wording import listed, shown

_MOST_ROWS = 50  # that are looked for elsewhere
_MOST_FOLDERS = 50
_MOST_NAMES = 200  # of a folder, to see which suffixes there are


@dataclass(frozen=True)
class Way:
    """From what a table says to a file: as it is written, or else in one other way.

    Attributes:
        written: folder from which paths count.
        base: another one; None where no other way leads to files.
        suffixes: that paths may lack there.
        slashes: whether paths have backslashes in place of slashes.
        dropped: how many folders paths begin with that are not there, such as those of another
            machine.
        note: for people; empty where paths are as they are written.
    """

    written: Path
    base: Path | None = None
    suffixes: tuple[str, ...] = ()
    slashes: bool = False
    dropped: int = 0
    note: str = ""

    def file_of(self, path: str) -> Path | None:
        """The file; None if there is none. ``OSError`` or ``ValueError`` as the system has it."""
        plain = self.written / path
        if plain.is_file():
            return plain
        return self._elsewhere(path)

    def _elsewhere(self, path: str) -> Path | None:
        if self.base is None:
            return None
        if self.slashes:
            path = path.replace("\\", "/")
        if self.dropped:
            path = "/".join(path.split("/")[self.dropped :])
        if not path:
            return None
        files = (self.base / f"{path}{suffix}" for suffix in ("", *self.suffixes))
        return next((file for file in files if file.is_file()), None)

    def leads(self, path: str) -> bool:
        """Whether there is a file where it is not as it is written."""
        try:
            return self._elsewhere(path) is not None
        except (OSError, ValueError):
            return False


def way_to(table: Path, paths: Sequence[str]) -> Way:
    """How the files of a table are found: beside it, or in a folder beside it, without suffixes.

    Args:
        table: the file.
        paths: that it names.

    Raises:
        DataError: they could be files of several folders.
    """
    plain = Way(table.parent)
    lost = [path for path in _some(paths) if not _is_there(plain, path)]
    ways = [*_ways(table.parent, lost)] if lost else []
    found = {way: sum(map(way.leads, lost)) for way in ways}
    most = max(found.values(), default=0)
    if not most:
        return plain
    best = [way for way, count in found.items() if count == most]
    meant = [way for way in best if _is_part_of(way, table)]
    if len(bases := {way.base for way in meant or best}) > 1 and best[0].base != table.parent:
        folders = listed(sorted(printable(base.name) for base in bases if base is not None))
        raise DataError(
            f"{table}: {lost[0]} could be in each of the folders {folders}; write the folder into "
            "the paths, or move the table into it"
        )
    return (meant or best)[0]


def _some(paths: Sequence[str]) -> Sequence[str]:
    return paths[:: max(1, len(paths) // _MOST_ROWS)][: 2 * _MOST_ROWS]


def _is_there(way: Way, path: str) -> bool:
    try:
        return (way.written / path).is_file()
    except (OSError, ValueError):
        return True  # no path at all, which is said of its row


def _ways(written: Path, lost: Sequence[str]) -> Iterator[Way]:
    """Other ways; the nearest first."""
    slashes = (False, True) if any("\\" in path for path in lost) else (False,)
    yield from _shortened(written, lost)
    for base in (written, *folders_in(written)):
        for slash in slashes:
            heads = {
                (base / path.replace("\\", "/")).parent if slash else (base / path).parent
                for path in lost
            }
            suffixes = tuple(
                sorted({suffix for head in [*heads][:5] for suffix in _suffixes(head)})
            )
            said = [
                *([f"in {printable(base.name)}/"] if base != written else []),
                *(["with / for \\"] if slash else []),
            ]
            if said:
                yield Way(
                    written, base, (), slash, 0, f"paths of the table are read {' '.join(said)}"
                )
            if suffixes:
                added = f"with the suffixes that they lack ({', '.join(suffixes)})"
                note = f"paths of the table are read {' '.join([*said, added])}"
                yield Way(written, base, suffixes, slash, 0, note)


def _shortened(written: Path, lost: Sequence[str]) -> Iterator[Way]:
    """Without the folders that all paths begin with, as in a table of another machine."""
    slash = any("\\" in path for path in lost)
    split = [(path.replace("\\", "/") if slash else path).split("/") for path in lost]
    columns = zip(*(steps[:-1] for steps in split), strict=False)
    shared = [same[0] for same in takewhile(lambda names: len(set(names)) == 1, columns)]
    for dropped in range(1, len(shared) + 1):
        gone = "/".join(shared[:dropped])
        note = f"paths of the table are read without {shown(gone)}"
        yield Way(written, written, (), slash, dropped, note)


def folders_in(folder: Path) -> list[Path]:
    """The first folders in a folder, sorted; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except OSError:
        return []
    return found[:_MOST_FOLDERS]


def _suffixes(folder: Path) -> set[str]:
    """Of pictures among the first files of a folder."""
    found = set()
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(_MOST_NAMES), entries, strict=False):
                suffix = Path(entry.name).suffix
                if suffix.casefold() in SUFFIXES:
                    found.add(suffix)
    except (OSError, ValueError):
        return set()
    return found


def _is_part_of(way: Way, table: Path) -> bool:
    """Whether folder and table are named by the same part: ``train_images`` and ``train.csv``."""
    part = None if way.base is None else part_meant(way.base.name)
    return part is not None and part == part_meant(table.stem)
