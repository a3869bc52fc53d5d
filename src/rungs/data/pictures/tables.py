"""Pictures that a table names, in CSV or JSON lines: a column of paths and one of labels."""

import contextlib
import csv
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rungs.data.pictures.arrangement import part_meant
from rungs.data.pictures.source import (
    SUFFIXES,
    Candidate,
    LeftOut,
    Source,
    of_file,
    part_named,
    printable,
)
from rungs.data.pictures.table_paths import Way, folders_in, way_to
from rungs.data.pictures_spec import FolderSpec
from rungs.data.spec import Part
from rungs.foundation.errors import DataError
from rungs.foundation.limits import MAX_PICTURES, MAX_TABLE_BYTES
from rungs.foundation.reading import read_whole
from rungs.foundation.wording import counted, did_you_mean, listed, shown

_CSV_SUFFIXES = (".csv", ".tsv")

_JSON_LINES = ".jsonl"
_MOST_TOLD = 5
# Of files with a row for each picture that are text.
TABLE_SUFFIXES = (*_CSV_SUFFIXES, _JSON_LINES)

# Usual names of columns; the second ones only where there is none of the first.
_NAMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "picture": (
        (
            *("path", "picture", "image", "img", "file", "filename", "file_name", "filepath"),
            *("image_path", "img_path", "picture_path", "image_file"),
        ),
        (
            *("filepaths", "file_path", "image_id", "image_name", "img_name", "picture_id"),
            *("id_code", "id", "name"),
        ),
    ),
    "label": (
        ("label", "labels", "class", "category", "target", "class_name", "fine_label", "y"),
        ("label_name", "classes", "class_id", "label_id", "category_id", "tag"),
    ),
    "part": (("part", "split", "set", "subset"), ()),
}


class NothingNamedError(DataError):
    """No row of a table names a picture."""


@dataclass(frozen=True)
class Columns:
    """Names of a table's columns: of pictures, labels and, if there are, parts.

    `others` are labels of further columns that are named as if they held the labels.
    """

    picture: str
    label: str
    part: str | None
    others: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Says which column was taken where several could be meant."""
        if not self.others:
            return ()
        return (
            f"labels are from the column {shown(self.label)}; {listed(self.others)} could be meant "
            "too: label_column in [data] names another",
        )


@dataclass(frozen=True)
class Row:
    """One row of a table of paths.

    Attributes:
        place: for people, such as ``row 12``.
        path: as it is written.
        label: of its class, empty if there is none.
        part: as it is written; None if the table has no such column.
    """

    place: str
    path: str
    label: str
    part: str | None


def columns_of(
    names: Sequence[str], place: Path, spec: FolderSpec, *, needed: bool = True
) -> Columns | None:
    """The columns that hold pictures, labels and parts.

    Args:
        names: of all columns.
        place: of the table, for messages.
        spec: may name them; otherwise they are known by their usual names.
        needed: whether it is an error that they are not found; otherwise None.
    """
    given = {
        "picture": spec.picture_column,
        "label": spec.label_column,
        "part": spec.part_column,
    }
    found: dict[str, str | None] = {}
    others: tuple[str, ...] = ()
    for what, name in given.items():
        if name is not None and name not in names:
            raise DataError(f"{place}: there is no column {shown(name)}{did_you_mean(name, names)}")
        usual = _usual(names, what)
        if what == "label" and name is None:
            others = tuple(usual[1:])
        found[what] = name or next(iter(usual), None)
        if found[what] is None and what != "part":
            if not needed:
                return None
            raise DataError(
                f"{place}: expected a column of {what}s, such as {listed(_NAMES[what][0][:3])}, "
                f"found {listed(list(names))}; {what}_column in [data] names another, and so does "
                f"`rungs init --{what}-column`"
            )
    return Columns(str(found["picture"]), str(found["label"]), found["part"], others)


def _usual(names: Sequence[str], what: str) -> list[str]:
    """The columns that are named as those of pictures, labels or parts usually are."""
    for known in _NAMES[what]:
        if found := [one for one in names if re.sub("[ -]", "_", one.strip().casefold()) in known]:
            return found
    return []


def table_source(path: Path, spec: FolderSpec) -> Source:
    """The pictures that a table names: CSV (also with tabs or semicolons), or JSON lines.

    Paths count from the file's folder. ``DataError`` if it is no such table.
    """
    columns, rows = _read(path, spec)
    return source_of_rows(path, rows, columns.notes)


def tables_source(place: Path, tables: Sequence[Path], spec: FolderSpec) -> Source:
    """The pictures that tables of several parts name; each is named by its part, or in its folder.

    Args:
        place: the folder that they are in.
        tables: see `part_tables`.
        spec: may name their columns.

    Raises:
        DataError: one is no such table.
    """
    rows: list[Row] = []
    for path in tables:
        folder, part = path.parent.relative_to(place), _part_of(path, place)
        _, found = _read(path, spec)
        rows += [
            replace(
                row,
                place=f"{path.relative_to(place)}, {row.place}",
                path=str(folder / row.path) if row.path else "",
                part=row.part or part,
            )
            for row in found
        ]
    said = ", ".join(str(path.relative_to(place)) for path in tables)
    return source_of_rows(place / "tables", rows, (f"tables of parts: {said}",))


def part_tables(place: Path, spec: FolderSpec) -> list[Path]:
    """Tables of a training part and others: ``train.csv``, or ``train/metadata.csv``.

    Empty if there is none for training, or several are for one part.
    """
    found = [
        path
        for pattern in ("*", "*/*")
        for path in sorted(place.glob(pattern))
        if path.suffix.casefold() in TABLE_SUFFIXES
        and _part_of(path, place) is not None
        and is_table_of_pictures(path, spec)
    ]
    parts = [_part_of(path, place) for path in found]
    return found if "train" in parts and len(set(parts)) == len(parts) else []


def _part_of(path: Path, place: Path) -> Part | None:
    return part_named(path.stem if path.parent == place else path.parent.name)


def is_table_of_pictures(path: Path, spec: FolderSpec) -> bool:
    """Whether a file has the columns that are needed."""
    try:
        return columns_of(_rows_in(path)[0], path, spec, needed=False) is not None
    except (DataError, csv.Error):
        return False


def _read(path: Path, spec: FolderSpec) -> tuple[Columns, list[Row]]:
    names, plain_rows = _rows_in(path)
    columns = columns_of(names, path, spec)
    assert columns is not None
    rows = []
    for place, plain in plain_rows:
        rows.append(_row(plain, columns, place))
        if len(rows) > MAX_PICTURES:
            raise DataError(f"{path}: more than {MAX_PICTURES:,} rows")
    return columns, rows


def source_of_rows(path: Path, rows: Sequence[Row], notes: Sequence[str] = ()) -> Source:
    """The pictures that the rows of the table ``path`` name.

    Raises:
        NothingNamedError: there are none.
        DataError: paths could be those of several files.
    """
    left_out: list[LeftOut] = []
    placed: list[tuple[Row, Path, Part | None]] = []
    digest = hashlib.sha256()
    way = way_to(path, [row.path for row in rows if row.path])
    for row in rows:
        name = f"{row.place}: {printable(row.path)}" if row.path else row.place
        part = None if row.part is None else part_named(row.part)
        file, reason = _looked_up(row, part, way)
        if file is None:
            left_out.append(LeftOut(name, reason))
            digest.update(f"{name} {reason}\n".encode())
            continue
        status = file.stat()
        placed.append((row, file, part))
        times = (status.st_mtime_ns, status.st_ctime_ns)
        facts = (row.path, row.label, row.part, status.st_size, *times)
        digest.update(f"{facts}\n".encode(errors="replace"))
    if not placed:
        reasons = f"; {left_out[0].name}: {left_out[0].reason}" if left_out else ""
        raise NothingNamedError(f"{path}: none of its {len(rows):,} rows names a picture{reasons}")
    left_out += _not_named(path.parent, [file for _, file, _ in placed])
    torn, again = _named_twice(placed)
    left_out += torn
    torn_files = {one.name for one in torn}
    placed = [one for one in placed if _line(one[0]) not in torn_files]

    def candidates() -> Iterator[Candidate]:
        for row, file, part in placed:
            yield of_file(file, printable(row.path), printable(row.label), part)

    return Source(
        kind="a table of paths and labels",
        signature=digest.hexdigest(),
        labels=dict(sorted(Counter(printable(row.label) for row, _, _ in placed).items())),
        parts=frozenset(part for *_, part in placed if part is not None),
        left_out=tuple(left_out),
        candidates=candidates,
        notes=(*notes, *([way.note] if way.note else []), *again),
    )


def _line(row: Row) -> str:
    return f"{row.place}: {printable(row.path)}"


def _named_twice(
    placed: Sequence[tuple[Row, Path, Part | None]],
) -> tuple[list[LeftOut], list[str]]:
    """Rows that give one file several labels, and what is to be said of those that repeat one."""
    rows: dict[Path, list[Row]] = {}
    for row, file, _ in placed:
        rows.setdefault(file, []).append(row)
    torn: list[LeftOut] = []
    again: list[str] = []
    for same in rows.values():
        if len({row.label for row in same}) > 1:
            said = ", ".join(f"{printable(row.label)} in {row.place}" for row in same[:_MOST_TOLD])
            torn += [
                LeftOut(_line(row), f"one picture with several labels: {said}") for row in same
            ]
        elif len(same) > 1:
            places = ", ".join(row.place for row in same[:_MOST_TOLD])
            again.append(f"{printable(same[0].path)} ({places})")
    if not again:
        return torn, []
    rest = f" and {len(again) - _MOST_TOLD:,} more" if len(again) > _MOST_TOLD else ""
    return torn, [
        f"named several times, and counted as often: {', '.join(again[:_MOST_TOLD])}{rest}"
    ]


def _not_named(root: Path, files: Sequence[Path]) -> list[LeftOut]:
    """What lies in the folders of pictures that a table names and is not in it, by folder.

    Folders beside them that are named like parts count, too.
    """
    parts = [path for path in folders_in(root) if part_meant(path.name)]
    named: dict[Path, set[str]] = {folder: set() for folder in parts}
    for file in files:
        named.setdefault(file.parent, set()).add(file.name)
    found = []
    for folder, names in sorted(named.items()):
        try:
            with os.scandir(folder) as entries:
                there = [entry.name for entry in entries]
        except OSError:  # files in it may be read, but not be listed
            continue
        others = sorted(
            name for name in there if name not in names and Path(name).suffix.casefold() in SUFFIXES
        )
        if others:
            where = printable(Path(os.path.relpath(folder, root)).as_posix())
            count = counted(len(others), "picture")
            reason = f"{count} that no row of the table names, such as {printable(others[0])}"
            found.append(LeftOut(f"{where}/", reason))
    return found


def _looked_up(row: Row, part: Part | None, way: Way) -> tuple[Path | None, str]:
    """The file that a row names, or why there is none."""
    if not row.path:
        return None, "no path"
    if not row.label:
        return None, "no label"
    if row.part is not None and part is None:
        return None, f"in part {shown(row.part)}, expected train, validation or test"
    try:
        return way.file_of(row.path), "no such file"
    except (OSError, ValueError):  # a path that no file can have
        return None, "no path that a file can have"


def _rows_in(path: Path) -> tuple[Sequence[str], Iterator[tuple[str, Mapping[str, Any]]]]:
    """The columns of a table, and its rows with their place."""
    content = bytes(read_whole(path, MAX_TABLE_BYTES))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: this is not text in UTF-8: {error.reason}") from error
    if path.suffix.casefold() == _JSON_LINES:
        return _json_rows(path, text)
    lines = text.splitlines()
    head = lines[0] if lines else ""
    # The sniffer of the library guesses letters too.
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(lines, delimiter=delimiter, strict=True)

    def rows() -> Iterator[tuple[str, Mapping[str, Any]]]:
        with _told(path, reader):
            for plain in reader:
                yield f"line {reader.line_num}", plain

    with _told(path, reader):
        return reader.fieldnames or (), rows()


@contextlib.contextmanager
def _told(path: Path, reader: "csv.DictReader[str]") -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        # The outer reader counts only lines that were right.
        line = reader.reader.line_num
        raise DataError(f"{path}: line {line}: this is not CSV: {error}") from error


def _json_rows(
    path: Path, text: str
) -> tuple[Sequence[str], Iterator[tuple[str, Mapping[str, Any]]]]:
    rows: list[tuple[str, Mapping[str, Any]]] = []
    names: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            plain = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: line {number}: this is not JSON: {error}") from error
        if not isinstance(plain, dict):
            raise DataError(f"{path}: line {number}: expected an object of JSON")
        rows.append((f"line {number}", plain))
        names.update(dict.fromkeys(plain))
    return list(names), iter(rows)


def _row(plain: Mapping[str, Any], columns: Columns, place: str) -> Row:
    def value(name: str) -> str:
        found = plain.get(name)
        return "" if found is None else str(found).strip()

    part = None if columns.part is None else value(columns.part)
    return Row(place, value(columns.picture), value(columns.label), part)
