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

from rungs.foundation.errors import DataError
from rungs.foundation.limits import MAX_PICTURE_PIXELS

DECODING_VERSION = 1

Pixels = npt.NDArray[np.uint8]

# Kinds whose readers only decode; others of the library start programs or follow paths.
_KINDS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")
_KNOWN = "JPEG, PNG, GIF, WebP, BMP, TIFF, PPM, AVIF or JPEG 2000"

# What is seen through transparent parts.
_GROUND = 255
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
    """

    size: int
    channels: int
    fit: Literal["crop", "stretch"]


@dataclass(frozen=True)
class Header:
    """What a picture says of itself before it is decoded."""

    width: int
    height: int
    grey: bool


def header(data: bytes | bytearray) -> Header:
    """Size, and whether the picture has no colours; ``DataError`` as `decode`."""
    with _opened(data) as image:
        return Header(*image.size, _is_grey(image))


def decode(data: bytes | bytearray, form: Form) -> Pixels:
    """The picture in a file as uint8 [C, size, size].

    Of several frames it is the first; it is turned as its EXIF says; what is transparent shows
    white; 16-bit grey keeps its upper 8 bits.

    Raises:
        DataError: it is none, is damaged, or would take too much memory; the message says why and
            names no file.
    """
    with _opened(data) as image:
        # Of other kinds than JPEG this does nothing.
        image.draft(None, (_SPARE * form.size, _SPARE * form.size))
        return _formed(image, form)


def formed(image: Image.Image, form: Form) -> Pixels:
    """The same of a picture that Pillow has opened: uint8 [C, size, size].

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
        return _formed(image, form)


def _formed(image: Image.Image, form: Form) -> Pixels:
    return _array(_fitted(_plain(_upright(image)), form), form.channels)


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
    with _told(), Image.open(io.BytesIO(data), formats=_kinds()) as image:
        _check_size(image)
        yield image


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PICTURE_PIXELS:
        raise DataError(f"{width:,} x {height:,} pixels, more than {MAX_PICTURE_PIXELS:,} in all")


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong in the library is a ``DataError``."""
    try:
        yield
    except DataError:
        raise
    except UnidentifiedImageError as error:
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
    return image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16")


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        return ImageOps.exif_transpose(image) or image
    except Exception:  # of what is written about the picture, which is whole itself
        return image


def _plain(image: Image.Image) -> Image.Image:
    """In mode L, RGB or RGBA, which can be made smaller without further ado."""
    if image.mode == "F":
        raise DataError("pixels are fractions (mode F), and nothing says of what")
    if image.mode == "I" or image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).clip(0, 65_535) >> 8).astype(np.uint8))
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


def _array(image: Image.Image, channels: int) -> Pixels:
    """uint8 [channels, height, width]."""
    if image.mode == "RGBA":
        ground = Image.new("RGBA", image.size, (_GROUND, _GROUND, _GROUND, 255))
        image = Image.alpha_composite(ground, image)
    mode = "L" if channels == 1 else "RGB"
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return np.ascontiguousarray(pixels[None] if channels == 1 else pixels.transpose(2, 0, 1))
