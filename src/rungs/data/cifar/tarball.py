"""Chosen members of a .tar.gz, read into memory without a path ever being created.

Python's ``tarfile`` is not used: it buffers whatever a header announces and recurses over chains
of headers, which a hostile archive can choose. Here a header is 512 bytes, only regular files
with exactly a wanted name are kept, and everything else (links, devices, ``..``) is bytes that
are passed over.
"""

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from rungs.foundation.errors import DataError
from rungs.foundation.reading import opened

BLOCK_BYTES = 512
CHUNK_BYTES = 1 << 20
# Unpacked bytes of everything in the archive; those of CIFAR-10 and CIFAR-100 have 186 MB.
UNPACKED_LIMIT_BYTES = 500_000_000

_REGULAR = (b"0", b"\0")


def read_members(
    path: Path, limits_bytes: Mapping[str, int], archive_limit_bytes: int
) -> dict[str, bytearray]:
    """The regular files named in ``limits_bytes`` (name to most bytes) of the archive ``path``.

    ``DataError`` if the archive is damaged or truncated anywhere, if it or a wanted member is
    larger than its limit, or if a wanted member is missing, doubled or no regular file.
    """
    found: dict[str, bytearray] = {}
    with opened(path, archive_limit_bytes) as file:
        try:
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                _read_members(_Bounded(unpacked, path), limits_bytes, found)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path}: truncated or damaged archive: {error}") from error
    for name in limits_bytes:
        if name not in found:
            raise DataError(f"{path}: the archive has no file {name}")
    return found


class _Bounded:
    """The unpacked stream, which ends in an error after `UNPACKED_LIMIT_BYTES`."""

    def __init__(self, stream: gzip.GzipFile | BinaryIO, path: Path) -> None:
        self.stream = stream
        self.path = path
        self.left = UNPACKED_LIMIT_BYTES

    def some(self, count: int) -> bytes:
        """At most ``count`` bytes; empty at the end of the stream."""
        self.left -= count
        if self.left < 0:
            raise DataError(
                f"{self.path}: unpacks to more than {UNPACKED_LIMIT_BYTES:,} bytes; "
                "this is no archive of the data set"
            )
        return self.stream.read(count)

    def exactly(self, count: int) -> bytearray:
        """The next ``count`` bytes; ``DataError`` if there are fewer."""
        data = bytearray()
        while len(data) < count:
            part = self.some(min(count - len(data), CHUNK_BYTES))
            if not part:
                raise DataError(f"{self.path}: truncated archive")
            data += part
        return data

    def skip(self, count: int) -> None:
        """Pass over ``count`` bytes in pieces."""
        while count:
            count -= len(self.exactly(min(count, CHUNK_BYTES)))


def _read_members(
    stream: _Bounded, limits_bytes: Mapping[str, int], found: dict[str, bytearray]
) -> None:
    while True:
        header = stream.exactly(BLOCK_BYTES)
        if not any(header):
            break
        name, size = _name_and_size(header, stream.path)
        padding = -size % BLOCK_BYTES
        limit = limits_bytes.get(name)
        if limit is None:
            stream.skip(size + padding)
            continue
        if bytes(header[156:157]) not in _REGULAR:
            raise DataError(f"{stream.path}: {name} is not a regular file in the archive")
        if name in found:
            raise DataError(f"{stream.path}: {name} is in the archive twice")
        if size > limit:
            raise DataError(f"{stream.path}: {name} has {size:,} bytes, expected at most {limit:,}")
        found[name] = stream.exactly(size)
        stream.skip(padding)
    # To the end, because gzip's own checksum comes last.
    while stream.some(CHUNK_BYTES):
        pass


def _name_and_size(header: bytearray, path: Path) -> tuple[str, int]:
    """The member's name and bytes from its header of 512 bytes, whose checksum must hold."""
    try:
        size = int(header[124:136].strip(b" \0") or b"0", 8)
        checksum = int(header[148:156].strip(b" \0"), 8)
    except ValueError:
        size, checksum = -1, -1
    if checksum != sum(header) - sum(header[148:156]) + 8 * ord(" ") or size < 0:
        raise DataError(f"{path}: damaged archive: a member's header is not valid")
    name = bytes(header[0:100]).split(b"\0")[0]
    if header[257:262] == b"ustar" and (prefix := bytes(header[345:500]).split(b"\0")[0]):
        # GNU tar keeps other things there, but then the magic is "ustar  " and not "ustar\0".
        name = prefix + b"/" + name if header[262] == 0 else name
    return name.decode("latin-1"), size
