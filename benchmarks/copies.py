"""What people and sites do to a picture, with strengths drawn at random: copies to be found.

The ranges are the benchmark's, and stand here alone. Pictures are uint8 [H, W, 3].
"""

import colorsys
import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance

Picture = NDArray[np.uint8]
Change = Callable[[Picture, np.random.Generator], Picture]

# Of a side: how far a picture is shifted, and what a crop or another aspect leaves out at most.
_SHARE = 0.15


def _clipped(values: NDArray[np.float64]) -> Picture:
    return np.asarray(values.round().clip(0, 255), dtype=np.uint8)


def _window(picture: Picture, left: float, top: float, width: float, height: float) -> Picture:
    """A part of the picture, in pixels, enlarged to the whole."""
    size = picture.shape[1], picture.shape[0]
    box = (left, top, left + width, top + height)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC, box=box))


def shifted(picture: Picture, rng: np.random.Generator) -> Picture:
    """By up to 15 % across and down; what comes into sight repeats the edge, or is reflected."""
    height, width = picture.shape[:2]
    right, down = (round(rng.uniform(-_SHARE, _SHARE) * side) for side in (width, height))
    margins = ((max(down, 0), max(-down, 0)), (max(right, 0), max(-right, 0)), (0, 0))
    padded = np.pad(picture, margins, mode="edge" if rng.random() < 0.5 else "reflect")
    top, left = max(-down, 0), max(-right, 0)
    return padded[top : top + height, left : left + width]


def cropped(picture: Picture, rng: np.random.Generator) -> Picture:
    """A window of 85 to 97 % of both sides, anywhere, enlarged to the whole."""
    height, width = picture.shape[:2]
    share = rng.uniform(1 - _SHARE, 0.97)
    left, top = rng.uniform(0, 1 - share) * width, rng.uniform(0, 1 - share) * height
    return _window(picture, left, top, share * width, share * height)


def stretched(picture: Picture, rng: np.random.Generator) -> Picture:
    """Another aspect: 85 to 97 % of one side, the other whole."""
    height, width = picture.shape[:2]
    share = rng.uniform(1 - _SHARE, 0.97)
    start = rng.uniform(0, 1 - share)
    if rng.random() < 0.5:
        return _window(picture, start * width, 0, share * width, height)
    return _window(picture, 0, start * height, width, share * height)


def mirrored(picture: Picture, _: np.random.Generator) -> Picture:
    """Left and right exchanged."""
    return np.ascontiguousarray(picture[:, ::-1])


def recompressed(picture: Picture, rng: np.random.Generator) -> Picture:
    """As JPEG of quality 15 to 60."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=int(rng.integers(15, 61)))
    return np.asarray(Image.open(buffer).convert("RGB"))


def resampled(picture: Picture, rng: np.random.Generator) -> Picture:
    """Made smaller, to 50 to 80 %, and large again."""
    height, width = picture.shape[:2]
    share = rng.uniform(0.5, 0.8)
    image = Image.fromarray(picture)
    small = image.resize((round(share * width), round(share * height)), Image.Resampling.BILINEAR)
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def brightened(picture: Picture, rng: np.random.Generator) -> Picture:
    """Contrast times 0.6 to 1.4, gamma of 0.6 to 1.6, and up to 40 grey levels up or down."""
    gamma = np.exp(rng.uniform(np.log(0.6), np.log(1.6)))
    levels = 255 * (picture / 255) ** gamma
    levels = (levels - 128) * rng.uniform(0.6, 1.4) + 128 + rng.uniform(-40, 40)
    return _clipped(levels)


def recoloured(picture: Picture, rng: np.random.Generator) -> Picture:
    """Grey, another hue, another saturation (0.2 to 2 times), or a cast of colour."""
    image = Image.fromarray(picture)
    kind = rng.integers(4)
    if kind == 0:
        return np.asarray(image.convert("L").convert("RGB"))
    if kind == 1:
        hsv = np.array(image.convert("HSV"))
        hsv[..., 0] += np.uint8(rng.integers(20, 236))
        return np.asarray(Image.fromarray(hsv, "HSV").convert("RGB"))
    if kind == 2:
        saturation = float(np.exp(rng.uniform(np.log(0.2), np.log(2))))
        return np.asarray(ImageEnhance.Color(image).enhance(saturation))
    return _clipped(picture * rng.uniform(0.7, 1.3, 3))


def captioned(picture: Picture, rng: np.random.Generator) -> Picture:
    """A bar with a line of writing over 10 to 20 % of the height, above or below."""
    height, width = picture.shape[:2]
    bar = max(3, round(rng.uniform(0.1, 0.2) * height))
    dark = rng.random() < 0.5
    paper, ink = (0, 255) if dark else (255, 0)
    changed = picture.copy()
    line = np.full((bar, width, 3), paper, dtype=np.uint8)
    letters = rng.random((bar - 2, width - 4)) < 0.4
    line[1:-1, 2:-2][letters] = ink
    changed[-bar:] = line
    return changed if rng.random() < 0.5 else np.concatenate([line, picture[bar:]])


def watermarked(picture: Picture, rng: np.random.Generator) -> Picture:
    """Strokes of a translucent white or black, of up to a third of the picture, lie over it."""
    height, width = picture.shape[:2]
    mask = Image.new("L", (4 * width, 4 * height), 0)
    draw = ImageDraw.Draw(mask)
    for _ in range(int(rng.integers(3, 8))):
        ends = rng.uniform(0, 4, 4) * np.array([width, height, width, height])
        draw.line(
            [float(end) for end in ends], fill=255, width=int(rng.integers(4, 4 + height // 5))
        )
    share = np.asarray(mask.resize((width, height), Image.Resampling.BOX)) / 255.0
    share = share[..., None] * rng.uniform(0.3, 0.7)
    return _clipped(picture * (1 - share) + (255 if rng.random() < 0.7 else 0) * share)


def bordered(picture: Picture, rng: np.random.Generator) -> Picture:
    """A frame of one colour, 3 to 7.5 % of a side wide: drawn over it, or put around it."""
    height, width = picture.shape[:2]
    share = rng.uniform(0.03, _SHARE / 2)
    across, down = max(1, round(share * width)), max(1, round(share * height))
    colour = colorsys.hsv_to_rgb(rng.random(), rng.choice([0.0, 0.7]), rng.choice([0.0, 1.0]))
    changed = np.empty_like(picture)
    changed[:] = np.round(255 * np.array(colour))
    inner = width - 2 * across, height - 2 * down
    if rng.random() < 0.5:
        small = Image.fromarray(picture).resize(inner, Image.Resampling.BICUBIC)
        changed[down:-down, across:-across] = np.asarray(small)
    else:
        changed[down:-down, across:-across] = picture[down:-down, across:-across]
    return changed


CHANGES: dict[str, Change] = {
    "shifted": shifted,
    "cropped": cropped,
    "stretched": stretched,
    "mirrored": mirrored,
    "recompressed": recompressed,
    "resampled": resampled,
    "brightened": brightened,
    "recoloured": recoloured,
    "captioned": captioned,
    "watermarked": watermarked,
    "bordered": bordered,
}
TWO = "two of these"


def changed(picture: Picture, kind: str, rng: np.random.Generator) -> Picture:
    """A copy changed in one way of `CHANGES`, or in `TWO` that differ."""
    names = [kind] if kind != TWO else list(rng.choice(list(CHANGES), 2, replace=False))
    for name in names:
        picture = CHANGES[name](picture, rng)
    return picture
