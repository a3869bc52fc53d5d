"""Pictures in the arrays of an .npz file: a zip of arrays, read one picture at a time.

What arrays are is seen from their names: ``images`` and ``labels``, or one of each for every part
(``x_train``, ``y_train``, ``x_test`` ...). Nothing in them is run: arrays of Python objects are
refused before they are read.
"""

import lzma
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from rungs.data.pictures.source import Candidate, LeftOut, Source, part_named, printable
from rungs.data.spec import Part
from rungs.foundation.errors import DataError
from rungs.foundation.limits import (
    MAX_CLASSES,
    MAX_PARQUET_BYTES,
    MAX_PICTURE_PIXELS,
    MAX_PICTURES,
    MAX_TABLE_BYTES,
)
from rungs.foundation.reading import opened
from rungs.foundation.wording import listed, shown

_Role = Literal["images", "labels", "parts", "names"]

# Words in names of arrays; one of the others says of which part an array is.
_WORDS: Mapping[str, _Role] = {
    **dict.fromkeys(("images", "image", "imgs", "pictures", "pixels", "x", "data"), "images"),
    **dict.fromkeys(("labels", "label", "targets", "target", "y"), "labels"),
}
# Names of arrays that are of the whole set.
_WHOLE: Mapping[str, _Role] = {
    **dict.fromkeys(("split", "splits", "part", "parts", "subset"), "parts"),
    **dict.fromkeys(("class_names", "classes", "names", "label_names"), "names"),
}
_EXPECTED = (
    "`images` and `labels`, perhaps with `split`, or a pair for each part such as `x_train` and "
    "`y_train`"
)
_MOST_MEMBERS = 100
# Of a head, which Python's parser reads: those of real arrays have about 100.
_MOST_HEAD_CHARACTERS = 10_000


@dataclass(frozen=True)
class _Array:
    """An array as its head describes it.

    Attributes:
        name: without suffix.
        member: of the zip.
        shape: of the array.
        kind: of its values.
        head_bytes: where its values begin.
    """

    name: str
    member: str
    shape: tuple[int, ...]
    kind: np.dtype[Any]
    head_bytes: int


@dataclass(frozen=True)
class _Block:
    """Images with a label and a part each; the label of those without one is empty."""

    images: _Array
    labels: tuple[str, ...]
    parts: tuple[Part | None, ...]


def array_source(path: Path) -> Source:
    """The pictures in an .npz file.

    Images are uint8 [N, H, W], [N, H, W, 1 or 3] or [N, 1 or 3, H, W]; labels are whole numbers or
    texts [N].

    Raises:
        DataError: it is damaged, too large, or its arrays are not such.
    """
    with _zip(path) as archive:
        blocks = _blocks(archive, path)
    labels: Counter[str] = Counter()
    left_out: list[LeftOut] = []
    for block in blocks:
        labels.update(label for label in block.labels if label)
        left_out += [
            LeftOut(f"{block.images.name}[{number}]", "no label")
            for number, label in enumerate(block.labels)
            if not label
        ]
    if not labels:
        raise DataError(f"{path}: none of its {len(left_out):,} images has a label")

    def candidates() -> Iterator[Candidate]:
        for block in blocks:
            yield from _pictures(path, block)

    status = path.stat()
    facts = (path.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return Source(
        kind="images in arrays",
        signature=sha256(repr(facts).encode(errors="replace")).hexdigest(),
        labels=dict(sorted(labels.items())),
        parts=frozenset(part for block in blocks for part in block.parts if part is not None),
        left_out=tuple(left_out),
        candidates=candidates,
    )


@contextmanager
def _zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """The opened zip; whatever is wrong with it is a ``DataError``."""
    with opened(path, MAX_PARQUET_BYTES) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                if len(archive.namelist()) > _MOST_MEMBERS:
                    found = f"{len(archive.namelist()):,} arrays"
                    raise DataError(f"{path}: {found}, expected at most {_MOST_MEMBERS}")
                yield archive
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
            raise DataError(f"{path}: damaged or no .npz file: {error}") from error
        except (RuntimeError, NotImplementedError) as error:  # encrypted, or packed in other ways
            raise DataError(f"{path}: an .npz file that cannot be unpacked: {error}") from error


# --- what is there -------------------------------------------------------------------------------


def _blocks(archive: zipfile.ZipFile, path: Path) -> list[_Block]:
    """The images of each part, with their labels."""
    found: dict[tuple[_Role, Part | None], _Array] = {}
    heads = [_head(archive, member, path) for member in archive.namelist()]
    for array in heads:
        meaning = _meaning(array.name)
        if meaning is None:
            continue
        if meaning in found:
            both = f"{found[meaning].name} and {array.name}"
            raise DataError(f"{path}: {both} could be the same; expected {_EXPECTED}")
        found[meaning] = array
    names = _names(archive, found.get(("names", None)), path)
    images = {part: array for (role, part), array in found.items() if role == "images"}
    labels = {part: array for (role, part), array in found.items() if role == "labels"}
    if not images or images.keys() != labels.keys():
        there = listed([printable(array.name) for array in heads]) if heads else "none"
        raise DataError(f"{path}: expected arrays {_EXPECTED}; found {there}")
    if len(images) > 1 and not images.keys() & {None, "train"}:
        raise DataError(f"{path}: no images to train on; expected {_EXPECTED}")
    total = sum(array.shape[0] for array in images.values() if array.shape)
    if total > MAX_PICTURES:
        raise DataError(f"{path}: {total:,} images, expected at most {MAX_PICTURES:,}")
    blocks = []
    for part, array in images.items():
        _check_images(array, path)
        texts = _labels(archive, labels[part], array.shape[0], names, path)
        # Beside parts of their own, images without one are those to train on.
        of_all = part or ("train" if len(images) > 1 else None)
        blocks.append(_Block(array, texts, (of_all,) * len(texts)))
    split = found.get(("parts", None))
    if split is None:
        return blocks
    if len(blocks) > 1 or blocks[0].parts[:1] != (None,):
        raise DataError(f"{path}: {split.name} beside images of parts; expected one of them")
    (block,) = blocks
    return [_Block(block.images, block.labels, _parts(archive, split, len(block.labels), path))]


def _meaning(name: str) -> tuple[_Role, Part | None] | None:
    """What an array of this name holds, and for which part; None if its name says neither."""
    name = name.casefold()
    if name in _WHOLE:
        return _WHOLE[name], None
    words = [word for word in re.split(r"[^a-z0-9]+", name) if word]
    roles = [_WORDS[word] for word in words if word in _WORDS]
    parts = [part for word in words if (part := part_named(word)) is not None]
    if len(roles) != 1 or len(parts) > 1 or len(words) != len(roles) + len(parts):
        return None
    return roles[0], parts[0] if parts else None


def _head(archive: zipfile.ZipFile, member: str, path: Path) -> _Array:
    name = member.removesuffix(".npy")
    with archive.open(member) as stream:
        try:
            version = np.lib.format.read_magic(stream)
            reader = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }.get(version)
            if reader is None:
                raise DataError(f"{path}: {name} is of version {version} of numpy's form")
            shape, fortran, kind = reader(stream, max_header_size=_MOST_HEAD_CHARACTERS)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{path}: {printable(member)} is no array: {said}") from error
        head = stream.tell()
    if kind.hasobject:
        raise DataError(
            f"{path}: {name} holds Python objects, which could run code and are not read; "
            "save plain arrays of numbers or texts"
        )
    if fortran and len(shape) > 1:
        raise DataError(
            f"{path}: the values of {name} lie column by column; "
            f"save numpy.ascontiguousarray({name})"
        )
    size = kind.itemsize
    for length in shape:
        size *= length
    if archive.getinfo(member).file_size != head + size:
        raise DataError(f"{path}: {name} is damaged: its size is not what its head says")
    return _Array(name, member, shape, kind, head)


def _check_images(array: _Array, path: Path) -> None:
    if array.kind != np.uint8:
        advice = ""
        if array.kind.kind == "f":
            advice = "; of values from 0 to 1 save (255 * images).round().astype('uint8')"
        raise DataError(f"{path}: {array.name} is {array.kind}, expected uint8{advice}")
    if _layout(array.shape) is None:
        raise DataError(
            f"{path}: {array.name} has the shape {list(array.shape)}, expected [N, H, W], or "
            "[N, H, W, C] or [N, C, H, W] with 1 or 3 channels"
        )
    pixels = int(np.prod(array.shape[1:], dtype=np.int64))
    if not 0 < pixels <= 3 * MAX_PICTURE_PIXELS:
        raise DataError(f"{path}: {array.name}: images of {pixels:,} values")


def _layout(shape: Sequence[int]) -> Literal["HW", "HWC", "CHW"] | None:
    if len(shape) == 3:
        return "HW"
    if len(shape) == 4 and shape[3] in (1, 3):
        return "HWC"
    return "CHW" if len(shape) == 4 and shape[1] in (1, 3) else None


# --- labels --------------------------------------------------------------------------------------


def _values(archive: zipfile.ZipFile, array: _Array, path: Path) -> NDArray[Any]:
    """All values of a small array, with one for each image or class: [N] or [N, 1]."""
    if len(array.shape) == 2 and array.shape[1] == 1:
        count = array.shape[0]
    elif len(array.shape) == 1:
        (count,) = array.shape
    else:
        raise DataError(f"{path}: {array.name} has the shape {list(array.shape)}, expected [N]")
    if count * array.kind.itemsize > MAX_TABLE_BYTES:
        raise DataError(f"{path}: {array.name} has more than {MAX_TABLE_BYTES:,} bytes")
    with archive.open(array.member) as stream:
        stream.seek(array.head_bytes)
        content = stream.read(count * array.kind.itemsize)
        stream.read(1)  # to the end, where the zip's checksum is compared
    return np.frombuffer(content, dtype=array.kind)


def _texts(archive: zipfile.ZipFile, array: _Array, path: Path) -> tuple[str, ...]:
    """The values of an array of texts."""
    if array.kind.kind not in "US":
        raise DataError(f"{path}: {array.name} is {array.kind}, expected texts")
    values = _values(archive, array, path).tolist()
    try:
        return tuple(
            printable((one.decode() if isinstance(one, bytes) else one).strip()) for one in values
        )
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {array.name} is not text in UTF-8: {error.reason}") from error


def _names(archive: zipfile.ZipFile, array: _Array | None, path: Path) -> tuple[str, ...]:
    """The names of classes; empty if there are none."""
    if array is None:
        return ()
    names = _texts(archive, array, path)
    if len({*names}) != len(names) or not all(names):
        raise DataError(f"{path}: {array.name} has a name twice, or an empty one")
    return names


def _labels(
    archive: zipfile.ZipFile, array: _Array, count: int, names: Sequence[str], path: Path
) -> tuple[str, ...]:
    """The name of each image's class; empty where it has none, -1 among numbers of names."""
    if array.shape[:1] != (count,):
        raise DataError(
            f"{path}: {array.name} has the shape {list(array.shape)}, expected a label for each of "
            f"{count:,} images"
        )
    if len(array.shape) == 2 and array.shape[1] > 1:
        raise DataError(
            f"{path}: {array.name} has the shape {list(array.shape)}, expected one label an image: "
            f"of columns for classes save {array.name}.argmax(1)"
        )
    if array.kind.kind in "US":
        return _texts(archive, array, path)
    if array.kind.kind not in "iub":
        raise DataError(f"{path}: {array.name} is {array.kind}, expected whole numbers or texts")
    numbers = [int(one) for one in _values(archive, array, path).tolist()]
    if not names:
        different = len({*numbers})
        if different > MAX_CLASSES:
            raise DataError(f"{path}: {array.name} has {different:,} different labels")
        return tuple(str(number) for number in numbers)
    beyond = next((one for one in numbers if not -1 <= one < len(names)), None)
    if beyond is not None:
        raise DataError(f"{path}: {array.name} has {beyond}, expected 0 to {len(names) - 1}")
    return tuple(names[number] if number >= 0 else "" for number in numbers)


def _parts(
    archive: zipfile.ZipFile, array: _Array, count: int, path: Path
) -> tuple[Part | None, ...]:
    texts = _texts(archive, array, path)
    if len(texts) != count:
        raise DataError(f"{path}: {array.name} has {len(texts):,} parts of {count:,} images")
    for text in dict.fromkeys(texts):
        if part_named(text) is None:
            raise DataError(
                f"{path}: {array.name} has {shown(text)}, expected train, validation or test"
            )
    return tuple(part_named(text) for text in texts)


# --- images --------------------------------------------------------------------------------------


def _pictures(path: Path, block: _Block) -> Iterator[Candidate]:
    array = block.images
    size = int(np.prod(array.shape[1:], dtype=np.int64))
    with _zip(path) as archive, archive.open(array.member) as stream:
        stream.seek(array.head_bytes)
        for number, (label, part) in enumerate(zip(block.labels, block.parts, strict=True)):
            content = _exactly(stream, size, path)
            if label:
                name = f"{array.name}[{number}]"
                yield Candidate(name, label, part, partial(_file_of, content, array.shape[1:]))
        stream.read(1)  # to the end, where the zip's checksum is compared


def _exactly(stream: IO[bytes], count: int, path: Path) -> bytes:
    content = stream.read(count)
    if len(content) < count:  # of a file that is written meanwhile
        raise DataError(f"{path}: truncated")
    return content


def _file_of(content: bytes, shape: tuple[int, ...]) -> bytes:
    """An image as a picture's file of the simplest kind (PPM, PGM), which all readers here read."""
    pixels = np.frombuffer(content, dtype=np.uint8)
    match _layout((1, *shape)):
        case "CHW":
            pixels = pixels.reshape(shape).transpose(1, 2, 0)
        case "HW":
            pixels = pixels.reshape(*shape, 1)
        case _:
            pixels = pixels.reshape(shape)
    height, width, channels = pixels.shape
    magic = "P5" if channels == 1 else "P6"
    return f"{magic}\n{width} {height}\n255\n".encode() + pixels.tobytes()
