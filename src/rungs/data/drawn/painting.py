"""One drawn picture per label: a shape with a texture and a style, among what must not matter.

From four classes on they share shapes and textures, so that no class is told by one of them alone.
What must not matter varies within a class: place, size, rotation, colours, light, clutter, noise
and a partial cover. Left and right are alike in every one of these, so a mirrored picture keeps its
class.

The same stream gives the same pixels on every machine: random numbers are the raw output of PCG64,
whose stream numpy guarantees, and per pixel there are only operations that IEEE 754 rounds in one
way (no sine, no sum over an array). Whatever changes a pixel raises
`rungs.data.kinds.synthetic.SYNTHETIC_VERSION`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHAPES = ("square", "disc", "triangle", "cross", "ring", "bar", "star", "crescent")
TEXTURES = (
    "lying stripes",
    "standing stripes",
    "checks",
    "plain",
    "dots",
    "rings",
    "shading",
    "grain",
)
# One bit of the class each; they are drawn only for sets of more than 64 classes.
STYLES = ("outlined", "twice", "on a striped ground", "set off by hue")

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


class Stream:
    """Random numbers that are the same for every version of numpy."""

    def __init__(self, seed: int, part: int) -> None:
        self.raw = np.random.PCG64(np.random.SeedSequence([seed, part])).random_raw

    def uniform(self, *shape: int) -> NDArray[np.float64]:
        """Numbers from [0, 1) in the given shape."""
        raw = np.asarray(self.raw(int(np.prod(shape))), dtype=np.uint64)
        return (raw >> np.uint64(11)).astype(np.float64).reshape(shape) * 2.0**-53

    def between(self, low: float, high: float, *shape: int) -> Floats:
        """Numbers from [low, high) in the given shape."""
        return (low + (high - low) * self.uniform(*shape)).astype(np.float32)

    def noise(self, *shape: int) -> Floats:
        """Nearly normal numbers of mean 0 and standard deviation 1: each the sum of four bytes."""
        count = int(np.prod(shape))
        raw = np.asarray(self.raw(-(-count // 2)), dtype="<u8").view(np.uint8)
        four = raw[: 4 * count].reshape(count, 4).astype(np.int16)
        total = four[:, 0] + four[:, 1] + four[:, 2] + four[:, 3]
        # The variance of a byte is (256^2 - 1) / 12.
        return ((total - 510).astype(np.float32) / np.float32(147.8)).reshape(shape)


@dataclass(frozen=True, eq=False)
class _Objects:
    """What each picture of a chunk shows: indices [N], colours [N, 3]."""

    shapes: NDArray[np.int64]
    textures: NDArray[np.int64]
    first: Floats
    second: Floats
    edge: Floats
    outlined: NDArray[np.bool_]


def features(index: int) -> tuple[int, int, int]:
    """The class's shape, texture and styles (bits), dealt from the bits of its index in turn."""
    shape = (index & 1) | (index >> 1 & 2) | (index >> 2 & 4)
    texture = (index >> 1 & 1) | (index >> 2 & 2) | (index >> 3 & 4)
    return shape, texture, index >> 6


def paint(labels: Labels, size: int, stream: Stream) -> Pixels:
    """One picture per label: uint8 [N, 3, size, size]. Lengths are in halves of the picture."""
    count = len(labels)
    shapes, textures, styles = (
        np.array(values) for values in zip(*map(features, labels.tolist()), strict=True)
    )
    outlined, twice, striped, hues = (styles >> bit & 1 == 1 for bit in range(4))
    axis = ((2 * np.arange(size) + 1 - size) / size).astype(np.float32)
    x = np.broadcast_to(axis[None, None, :], (count, size, size))
    y = np.broadcast_to(axis[None, :, None], (count, size, size))

    ground = stream.between(40, 215, count, 3)
    canvas = np.repeat(ground[:, :, None], size * size, axis=2).reshape(count, 3, size, size)
    _stripe_ground(canvas, x, y, striped, stream)
    for _ in range(2):
        _add_clutter(canvas, x, y, stream)
    first = _away_from(ground, 45, 100, stream, hues)
    second = _away_from(first, 60, 110, stream, hues)
    edge = _signed(stream, 50, 110, count)[:, None] + ground
    objects = _Objects(shapes, textures, first, second, edge, outlined)
    scale = stream.between(0.46, 0.74, count)
    x0, y0 = stream.between(-0.25, 0.25, count), stream.between(-0.25, 0.25, count)
    apart = twice * np.float32(0.35)
    slant = twice * stream.between(-0.2, 0.2, count)
    radius = np.where(twice, scale * np.float32(0.6), scale)
    for side, here in ((-1, np.ones(count, dtype=bool)), (1, twice)):
        if here.any():
            turn = stream.between(-0.2, 0.2, count)
            u, v = _turned(x, y, x0 + side * apart, y0 + side * slant, radius, turn)
            _add_object(canvas, objects, u, v, radius, here, stream)
    _add_cover(canvas, x, y, stream)
    _light(canvas, x, y, stream)
    strength = stream.between(4, 18, count)[:, None, None, None]
    canvas += strength * stream.noise(count, 3, size, size)
    np.clip(canvas, 0, 255, out=canvas)
    return np.floor(canvas).astype(np.uint8)


def _signed(stream: Stream, low: float, high: float, count: int) -> Floats:
    """Numbers of either sign whose size is in [low, high)."""
    sign = np.where(stream.uniform(count) < 0.5, np.float32(-1), np.float32(1))
    return sign * stream.between(low, high, count)


def _away_from(
    colours: Floats, low: float, high: float, stream: Stream, in_hue: NDArray[np.bool_]
) -> Floats:
    """Colours [N, 3] apart from ``colours`` by ``low`` to ``high``: in lightness or ``in_hue``."""
    count = len(colours)
    # Towards the middle, where there is room for the difference.
    mean = (colours[:, 0] + colours[:, 1] + colours[:, 2]) / np.float32(3)
    sign = np.where(mean + stream.between(-60, 60, count) < 128, np.float32(1), np.float32(-1))
    shift = (sign * stream.between(low, high, count))[:, None]
    channel = np.floor(stream.between(0, 3, count)).astype(np.int64)[:, None]
    single = np.where(channel == np.arange(3), np.float32(-1), np.float32(1))
    shift = np.where(in_hue[:, None], shift * single, shift)
    moved: Floats = colours + shift + stream.between(-25, 25, count, 3)
    return np.clip(moved, 0, 255)


def _turned(
    x: Floats, y: Floats, x0: Floats, y0: Floats, radius: Floats, turn: Floats
) -> tuple[Floats, Floats]:
    """Coordinates in the frame of an object. ``turn`` is the tangent of half its angle."""
    square = turn * turn
    cosine = ((1 - square) / (1 + square) / radius)[:, None, None]
    sine = (2 * turn / (1 + square) / radius)[:, None, None]
    dx, dy = x - x0[:, None, None], y - y0[:, None, None]
    return cosine * dx + sine * dy, cosine * dy - sine * dx


def _wave(position: Floats) -> Floats:
    """A triangle wave from 0 to 1 of period 1."""
    return np.abs(2 * (position - np.floor(position)) - 1)


def _distance(shape: int, u: Floats, v: Floats) -> Floats:
    """How far (u, v) lies outside the shape, negative inside: a bound, exact enough for an edge.

    Each is its own mirror image in u.
    """
    r: Floats = np.sqrt(u * u + v * v)
    a, b = np.abs(u), np.abs(v)
    distance: Floats
    match SHAPES[shape]:
        case "square":
            distance = np.maximum(a, b) - np.float32(0.82)
        case "disc":
            distance = r - np.float32(0.9)
        case "triangle":
            distance = np.maximum(
                np.float32(0.866) * a - np.float32(0.5) * v, v - np.float32(0.05)
            ) - np.float32(0.55)
        case "cross":
            arm, half = np.float32(1), np.float32(0.36)
            distance = np.minimum(np.maximum(a - arm, b - half), np.maximum(a - half, b - arm))
        case "ring":
            distance = np.abs(r - np.float32(0.72)) - np.float32(0.26)
        case "bar":
            distance = np.maximum(a - np.float32(1), b - np.float32(0.5))
        case "star":
            distance = (np.sqrt(a) + np.sqrt(b) - np.float32(1.2)) * np.float32(0.7)
        case _:
            w = v + np.float32(0.5)
            bite: Floats = np.float32(0.75) - np.sqrt(u * u + w * w)
            distance = np.maximum(r - np.float32(0.95), bite)
    return distance


def _pattern(texture: int, u: Floats, v: Floats, stream: Stream) -> Floats:
    """The share of the second colour, from 0 to 1."""
    count = len(u)
    rate = stream.between(1.1, 1.7, count)[:, None, None]
    shift, other = (stream.between(0, 1, count)[:, None, None] for _ in range(2))
    half = np.float32(0.5)
    match TEXTURES[texture]:
        case "lying stripes":
            return _sharp(_wave(rate * v + shift) - half)
        case "standing stripes":
            return _sharp(_wave(rate * u + shift) - half)
        case "checks":
            across, down = _wave(rate * u + shift) - half, _wave(rate * v + other) - half
            return _sharp(4 * across * down)
        case "plain":
            return np.zeros_like(u)
        case "dots":
            across, down = _wave(rate * u + shift), _wave(rate * v + other)
            return _sharp(across + down - np.float32(1.25))
        case "rings":
            return _sharp(_wave(rate * np.sqrt(u * u + v * v) + shift) - half)
        case "shading":
            return np.clip(np.sqrt(u * u + v * v), 0, 1)
        case _:
            return stream.uniform(*u.shape).astype(np.float32)


def _sharp(value: Floats) -> Floats:
    steeper: Floats = 3 * value + np.float32(0.5)
    return np.clip(steeper, 0, 1)


def _blend(canvas: Floats, colours: Floats, share: Floats) -> None:
    """Lay ``colours`` [N, 3] or [N, 3, H, W] over the canvas by ``share`` [N, H, W]."""
    if colours.ndim == 2:
        colours = colours[:, :, None, None]
    canvas += share[:, None] * (colours - canvas)


def _coverage(distance: Floats, radius: Floats, size: int) -> Floats:
    """The share of a pixel inside an edge at ``distance`` in units of ``radius`` [N]."""
    pixels = (radius * np.float32(size / 2))[:, None, None]
    return np.clip(np.float32(0.5) - distance * pixels, 0, 1)


def _stripe_ground(
    canvas: Floats, x: Floats, y: Floats, striped: NDArray[np.bool_], stream: Stream
) -> None:
    count = len(canvas)
    rate, shift = stream.between(1.5, 2.5, count), stream.between(0, 1, count)
    depth = _signed(stream, 20, 40, count) * striped
    wave = _wave(rate[:, None, None] * (x + y) + shift[:, None, None])
    # Stripes of either diagonal, or a mirror would tell.
    mirrored = _wave(rate[:, None, None] * (y - x) + shift[:, None, None])
    either = np.where((stream.uniform(count) < 0.5)[:, None, None], wave, mirrored)
    canvas += (depth[:, None, None] * either)[:, None]


def _add_clutter(canvas: Floats, x: Floats, y: Floats, stream: Stream) -> None:
    """A small disc, square or stroke in a colour of its own, anywhere behind the object."""
    count, _, size, _ = canvas.shape
    u, v = _turned(
        x,
        y,
        stream.between(-1, 1, count),
        stream.between(-1, 1, count),
        radius := stream.between(0.1, 0.3, count),
        stream.between(-1, 1, count),
    )
    choice = np.floor(stream.between(0, 3, count))[:, None, None]
    a, b = np.abs(u), np.abs(v)
    disc = np.sqrt(u * u + v * v) - 1
    stroke = np.maximum(a - np.float32(2), b - np.float32(0.35))
    distance = np.where(choice == 0, disc, np.where(choice == 1, np.maximum(a, b) - 1, stroke))
    _blend(canvas, stream.between(20, 235, count, 3), _coverage(distance, radius, size))


def _add_object(
    canvas: Floats,
    objects: _Objects,
    u: Floats,
    v: Floats,
    radius: Floats,
    here: NDArray[np.bool_],
    stream: Stream,
) -> None:
    """Draw each picture's object in its frame (u, v), where ``here`` says so."""
    size = canvas.shape[-1]
    distance, share = np.empty_like(u), np.empty_like(u)
    for shape in range(len(SHAPES)):
        mine = objects.shapes == shape
        distance[mine] = _distance(shape, u[mine], v[mine])
    for texture in range(len(TEXTURES)):
        mine = objects.textures == texture
        share[mine] = _pattern(texture, u[mine], v[mine], stream)
    first = objects.first[:, :, None, None]
    colours = first + share[:, None] * (objects.second[:, :, None, None] - first)
    seen = here[:, None, None]
    border = np.float32(0.16) * objects.outlined[:, None, None]
    _blend(canvas, objects.edge, _coverage(distance - border, radius, size) * seen)
    _blend(canvas, colours, _coverage(distance, radius, size) * seen)


def _add_cover(canvas: Floats, x: Floats, y: Floats, stream: Stream) -> None:
    """In three of ten pictures a strip lies over a part of the object."""
    count, _, size, _ = canvas.shape
    one = np.ones(count, dtype=np.float32)
    u, v = _turned(
        x,
        y,
        stream.between(-0.7, 0.7, count),
        stream.between(-0.7, 0.7, count),
        one,
        stream.between(-1, 1, count),
    )
    width = stream.between(0.06, 0.16, count)[:, None, None]
    strip = np.maximum(np.abs(u) - width, np.abs(v) - np.float32(0.8))
    covered = (stream.uniform(count) < 0.3)[:, None, None]
    _blend(canvas, stream.between(20, 235, count, 3), _coverage(strip, one, size) * covered)


def _light(canvas: Floats, x: Floats, y: Floats, stream: Stream) -> None:
    """Light that falls off in some direction."""
    count = len(canvas)
    across, down = stream.between(-25, 25, count), stream.between(-25, 25, count)
    canvas += (across[:, None, None] * x + down[:, None, None] * y)[:, None]
