"""Pictures in parquet files: paths and labels, or the pictures themselves as hubs serve them."""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rungs.data.pictures.source import Candidate, LeftOut, Source, part_named, printable
from rungs.data.pictures.tables import Columns, Row, columns_of, source_of_rows
from rungs.data.pictures_spec import FolderSpec
from rungs.data.spec import Part
from rungs.foundation.errors import DataError
from rungs.foundation.extras import command
from rungs.foundation.limits import MAX_PARQUET_BYTES, MAX_PICTURE_BYTES, MAX_PICTURES
from rungs.foundation.reading import opened
from rungs.foundation.wording import counted

# One of several files, such as ``train-00000-of-00002.parquet``.
_SHARD = re.compile(r"(?P<head>.*?)(?P<number>\d{1,6})-of-(?P<total>\d{1,6})(?P<tail>\D.*)")
_BATCH_ROWS = 64  # of pictures, which may be large
# What hubs write for a class that they keep to themselves, as in the test part of a contest.
_UNKNOWN = -1


@dataclass(frozen=True)
class _Form:
    """What the columns of parquet files hold.

    Attributes:
        columns: their names.
        bytes: name of the column's field with pictures; None if it holds paths.
        names: of the classes, where labels are numbers that count them; empty otherwise.
    """

    columns: Columns
    bytes: str | None
    names: tuple[str, ...]


def parquet_files(place: Path) -> list[Path]:
    """The parquet files of a folder, sorted; ``place`` if it is one.

    They lie in it, in its folder ``data``, or in such of parts.
    """
    if place.is_file():
        return [place]
    of_parts = (path for path in place.glob("*/*.parquet") if part_named(path.parent.name))
    return (
        sorted(place.glob("*.parquet"))
        or sorted((place / "data").glob("*.parquet"))
        or sorted(of_parts)
    )


def _check_shards(files: Sequence[Path]) -> None:
    """That none is missing of files that are numbered, from 0 or from 1.

    Raises:
        DataError: names the first that is.
    """
    numbers: dict[tuple[str, str, str], set[int]] = {}
    for path in files:
        if found := _SHARD.fullmatch(path.name):
            kind = (found["head"], found["total"], found["tail"])
            numbers.setdefault(kind, set()).add(int(found["number"]))
    for (head, total, tail), there in numbers.items():
        first = int(min(there) > 0 and int(total) in there)
        every = range(first, first + int(total))
        missing = next((number for number in every if number not in there), None)
        if missing is not None:
            width = len(total)
            raise DataError(
                f"{files[0].parent}: {head}{min(there):0{width}}-of-{total}{tail} is one of "
                f"{counted(int(total), 'file')} by its name, and "
                f"{head}{missing:0{width}}-of-{total}{tail} is not there: fetch it, or give what "
                "is there names without numbers to do with that"
            )


def parquet_source(place: Path, spec: FolderSpec) -> Source:
    """The pictures of a parquet file or of a folder of them.

    A file whose name begins with a part's, such as ``test-00000-of-00002.parquet``, or that lies in
    a folder of that name is of that part. Rows without a label are left out. ``DataError`` if they
    are damaged or hold no pictures.
    """
    files = parquet_files(place)
    _check_shards(files)
    forms = {path: _form(path, spec) for path in files}
    first = forms[files[0]]
    for path, form in forms.items():
        if form != first:
            raise DataError(f"{path}: other columns or classes than {files[0].name} has")
    if first.bytes is None:
        if len(files) > 1:
            raise DataError(f"{place}: expected one parquet file with paths, found {len(files)}")
        rows = list(_path_rows(files[0], first))
        return source_of_rows(files[0], rows, first.columns.notes)
    labels: Counter[str] = Counter()
    parts: set[Part] = set()
    left_out: list[LeftOut] = []
    for path in files:
        for number, (label, part) in enumerate(_labels(path, first), start=1):
            if not label:
                left_out.append(LeftOut(_name(path, number), "no label"))
                continue
            labels[label] += 1
            parts |= {part} if part is not None else set()
    if not labels:
        raise DataError(f"{place}: none of its {len(left_out):,} rows has a label")
    if sum(labels.values()) + len(left_out) > MAX_PICTURES:
        raise DataError(f"{place}: more than {MAX_PICTURES:,} pictures")

    def candidates() -> Iterator[Candidate]:
        for path in files:
            yield from _pictures(path, first)

    return Source(
        kind="pictures in parquet files",
        signature=_signature(files),
        labels=dict(sorted(labels.items())),
        parts=frozenset(parts),
        left_out=tuple(left_out),
        candidates=candidates,
    )


def _name(path: Path, row: int) -> str:
    return f"{path.name}, row {row}"


def _signature(files: Sequence[Path]) -> str:
    facts = [
        (path.name, path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_ctime_ns)
        for path in files
    ]
    return hashlib.sha256(repr(facts).encode(errors="replace")).hexdigest()


@contextmanager
def _open(path: Path, dictionary: Sequence[str] = ()) -> Iterator[Any]:
    """A parquet file; whatever is wrong with it is a ``DataError``."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError(
            f"{path}: reading parquet files needs pyarrow ({error}): {command('parquet')}"
        ) from error
    with opened(path, MAX_PARQUET_BYTES) as file:
        try:
            # As a dictionary a value that many rows share is there once: else a small file could
            # fill the memory.
            yield pq.ParquetFile(file, read_dictionary=list(dictionary))
        except (pa.ArrowException, ValueError, OverflowError) as error:
            line = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{path}: damaged or no parquet file: {line}") from error


def _form(path: Path, spec: FolderSpec) -> _Form:
    import pyarrow as pa

    with _open(path) as table:
        schema = table.schema_arrow
    columns = columns_of(schema.names, path, spec)
    assert columns is not None
    kind = schema.field(columns.picture).type
    label = schema.field(columns.label).type
    if pa.types.is_dictionary(label):  # of which each value is there once, as in categories
        label = label.value_type
    # As fractions data frames write whole numbers of which some are missing.
    numbers = pa.types.is_integer(label) or pa.types.is_floating(label)
    if not (_is_text(label) or numbers):
        raise DataError(f"{path}: expected text or whole numbers as labels, found {label}")
    names = _class_names(schema, columns.label) if numbers else ()
    if _is_text(kind):
        return _Form(columns, None, names)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _Form(columns, columns.picture, names)
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        return _Form(columns, f"{columns.picture}.bytes", names)
    raise DataError(
        f"{path}: expected paths or pictures in the column {columns.picture}, found {kind}"
    )


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    known = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_such(kind) for is_such in known)


def _class_names(schema: Any, label: str) -> tuple[str, ...]:
    """The names that a hub's file gives the numbers of its classes; empty if it gives none."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])
        names = about["info"]["features"][label]["names"]
    except (KeyError, ValueError, TypeError):
        return ()
    fits = isinstance(names, list) and all(isinstance(name, str) for name in names)
    # Two classes of one name would become one.
    return tuple(map(printable, names)) if fits and len(set(names)) == len(names) else ()


def _batches(path: Path, form: _Form, wanted: Sequence[str], rows: int) -> Iterator[Any]:
    dictionary = [name for name in wanted if name == form.bytes]
    with _open(path, dictionary) as table:
        # Arrow gives a nested dictionary only one row group at a time.
        for group in range(table.num_row_groups):
            yield from table.iter_batches(rows, [group], columns=list(wanted), use_threads=False)


def _labels(path: Path, form: _Form) -> Iterator[tuple[str, Part | None]]:
    columns = form.columns
    wanted = [columns.label, *([columns.part] if columns.part else [])]
    for batch in _batches(path, form, wanted, 10_000):
        yield from _labelled(path, form, batch)


def _labelled(path: Path, form: _Form, batch: Any) -> Iterator[tuple[str, Part | None]]:
    """Class and part of every row, "" for no class; ``DataError`` if there is none such."""
    column = form.columns.part
    of_file = part_named(re.split(r"[-_.]", path.name)[0]) or part_named(path.parent.name)
    parts = [of_file] * batch.num_rows if column is None else batch.column(column).to_pylist()
    for label, part in zip(batch.column(form.columns.label).to_pylist(), parts, strict=True):
        named = part if column is None else part_named(str(part))
        if column is not None and named is None:
            raise DataError(f"{path}: expected train, validation or test as part, found {part!r}")
        yield _label(path, form, label), named


def _label(path: Path, form: _Form, value: Any) -> str:
    """The class, "" where the row has none; ``DataError`` if it is none of those there are."""
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        if not value.is_integer():
            raise DataError(f"{path}: label {value}, expected text or whole numbers")
        value = int(value)
    if value is None or (form.names and value == _UNKNOWN):
        return ""
    if not form.names:
        return printable(str(value).strip())
    if not 0 <= value < len(form.names):
        raise DataError(f"{path}: label {value}, expected 0 to {len(form.names) - 1}")
    return form.names[int(value)]


def _path_rows(path: Path, form: _Form) -> Iterator[Row]:
    columns = form.columns
    wanted = [columns.picture, columns.label, *([columns.part] if columns.part else [])]
    number = 0
    for batch in _batches(path, form, wanted, 10_000):
        plain = batch.to_pylist()
        for row in plain:
            number += 1
            label = row[columns.label]
            part = None if columns.part is None else str(row[columns.part] or "")
            yield Row(
                f"row {number}",
                str(row[columns.picture] or ""),
                _label(path, form, label),
                part,
            )


def _pictures(path: Path, form: _Form) -> Iterator[Candidate]:
    columns = form.columns
    assert form.bytes is not None
    wanted = [form.bytes, columns.label, *([columns.part] if columns.part else [])]
    number = 0
    for batch in _batches(path, form, wanted, _BATCH_ROWS):
        values = batch.column(columns.picture)
        if form.bytes != columns.picture:
            values = values.field("bytes")
        for index, (label, part) in enumerate(_labelled(path, form, batch)):
            number += 1
            if label:
                value = values[index].as_py()
                yield Candidate(_name(path, number), label, part, _reader(value))


def _reader(value: bytes | None) -> Callable[[], bytes]:
    def read() -> bytes:
        if value is None:
            raise DataError("no picture (null)")
        if len(value) > MAX_PICTURE_BYTES:
            raise DataError(f"{len(value):,} bytes, more than {MAX_PICTURE_BYTES:,}")
        return value

    return read
