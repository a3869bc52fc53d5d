"""Pictures in folders: one folder for each class, perhaps in folders for each part."""

import hashlib
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rungs.data.pictures.annotations import labels_in
from rungs.data.pictures.arrangement import AS_CLASSES, Doubt, Reading, Top, read_folders, tops_of
from rungs.data.pictures.source import (
    SUFFIXES,
    Candidate,
    LeftOut,
    Source,
    of_file,
    part_named,
    printable,
)
from rungs.data.pictures_spec import Layout
from rungs.data.spec import Part
from rungs.foundation.errors import DataError
from rungs.foundation.limits import MAX_PICTURES
from rungs.foundation.wording import counted, listed

# What file managers leave behind; names that begin with a dot are hidden too.
_HIDDEN = {"thumbs.db", "desktop.ini", "__macosx", "@eadir"}

_FEWEST_CLASSES = 2
_KINDS: dict[Layout, str] = {
    "class": "class folders",
    "part/class": "class folders for each part",
    "class/part": "class folders with folders for parts",
    "group/class": "class folders in other folders",
}
_NO_PART = "not in a folder for training or another part"
UNREADABLE = "a folder that cannot be read"
# Of what often lies beside pictures and is none.
_OTHERS = frozenset(
    f".{name}"
    for name in (
        *("csv", "tsv", "json", "jsonl", "parquet", "txt", "md", "rst", "xml", "html", "htm"),
        *("yaml", "yml", "toml", "ini", "log", "pdf", "doc", "docx", "xls", "xlsx", "py", "ipynb"),
        *("mat", "npy", "npz", "pkl", "zip", "gz", "tar", "db"),
    )
)
# Of files that say the class of each picture of a part, and of the folder that holds them all.
_ANNOTATIONS = re.compile(r"(?:\w+_)?annotations\.txt")
_FLAT = ("images", "image", "imgs", "pictures")
_LABEL_FILES = (".csv", ".tsv", ".jsonl", ".parquet")


@dataclass(frozen=True)
class File:
    """A regular file below a folder.

    Attributes:
        steps: names from the folder to the file, its own last.
        path: of the file.
        bytes: its size.
        modified: time of its last change, in nanoseconds.
        changed: time when it was written or renamed last, which no program can set back.
    """

    steps: tuple[str, ...]
    path: Path
    bytes: int
    modified: int
    changed: int

    @property
    def name(self) -> str:
        """Its path below the folder, for people."""
        return printable("/".join(self.steps))


def folder_source(root: Path, layout: Layout | None = None) -> Source:
    """The pictures of a folder with a folder for each class.

    Args:
        root: the folder.
        layout: what the folders in it stand for; seen from their names if None.

    Raises:
        DataError: there are no such folders, or it cannot be told what they stand for.
    """
    files, left_out = walk(root)
    around = _wrappers(files)
    depth = len(around)
    beside = [file for file in files if len(file.steps) > depth and file.steps[:depth] != around]
    left_out += [LeftOut(file.name, "not in the folder of a class") for file in beside]
    files = [file for file in files if file.steps[:depth] == around]
    told: dict[tuple[str, ...], tuple[str, Part]] = {}
    notes: list[str] = []
    if layout is None:
        for file, part, pictures in _annotated(files, depth):
            told.update(pictures)
            notes.append(f"classes of {part} are those in {file.name}")
    if told:
        files, unlabelled = _without_labels(files, depth, told)
        left_out += unlabelled
    tops = tops_of(
        file.steps[depth:-1] for file in files if _may_be_picture(file) and file.steps not in told
    )
    if layout is None:
        _refuse_strangers(root, files, tops)
        copy = _copy(files, depth, tops)
        if copy is not None:
            left_out.append(LeftOut(printable(copy), "a copy of the class folders beside it"))
            files = [file for file in files if file.steps[depth] != copy]
            del tops[copy]
    reading = read_folders(tops, layout)
    if isinstance(reading, Doubt):
        raise DataError(f"{root}: {reading.said}")
    placed: list[tuple[File, str, Part | None]] = []
    for file in files:
        if told and _is_annotation(file):
            continue
        found = told.get(file.steps) or _placed(file.steps[depth:-1], reading)
        if isinstance(found, str):
            left_out.append(LeftOut(file.name, found))
        else:
            placed.append((file, *found))
    labels = Counter(label for _, label, _ in placed)
    instead = _instead(root, files, depth, tops, labels)
    if instead:
        raise DataError(
            f"{root}: expected a folder of pictures for each class, found {instead}{_tables(files)}"
        )

    def candidates() -> Iterator[Candidate]:
        for file, label, part in placed:
            yield of_file(file.path, file.name, label, part)

    return Source(
        kind=_KINDS[reading.layout],
        signature=signature(files),
        labels=dict(sorted(labels.items())),
        parts=frozenset(part for _, _, part in placed if part is not None),
        left_out=tuple(left_out),
        candidates=candidates,
        notes=(*notes, *([reading.note] if reading.note else [])),
    )


def _annotated(
    files: Sequence[File], depth: int
) -> Iterator[tuple[File, Part, dict[tuple[str, ...], tuple[str, Part]]]]:
    """Files of text in folders of parts that say the classes of pictures there, and what they say.

    So has Tiny-ImageNet those of ``val``: all in one folder, and ``val_annotations.txt``.
    """
    for file in files:
        part = part_named(file.steps[depth]) if len(file.steps) == depth + 2 else None
        if part is None or not _is_annotation(file):
            continue
        labels = labels_in(file.path)
        found = {
            one.steps: (class_name(labels[one.steps[-1]]), part)
            for one in files
            if one.steps[: depth + 1] == file.steps[: depth + 1] and one.steps[-1] in labels
        }
        if found:
            yield file, part, found


def _is_annotation(file: File) -> bool:
    return _ANNOTATIONS.fullmatch(file.steps[-1].casefold()) is not None


def _without_labels(
    files: Sequence[File], depth: int, told: Mapping[tuple[str, ...], object]
) -> tuple[list[File], list[LeftOut]]:
    """Files but for those of a part that has pictures in one folder and no labels, as in a contest.

    Only where another part has its labels in a file of text, so that such a folder is no class.
    """
    kept, unlabelled = [], Counter[str]()
    for file in files:
        inner = file.steps[depth:-1]
        flat = len(inner) == 2 and inner[1].casefold() in _FLAT and part_named(inner[0])
        if flat and file.steps not in told:
            unlabelled["/".join(file.steps[:-1])] += 1
        else:
            kept.append(file)
    return kept, [
        LeftOut(f"{printable(name)}/", f"{counted(count, 'picture')} without labels")
        for name, count in unlabelled.items()
    ]


def _placed(folders: Sequence[str], reading: Reading) -> tuple[str, Part | None] | str:
    """Class and part of a picture in these folders, or why it has none."""
    no_class, no_part = "not in the folder of a class", _NO_PART
    match reading.layout:
        case "class":
            return (class_name(folders[0]), None) if folders else no_class
        case "group/class":
            return (class_name(folders[1]), None) if len(folders) > 1 else no_class
        case "class/part":
            part = reading.parts.get(folders[1]) if len(folders) > 1 else None
            return no_part if part is None else (class_name(folders[0]), part)
        case "part/class":
            part = reading.parts.get(folders[0]) if folders else None
            if part is None:
                return no_part
            inner = folders[1 + reading.around.get(folders[0], 0) :]
            return (class_name(inner[0]), part) if inner else no_class


def _refuse_strangers(root: Path, files: Sequence[File], tops: Mapping[str, Top]) -> None:
    """Parts alone, of which none is for training, are no classes."""
    trains = any(part_named(name) == "train" and top.inner for name, top in tops.items())
    if tops and not trains and all(map(part_named, tops)):
        names = ", ".join(printable(top) for top in tops)
        raise DataError(
            f"{root}: expected a folder `train` with a folder for each class, found {names}"
            f"{_tables(files)}; {AS_CLASSES}"
        )


def _copy(files: Sequence[File], depth: int, tops: Mapping[str, Top]) -> str | None:
    """The folder that holds the class folders beside it once more, as some archives do."""
    for name, top in tops.items():
        if len(top.inner) < _FEWEST_CLASSES or top.flat or not top.inner <= tops.keys() - {name}:
            continue
        sizes = {file.steps[depth:]: file.bytes for file in files}
        inside = {steps: size for steps, size in sizes.items() if steps[0] == name}
        if all(sizes.get(steps[1:]) == size for steps, size in inside.items()):
            return name
    return None


def _instead(
    root: Path,
    files: Sequence[File],
    depth: int,
    tops: Mapping[str, Top],
    labels: Mapping[str, int],
) -> str:
    """What was found in place of folders of classes, and what may be meant; empty if all is well.

    A single class is told when its pictures were read, unless it is seen what else was meant.
    """
    if not labels:
        return f"{counted(len(files), 'file')} outside of such folders" if files else "no files"
    inner = sorted(next(iter(tops.values())).inner) if len(tops) == 1 else []
    if len(labels) > 1 or len(inner) < _FEWEST_CLASSES:
        return ""
    around = next(file.steps for file in files if len(file.steps) > depth + 1)[: depth + 1]
    names = listed([printable(name) for name in inner])
    return (
        f"one ({', '.join(labels)}), which holds the folders {names}; if these are the classes, "
        f"name {root.joinpath(*around)}"
    )


def _tables(files: Sequence[File]) -> str:
    """Which file may have the labels that folders do not have, for messages."""
    found = [file.path for file in files if file.path.suffix.casefold() in _LABEL_FILES]
    return f"; if {found[0]} has the labels, name it in place of the folder" if found else ""


def class_name(name: str) -> str:
    """A folder's name as its class's, the same from every file system."""
    return unicodedata.normalize("NFC", printable(name))


def signature(files: list[File]) -> str:
    """Stands for names, sizes and times of files, 64 hex digits."""
    digest = hashlib.sha256()
    for file in files:
        facts = f"{file.steps} {file.bytes} {file.modified} {file.changed}\n"
        digest.update(facts.encode(errors="replace"))
    return digest.hexdigest()


def walk(root: Path) -> tuple[list[File], list[LeftOut]]:
    """Every file below a folder that is not hidden, sorted, and what looks like one but is not.

    Links are followed, each folder is entered once: those that are there themselves come before
    those that are linked to. A folder in it that may not be read is left out. ``DataError`` if
    anything else cannot be read, or for more files than a set can have.
    """
    files: list[File] = []
    left_out: list[LeftOut] = []
    entered: set[tuple[int, int]] = set()
    waiting: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    linked: list[tuple[Path, tuple[str, ...]]] = []
    try:
        while waiting or linked:
            # A link may lead to a folder that is found itself later.
            folder, steps = waiting.pop() if waiting else linked.pop(0)
            status = folder.stat()
            if (status.st_dev, status.st_ino) in entered:
                name = printable("/".join(steps))
                left_out.append(LeftOut(name, "a link to a folder that is read already"))
                continue
            entered.add((status.st_dev, status.st_ino))
            try:
                with os.scandir(folder) as entries:
                    ordered = sorted(entries, key=lambda entry: entry.name)
            except PermissionError as error:
                if not steps:
                    raise
                reason = f"{UNREADABLE}: {error.strerror}"
                left_out.append(LeftOut(printable("/".join(steps)), reason))
                continue
            shown = [entry for entry in ordered if _is_shown(entry)]
            if steps and not shown:
                left_out.append(LeftOut(printable("/".join(steps)), "an empty folder"))
            for entry in shown:
                here = (*steps, entry.name)
                found = _look_at(entry, here)
                if isinstance(found, File):
                    files.append(found)
                elif isinstance(found, LeftOut):
                    left_out.append(found)
                else:
                    (linked if entry.is_symlink() else waiting).append((Path(entry.path), here))
            if len(files) > MAX_PICTURES:
                raise DataError(f"{root}: more than {MAX_PICTURES:,} files")
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror or error}") from error
    return sorted(files, key=lambda file: file.steps), left_out


def _is_shown(entry: "os.DirEntry[str]") -> bool:
    return not entry.name.startswith(".") and entry.name.casefold() not in _HIDDEN


def _look_at(entry: "os.DirEntry[str]", steps: tuple[str, ...]) -> File | LeftOut | None:
    """A file, something that is none, or None for a folder."""
    name = printable("/".join(steps))
    try:
        status = entry.stat()
    except OSError:  # also a link to itself
        return LeftOut(name, "a link to nothing")
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        return LeftOut(name, "a special file")
    return File(steps, Path(entry.path), status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _may_be_picture(file: File) -> bool:
    """Whether a file's name leaves it open that it is one."""
    return file.path.suffix.casefold() not in _OTHERS


def _wrappers(files: Sequence[File]) -> tuple[str, ...]:
    """The folders, one in the other, that stand around those of classes or parts.

    Unpacking an archive makes such: ``photos/photos/cats``. What is no picture does not count
    beside other folders: archives of source code hold a file that says what they are.
    """
    depth = 0
    while True:
        pictures = [file for file in files if _is_picture(file, depth)]
        tops = {file.steps[depth] for file in pictures}
        direct = [file for file in pictures if len(file.steps) <= depth + 2]
        if (
            len(tops) != 1
            or part_named(next(iter(tops)))
            or len(direct) == len(pictures)
            or any(file.path.suffix.casefold() in SUFFIXES for file in direct)
        ):
            return pictures[0].steps[:depth] if pictures else ()
        depth += 1


def _is_picture(file: File, depth: int) -> bool:
    """Whether a file seems to be one: outside of folders only by a picture's suffix."""
    if len(file.steps) > depth + 1:
        return _may_be_picture(file)
    return file.path.suffix.casefold() in SUFFIXES
