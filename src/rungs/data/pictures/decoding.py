"""From a picture's file to pixels of one size, whatever kind of picture it is.

Raise `DECODING_VERSION` when the same file gives other pixels.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from rungs.data.spec import Ground
from rungs.foundation.errors import DataError
from rungs.foundation.limits import MAX_PICTURE_PIXELS

DECODING_VERSION = 1

Pixels = npt.NDArray[np.uint8]

# Kinds whose readers only decode; others of the library start programs or follow paths.
_KINDS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")
# With what files of the commonest begin.
_HEADS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
_KNOWN = "JPEG, PNG, GIF, WebP, BMP, TIFF, PPM, AVIF or JPEG 2000"

# What is seen through transparent parts.
_GROUNDS: dict[Ground, int] = {"white": 255, "black": 0}
# Pixels of one colour are no further apart than this, in any channel.
_LEVEL = 2
# A JPEG is read at a half, quarter or eighth of its size where that leaves this many times the
# pixels that are wanted.
_SPARE = 2


@dataclass(frozen=True)
class Form:
    """What every picture is brought to.

    Attributes:
        size: height and width in pixels.
        channels: 3 for colour, 1 for grey.
        fit: ``crop`` cuts out the middle, ``stretch`` changes height and width alone.
        bits: of each value of a picture with 16 bits a value.
        ground: what shows through where a picture is transparent.
    """

    size: int
    channels: int
    fit: Literal["crop", "stretch"]
    bits: int = 16
    ground: Ground = "white"


@dataclass(frozen=True)
class Header:
    """What a picture says of itself before it is decoded."""

    width: int
    height: int
    grey: bool
    odd: bool = False  # more than 8 bits, or transparent: what is made of it should be looked at


@dataclass(frozen=True)
class Sight:
    """What was seen while a picture was decoded.

    Attributes:
        largest: of its values, where it is grey with more than 8 bits; else None.
        one_colour: whether there is nothing to be seen on what was made of it.
        cause: why, as far as it is known; empty otherwise.
    """

    largest: int | None
    one_colour: bool
    cause: str


# The cause where no 8 of the bits would show more.
HARDLY_DIFFER = "16 bits a value that hardly differ within a picture, so that no 8 of them show it"
# The cause where only the ground is to blame.
THROUGH = "the colour of the ground that shows through; ground in [data] lays them on another"


def header(data: bytes | bytearray) -> Header:
    """Size, and whether the picture has no colours; ``DataError`` as `decode`."""
    with _opened(data) as image:
        odd = _is_deep(image) or image.has_transparency_data
        return Header(*image.size, _is_grey(image), odd)


def decode(data: bytes | bytearray, form: Form) -> Pixels:
    """The picture in a file as uint8 [C, size, size].

    Of several frames it is the first; it is turned as its EXIF says; what is transparent shows
    the ground; of ``bits`` grey keeps the upper 8.

    Raises:
        DataError: it is none, is damaged, or would take too much memory; the message says why and
            names no file.
    """
    return examine(data, form)[0]


def examine(data: bytes | bytearray, form: Form) -> tuple[Pixels, Sight]:
    """As `decode`, and what was seen on the way."""
    with _opened(data) as image:
        # Of other kinds than JPEG this does nothing.
        image.draft(None, (_SPARE * form.size, _SPARE * form.size))
        pixels = _formed(image, form)
        return pixels, _seen(image, pixels, wide=_has_wide_colours(data))


def _hardly_differ(values: npt.NDArray[np.integer]) -> bool:
    """Whether values are as one even where all bits that they need are spread over 8."""
    largest, smallest = int(values.max()), int(values.min())
    return (largest - smallest) >> (bits_of(largest) - 8) <= _LEVEL


def bits_of(largest: int) -> int:
    """How many bits values up to this one need, at least 8 and at most 16."""
    return min(max(8, largest.bit_length()), 16)


def _seen(image: Image.Image, pixels: Pixels, *, wide: bool) -> Sight:
    values = np.asarray(image) if _is_deep(image) else None
    largest = None if values is None else int(values.max())
    flat = pixels.reshape(len(pixels), -1)
    # Not the difference of bytes, which would wrap.
    one_colour = bool((flat.max(axis=1) <= flat.min(axis=1).astype(int) + _LEVEL).all())
    cause = ""
    if one_colour and values is not None and _hardly_differ(values):
        cause = HARDLY_DIFFER
    elif one_colour and largest is not None:
        cause = f"16 bits a value, of which none is above {largest:,}; bits in [data] spreads them"
    elif one_colour and wide:
        cause = "16 bits a colour, of which only the upper 8 are read"
    elif one_colour and image.has_transparency_data:
        cause = THROUGH
    return Sight(largest, one_colour, cause)


def _has_wide_colours(data: bytes | bytearray) -> bool:
    """Whether this is a PNG of 16 bits a colour, of which Pillow reads the upper 8."""
    head = bytes(data[:26])
    return head.startswith(b"\x89PNG") and len(head) == 26 and head[24] == 16 and head[25] in (2, 6)


def examine_opened(image: Image.Image, form: Form) -> tuple[Pixels, Sight]:
    """As `examine`, of a picture that Pillow has opened: uint8 [C, size, size].

    `decode` reads a large JPEG at a fraction of its size, which gives slightly other pixels.

    Raises:
        DataError: as `decode`, or the picture is closed or has no pixels.
    """
    with _told():
        if not all(image.size):
            raise DataError("empty")
        _check_size(image)
        try:
            image.load()
        except Exception as error:
            raise DataError("cannot be loaded: it is damaged, or was closed") from error
        pixels = _formed(image, form)
        return pixels, _seen(image, pixels, wide=False)


def _formed(image: Image.Image, form: Form) -> Pixels:
    return _array(_fitted(_plain(_upright(image), form.bits), form), form)


@contextmanager
def careful() -> Iterator[None]:
    """Pillow's warnings of odd files are not shown, and those of huge pictures are errors.

    Around all decoding, as warnings are of a process, not of a thread.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@cache
def _kinds() -> tuple[str, ...]:
    """Those of our kinds that this build of the library can read."""
    Image.init()
    return tuple(kind for kind in _KINDS if kind in Image.OPEN)


@contextmanager
def _opened(data: bytes | bytearray) -> Iterator[Image.Image]:
    if not data:
        raise DataError("empty")
    with _told(data), Image.open(io.BytesIO(data), formats=_kinds()) as image:
        _check_size(image)
        yield image


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PICTURE_PIXELS:
        raise DataError(f"{width:,} x {height:,} pixels, more than {MAX_PICTURE_PIXELS:,} in all")


@contextmanager
def _told(data: bytes | bytearray = b"") -> Iterator[None]:
    """What goes wrong in the library is a ``DataError``; a file that has ``data`` is damaged."""
    try:
        yield
    except DataError:
        raise
    except UnidentifiedImageError as error:
        if any(data.startswith(head) for head in _HEADS):
            raise DataError(
                "damaged: it begins like a picture, and nothing is made of it"
            ) from error
        raise DataError(f"no picture of a known kind ({_KNOWN})") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"more than {MAX_PICTURE_PIXELS:,} pixels") from error
    except MemoryError as error:
        raise DataError("its memory was not enough") from error
    except Exception as error:
        # Decoders of damaged files raise nearly everything, from struct.error to IndexError.
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"damaged: {said}") from error


def _is_grey(image: Image.Image) -> bool:
    return image.mode in ("1", "L", "LA", "La", "F") or _is_deep(image)


def _is_deep(image: Image.Image) -> bool:
    return image.mode == "I" or image.mode.startswith("I;16")


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        return ImageOps.exif_transpose(image) or image
    except Exception:  # of what is written about the picture, which is whole itself
        return image


def _plain(image: Image.Image, bits: int) -> Image.Image:
    """In mode L, RGB or RGBA, which can be made smaller without further ado."""
    if image.mode == "F":
        raise DataError("pixels are fractions (mode F), and nothing says of what")
    if _is_deep(image):
        values = np.asarray(image).clip(0, 2**bits - 1) >> (bits - 8)
        return Image.fromarray(values.astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _fitted(image: Image.Image, form: Form) -> Image.Image:
    size = (form.size, form.size)
    if image.size == size:
        return image
    if form.fit == "crop":
        return ImageOps.fit(image, size, method=Image.Resampling.BICUBIC)
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def _array(image: Image.Image, form: Form) -> Pixels:
    """uint8 [channels, height, width]."""
    if image.mode == "RGBA":
        level = _GROUNDS[form.ground]
        ground = Image.new("RGBA", image.size, (level, level, level, 255))
        image = Image.alpha_composite(ground, image)
    channels = form.channels
    mode = "L" if channels == 1 else "RGB"
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return np.ascontiguousarray(pixels[None] if channels == 1 else pixels.transpose(2, 0, 1))
