"""Pictures that a CSV file names: a column of paths and one of labels."""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rungs.data.pictures.source import Candidate, LeftOut, Source, of_file, part_named, printable
from rungs.data.pictures_spec import FolderSpec
from rungs.data.spec import Part
from rungs.foundation.errors import DataError
from rungs.foundation.limits import MAX_PICTURES, MAX_TABLE_BYTES
from rungs.foundation.reading import read_whole
from rungs.foundation.wording import did_you_mean, listed, shown

CSV_SUFFIXES = (".csv", ".tsv")

_NAMES = {
    "picture": (
        *("path", "picture", "image", "img", "file", "filename", "file_name", "filepath"),
        *("image_path", "img_path", "picture_path", "image_file"),
    ),
    "label": ("label", "labels", "class", "category", "target", "class_name", "fine_label", "y"),
    "part": ("part", "split", "set", "subset"),
}


@dataclass(frozen=True)
class Columns:
    """Names of a table's columns: of pictures, labels and, if there are, parts."""

    picture: str
    label: str
    part: str | None


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
    for what, name in given.items():
        if name is not None and name not in names:
            raise DataError(f"{place}: there is no column {shown(name)}{did_you_mean(name, names)}")
        usual = (one for one in names if one.strip().casefold() in _NAMES[what])
        found[what] = name or next(usual, None)
        if found[what] is None and what != "part":
            if not needed:
                return None
            raise DataError(
                f"{place}: expected a column of {what}s, such as {listed(_NAMES[what][:3])}, "
                f"found {listed(list(names))}; {what}_column in [data] names another, and so does "
                f"`rungs init --{what}-column`"
            )
    return Columns(str(found["picture"]), str(found["label"]), found["part"])


def csv_source(path: Path, spec: FolderSpec) -> Source:
    """The pictures that a CSV file (also one with tabs or semicolons) names.

    Paths count from the file's folder. ``DataError`` if it is no such table.
    """
    reader = _reader(path)
    rows = []
    try:
        columns = columns_of(reader.fieldnames or (), path, spec)
        assert columns is not None
        for plain in reader:
            rows.append(_row(plain, columns, f"line {reader.line_num}"))
            if len(rows) > MAX_PICTURES:
                raise DataError(f"{path}: more than {MAX_PICTURES:,} rows")
    except csv.Error as error:
        # The outer reader counts only lines that were right.
        line = reader.reader.line_num
        raise DataError(f"{path}: line {line}: this is not CSV: {error}") from error
    return source_of_rows(path, rows)


def is_table_of_pictures(path: Path, spec: FolderSpec) -> bool:
    """Whether a CSV file has the columns that are needed."""
    try:
        return columns_of(_reader(path).fieldnames or (), path, spec, needed=False) is not None
    except (DataError, csv.Error):
        return False


def source_of_rows(path: Path, rows: Sequence[Row]) -> Source:
    """The pictures that the rows of the table ``path`` name."""
    left_out: list[LeftOut] = []
    placed: list[tuple[Path, str, str, Part | None]] = []
    digest = hashlib.sha256()
    for row in rows:
        name = f"{row.place}: {printable(row.path)}" if row.path else row.place
        part = None if row.part is None else part_named(row.part)
        file = path.parent / row.path
        reason = _problem(row, part, file)
        if reason is not None:
            left_out.append(LeftOut(name, reason))
            digest.update(f"{name} {reason}\n".encode())
            continue
        status = file.stat()
        placed.append((file, printable(row.path), printable(row.label), part))
        facts = (row.path, row.label, row.part, status.st_size, status.st_mtime_ns)
        digest.update(f"{facts}\n".encode(errors="replace"))
    if not placed:
        reasons = f"; {left_out[0].name}: {left_out[0].reason}" if left_out else ""
        raise DataError(f"{path}: none of its {len(rows):,} rows names a picture{reasons}")

    def candidates() -> Iterator[Candidate]:
        for file, name, label, part in placed:
            yield of_file(file, name, label, part)

    return Source(
        kind="a table of paths and labels",
        signature=digest.hexdigest(),
        labels=dict(sorted(Counter(label for _, _, label, _ in placed).items())),
        parts=frozenset(part for *_, part in placed if part is not None),
        left_out=tuple(left_out),
        candidates=candidates,
    )


def _problem(row: Row, part: Part | None, file: Path) -> str | None:
    if not row.path:
        return "no path"
    if not row.label:
        return "no label"
    if row.part is not None and part is None:
        return f"in part {shown(row.part)}, expected train, validation or test"
    try:
        return None if file.is_file() else "no such file"
    except (OSError, ValueError):  # a path that no file can have
        return "no path that a file can have"


def _reader(path: Path) -> "csv.DictReader[str]":
    content = bytes(read_whole(path, MAX_TABLE_BYTES))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: this is not text in UTF-8: {error.reason}") from error
    lines = text.splitlines()
    head = lines[0] if lines else ""
    # The sniffer of the library guesses letters too.
    delimiter = max(",;\t", key=head.count)
    return csv.DictReader(lines, delimiter=delimiter, strict=True)


def _row(plain: Mapping[str, str | None], columns: Columns, place: str) -> Row:
    def value(name: str) -> str:
        return (plain.get(name) or "").strip()

    part = None if columns.part is None else value(columns.part)
    return Row(place, value(columns.picture), value(columns.label), part)
