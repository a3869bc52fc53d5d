"""Picture files of any kind, brought to the form in which networks see them.

Files are of unknown origin: no format is read that runs programs, sizes are bounded before memory
is taken, and every failure is one `DataError`.
"""

import io
import warnings
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from rungs.errors import DataError
from rungs.reading import read_whole

# Formats by Pillow's names. Others exist; some of them start programs (EPS) or fetch files.
_FORMATS: Final = frozenset(
    ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM"],
)
_SUFFIXES = "jpg jpeg jpe jfif mpo png apng gif bmp dib tif tiff webp avif jp2 j2k ppm pgm pbm pnm"
SUFFIXES: Final = frozenset(f".{name}" for name in _SUFFIXES.split())

# More than a large camera's picture; a file of a few kilobytes can claim terabytes.
MAX_PIXELS: Final = 150_000_000
MAX_BYTES: Final = 500_000_000

# What shows through a transparent picture.
_PAPER = (255, 255, 255, 255)
# A JPEG is decoded at no less than so many times the wanted size: much quicker, hardly different.
_DRAFT = 3


def decode(source: bytes | Path, size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    """A picture as a network of this input sees it.

    Turned upright as its EXIF tag says; of an animation the first frame; transparent parts on
    white; 16 bits reduced to 8; converted to RGB or grey; the largest part in the middle that has
    the wanted proportions, resized with antialiasing (bicubic).

    Args:
        source: the content of a picture's file, or its path.
        size: height and width in pixels.
        channels: 1 for grey or 3 for RGB.

    Returns:
        uint8 [channels, height, width].

    Raises:
        DataError: missing, damaged, too large, or no picture; begins with the path where there is
            one.
    """
    if channels not in (1, 3):
        raise DataError(f"a picture has 1 channel or 3, not {channels}")
    content = bytes(read_whole(source, MAX_BYTES)) if isinstance(source, Path) else source
    place = f"{source}: " if isinstance(source, Path) else ""
    try:
        with warnings.catch_warnings():
            # Of damage that still leaves a picture, and of sizes that are checked here.
            warnings.simplefilter("ignore")
            return _decode(content, size, channels)
    except DataError as error:
        raise DataError(f"{place}{error}") from error
    # Damaged files make Pillow's readers fail in every way that Python knows.
    except Exception as error:
        raise DataError(f"{place}this picture is damaged: {_reason(error)}") from error


def _decode(content: bytes, size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    height, width = size
    Image.init()
    known = sorted(_FORMATS & Image.OPEN.keys())
    try:
        opened = Image.open(io.BytesIO(content), formats=known)
    except Image.DecompressionBombError as error:
        raise DataError(f"too many pixels: expected at most {MAX_PIXELS:,}") from error
    except UnidentifiedImageError as error:
        found = "an empty file" if not content else "something else"
        raise DataError(f"expected a picture ({', '.join(known)}), found {found}") from error
    with opened as image:
        if image.width * image.height > MAX_PIXELS:
            found = f"{image.width:,} x {image.height:,}"
            raise DataError(f"expected at most {MAX_PIXELS:,} pixels, found {found}")
        image.draft(None, (_DRAFT * max(size), _DRAFT * max(size)))
        upright = ImageOps.exif_transpose(image)
        plain = _without_alpha(_eight_bits(upright)).convert("RGB" if channels == 3 else "L")
        fitted = ImageOps.fit(plain, (width, height), Image.Resampling.BICUBIC)
    pixels = np.asarray(fitted, dtype=np.uint8).reshape(height, width, channels)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _eight_bits(image: Image.Image) -> Image.Image:
    """The picture with 8 bits a channel."""
    if image.mode == "F":
        raise DataError("its pixels are fractions of an unknown range; save it with 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image
    # 16 bits, also where Pillow holds them in 32.
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65_535:
        raise DataError("its pixels have more than 16 bits; save it with 8 or 16 bits")
    return Image.fromarray((values // 257).astype(np.uint8))


def _without_alpha(image: Image.Image) -> Image.Image:
    """The picture on white paper, if parts of it are transparent."""
    if not image.has_transparency_data:
        return image
    over = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", over.size, _PAPER), over)


def _reason(error: Exception) -> str:
    text = str(error).split("\n")[0][:200]
    return text if text and text.isprintable() else type(error).__name__
