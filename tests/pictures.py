"""Pictures that tests draw, and folders of them."""

import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image


def drawn(seed: int, width: int = 12, height: int = 10) -> Image.Image:
    """A picture of four plain fields whose colours hang on the seed alone."""
    fields = np.random.default_rng(seed).integers(0, 256, (2, 2, 3), dtype=np.uint8)
    return Image.fromarray(fields).resize((width, height), Image.Resampling.NEAREST)


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """A picture's file."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def write_class_folders(root: Path, counts: Mapping[str, int], seed: int = 0) -> Path:
    """Folders such as ``cats`` or ``train/cats`` with that many pictures, no two alike."""
    for number, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            picture = encoded(drawn(1000 * (seed + number) + index))
            (root / name / f"{index:03d}.png").write_bytes(picture)
    return root


def png_with_header(width: int, height: int) -> bytes:
    """A PNG file that says to be of this size and holds a few bytes."""
    return png_of(struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"\0" * 1000)


def png_of(header: bytes, rows: bytes) -> bytes:
    """A PNG file of a header's and a data chunk's content, the latter before it is packed."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def plain(colour: tuple[int, int, int], size: int) -> npt.NDArray[np.uint8]:
    """Pixels [3, size, size] of one colour."""
    return np.broadcast_to(np.array(colour, np.uint8)[:, None, None], (3, size, size))
