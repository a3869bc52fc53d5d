"""CIFAR-100's parquet form, as the Hugging Face hub serves it: PNG images in columns."""

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rungs.foundation.errors import DataError
from rungs.foundation.extras import command
from rungs.foundation.reading import opened

FILE_LIMIT_BYTES = 400_000_000  # the official training file has 119 MB
ROWS_LIMIT = 200_000
IMAGE_LIMIT_BYTES = 20_000  # a PNG of 32x32 RGB pixels has some 3,200 even uncompressed
BATCH_ROWS = 1_000

_NAME = re.compile(r"-(\d{5})-of-(\d{5})(-[0-9a-f]+)?\.parquet")
_LABELS = ("fine_label", "coarse_label")


def read_parquet(
    folder: Path, part: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Pixels [N, 3, 32, 32], fine labels [N] and coarse labels [N] of ``part`` in ``folder``.

    ``part`` is ``train`` or ``test``; its files are taken in the order of their numbers.
    ``DataError`` if pyarrow is missing, if a file is missing or damaged, or if an image is no
    PNG of 32x32 RGB pixels.
    """
    pixels: list[NDArray[np.uint8]] = []
    fine: list[NDArray[np.int64]] = []
    coarse: list[NDArray[np.int64]] = []
    for path in _files(folder, part):
        for images, fine_labels, coarse_labels in _batches(path):
            pixels.append(images)
            fine.append(fine_labels)
            coarse.append(coarse_labels)
    if not pixels:
        raise DataError(f"{folder}: the {part} files hold no images")
    return np.concatenate(pixels), np.concatenate(fine), np.concatenate(coarse)


def _files(folder: Path, part: str) -> list[Path]:
    """The files ``part-00000-of-00002.parquet`` and so on, all of them or a ``DataError``."""
    numbered: dict[int, Path] = {}
    totals: set[int] = set()
    for path in sorted(folder.glob(f"{part}-*.parquet")):
        match = _NAME.fullmatch(path.name.removeprefix(part))
        if match is None:
            raise DataError(f"{path}: expected a name such as {part}-00000-of-00001.parquet")
        if int(match[1]) in numbered:
            raise DataError(f"{path}: there is another file with this number in the folder")
        numbered[int(match[1])] = path
        totals.add(int(match[2]))
    if len(totals) != 1 or sorted(numbered) != list(range(max(totals))):
        raise DataError(
            f"{folder}: expected all the files {part}-00000-of-N.parquet to N-1 of one N, found "
            + (", ".join(path.name for path in numbered.values()) or "none")
        )
    return [numbered[number] for number in sorted(numbered)]


def _batches(
    path: Path,
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError(
            f"{path}: reading parquet files needs pyarrow ({error}): {command('parquet')}"
        ) from error
    with opened(path, FILE_LIMIT_BYTES) as file:
        try:
            _check_columns(pq.read_schema(file), path, pa)
            file.seek(0)
            # As a dictionary a value that many rows share is there once: else a small file could
            # fill the memory. Arrow gives a nested dictionary only one row group at a time.
            table = pq.ParquetFile(file, read_dictionary=["img.bytes"])
            if table.metadata.num_rows > ROWS_LIMIT:
                raise DataError(
                    f"{path}: {table.metadata.num_rows:,} rows, expected at most {ROWS_LIMIT:,}"
                )
            first = 0
            for group in range(table.num_row_groups):
                for batch in table.iter_batches(
                    BATCH_ROWS, [group], columns=["img.bytes", *_LABELS], use_threads=False
                ):
                    images = _decoded(_encoded(batch.column("img"), path), path, first)
                    labels = [_label_column(batch.column(name), path, name) for name in _LABELS]
                    yield images, labels[0], labels[1]
                    first += batch.num_rows
        except (pa.ArrowException, ValueError, OverflowError) as error:
            line = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{path}: damaged or no parquet file: {line}") from error


def _check_columns(schema: Any, path: Path, pa: Any) -> None:
    expected = {
        "img": "struct with a binary field bytes",
        "fine_label": "an integer",
        "coarse_label": "an integer",
    }
    for name, wanted in expected.items():
        index = schema.get_field_index(name)  # -1 also where the name is there twice
        kind = schema.field(index).type if index >= 0 else None
        if kind is None:
            fits = False
        elif name == "img":
            fits = (
                pa.types.is_struct(kind)
                and kind.get_field_index("bytes") >= 0
                and kind.field("bytes").type == pa.binary()
            )
        else:
            fits = pa.types.is_integer(kind)
        if not fits:
            found = "none" if kind is None else str(kind)
            raise DataError(f"{path}: expected a column {name}, {wanted}; found {found}")


def _encoded(column: Any, path: Path) -> Iterator[bytes]:
    """The bytes of every image in the struct column ``img``."""
    values = column.field("bytes")
    if column.null_count or values.null_count:
        raise DataError(f"{path}: an image is missing (null)")
    dictionary = values.dictionary
    for index in values.indices.to_pylist():
        value = dictionary[index].as_buffer()
        if value is None or value.size > IMAGE_LIMIT_BYTES:
            size = 0 if value is None else value.size
            raise DataError(
                f"{path}: an image of {size:,} bytes, expected at most {IMAGE_LIMIT_BYTES:,}"
            )
        yield value.to_pybytes()


def _decoded(encoded: Iterator[bytes], path: Path, first: int) -> NDArray[np.uint8]:
    """Pixels [N, 3, 32, 32] of the PNG files ``encoded``; ``first`` numbers them in errors."""
    pixels: list[NDArray[np.uint8]] = []
    with warnings.catch_warnings():
        # Pillow only warns of an image that is large but not yet absurd.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for number, data in enumerate(encoded, start=first):
            try:
                with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
                    # Opening reads the header only: nothing larger is ever unpacked.
                    if image.size != (32, 32) or image.mode != "RGB":
                        raise DataError(
                            f"{path}: image {number} has {image.size[0]}x{image.size[1]} pixels "
                            f"in mode {image.mode}, expected 32x32 in mode RGB"
                        )
                    pixels.append(np.asarray(image, dtype=np.uint8))
            except (
                OSError,  # also Pillow's UnidentifiedImageError and a truncated file
                SyntaxError,  # what Pillow's PNG reader raises for a damaged chunk
                ValueError,
                EOFError,
                struct.error,
                zlib.error,
                Image.DecompressionBombError,
                Image.DecompressionBombWarning,
            ) as error:
                raise DataError(f"{path}: image {number} is no usable PNG: {error}") from error
    return np.ascontiguousarray(np.stack(pixels).transpose(0, 3, 1, 2))


def _label_column(column: Any, path: Path, name: str) -> NDArray[np.int64]:
    if column.null_count:
        raise DataError(f"{path}: a label is missing (null) in {name}")
    return np.array(column.to_pylist(), dtype=np.int64)
