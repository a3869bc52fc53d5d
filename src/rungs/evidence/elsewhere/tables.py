"""Tables of answers: CSV with commas, semicolons or tabs, and parquet."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rungs.evidence.elsewhere.columns import Column, check_filled, column_of, merged
from rungs.foundation.errors import DataError
from rungs.foundation.extras import command
from rungs.foundation.reading import opened, read_whole
from rungs.foundation.wording import listed

CSV_SUFFIXES = (".csv", ".tsv")
PARQUET_SUFFIX = ".parquet"
# Text of so many bytes takes some twenty times as many in memory.
_MOST_CSV_BYTES = 100_000_000
_MOST_PARQUET_BYTES = 2_000_000_000
_MOST_ROWS = 20_000_000


def read_table(path: Path, needed: str, wanted: Sequence[str]) -> Mapping[str, Column]:
    """Some columns of a table, filled in every row.

    Args:
        path: of the file.
        needed: name of the column that must be there.
        wanted: names of further columns; others are left out.

    Raises:
        DataError: it is no such table, has no row, an empty cell, or two columns of one name.
    """
    whole = _parquet if path.suffix.casefold() == PARQUET_SUFFIX else _csv
    columns = whole(path, needed, wanted)
    for name, column in columns.items():
        if not len(column.codes):
            raise DataError(
                f"{path}: expected a row for each image, found none; see that it is whole"
            )
        check_filled(column, str(path), name)
    return columns


def _csv(path: Path, needed: str, wanted: Sequence[str]) -> dict[str, Column]:
    content = bytes(read_whole(path, _MOST_CSV_BYTES, "write parquet or .npz, or several files"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: expected text in UTF-8, found other bytes ({error.reason}); save it as UTF-8"
        ) from error
    head, _, rest = text.partition("\n")
    delimiter = max(",;\t", key=head.count)
    names = next(csv.reader([head.strip("\r")], delimiter=delimiter), [])
    width = len(names)
    places = _places(path, [name.strip() for name in names], needed, wanted)
    cells = (_quoted if '"' in rest else _plain)(path, rest, delimiter, width)
    return {name: column_of(cells[place::width]) for name, place in places.items()}


def _places(path: Path, names: Sequence[str], needed: str, wanted: Sequence[str]) -> dict[str, int]:
    """Where the columns stand that are asked for."""
    if needed not in names:
        found = listed(names) if any(names) else "none"
        raise DataError(
            f"{path}: expected a column {needed}, found the columns {found}; the first line names "
            f"them, and those that count are {', '.join((needed, *wanted))}"
        )
    for name in (needed, *wanted):
        if names.count(name) > 1:
            raise DataError(f"{path}: expected one column {name}, found two; rename one of them")
    return {name: names.index(name) for name in (needed, *wanted) if name in names}


def _plain(path: Path, text: str, delimiter: str, width: int) -> list[str]:
    """The cells of all rows, one after the other, where none is quoted.

    Several times as quick as the library's reader: nothing is done for each row.
    """
    text = text.replace("\r\n", "\n").rstrip("\n")
    if not text:
        return []
    lines = text.split("\n")
    counts = [line.count(delimiter) for line in lines]
    if counts.count(width - 1) < len(counts):
        first = next(row for row, count in enumerate(counts) if count != width - 1)
        raise _uneven(path, first, width, counts[first] + 1)
    return delimiter.join(lines).split(delimiter)


def _quoted(path: Path, text: str, delimiter: str, width: int) -> list[str]:
    """The same where cells may be quoted."""
    cells: list[str] = []
    # As it is: line breaks within quotes belong to the text.
    lines = io.StringIO(text.rstrip("\r\n"), newline="")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for row, found in enumerate(reader):
            if len(found) != width:
                raise _uneven(path, row, width, len(found))
            cells += found
    except csv.Error as error:
        raise DataError(
            f"{path}: line {reader.line_num + 1}: expected CSV, found {error}; quote a text that "
            "holds quotes, and double those in it"
        ) from error
    return cells


def _uneven(path: Path, row: int, expected: int, found: int) -> DataError:
    return DataError(
        f"{path}: expected {expected} cells in every row, as the first line has, found {found} in "
        f"row {row + 1:,}; put texts that hold a comma into quotes"
    )


def _parquet(path: Path, needed: str, wanted: Sequence[str]) -> dict[str, Column]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError(
            f"{path}: reading parquet files needs pyarrow ({error}): {command('parquet')}"
        ) from error
    with opened(path, _MOST_PARQUET_BYTES, "write several files") as file:
        try:
            places = _places(path, pq.read_schema(file).names, needed, wanted)
            file.seek(0)
            # As a dictionary a text that many rows share is there once: else a small file could
            # fill the memory.
            table = pq.ParquetFile(file, read_dictionary=list(places))
            if table.metadata.num_rows > _MOST_ROWS:
                raise DataError(
                    f"{path}: {table.metadata.num_rows:,} rows, expected at most {_MOST_ROWS:,}"
                )
            read = table.read(columns=list(places), use_threads=False)
            # A damaged file may have rows that point beyond the texts that there are.
            read.validate(full=True)
            return {name: _of_arrow(read.column(name), path, name, pa) for name in places}
        except (pa.ArrowException, ValueError, OverflowError) as error:
            line = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{path}: damaged or no parquet file: {line}") from error


def _of_arrow(chunked: Any, path: Path, name: str, pa: Any) -> Column:
    kind = chunked.type
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    numbers = pa.types.is_integer(inner) or pa.types.is_floating(inner)
    texts = pa.types.is_string(inner) or pa.types.is_large_string(inner)
    if not (numbers or texts or pa.types.is_string_view(inner)):
        raise DataError(
            f"{path}: expected whole numbers or texts in the column {name}, found {inner}"
        )
    coded = chunked if pa.types.is_dictionary(kind) else chunked.dictionary_encode("encode")
    array = coded.unify_dictionaries().combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # of no chunk at all
        return Column((), np.empty(0, np.int64))
    codes = array.indices.fill_null(len(array.dictionary)).to_numpy(zero_copy_only=False)
    values = ["" if value is None else str(value) for value in array.dictionary.to_pylist()]
    return merged([*values, ""], codes.astype(np.int64))
