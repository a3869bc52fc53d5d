"""What Pillow does to one picture, done to a batch with a strength for each image.

Every operation takes images float [N, C, H, W] from 0 to 1 and strengths [N], whose unit it names,
and gives images of the same shape and range. Pillow rounds to whole levels of 256; here values are
rounded only where the operation is about levels.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F

from rungs.ops.transforms import grey

Operation = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

# What is seen beyond an image's edge: mid-grey, as in the code of AutoAugment's authors.
_FILL = 0.5
_LEVELS = 256


def _each(strength: torch.Tensor) -> torch.Tensor:
    """[N] -> [N, 1, 1, 1]."""
    return strength[:, None, None, None]


def _placed(images: torch.Tensor, rows: list[list[torch.Tensor]]) -> torch.Tensor:
    """Shows at (x, y) what was at (a x + b y + c, d x + e y + f), bilinear, beyond it mid-grey.

    Args:
        images: float [N, C, H, W].
        rows: a, b, c and d, e, f, each [N]; places in pixels from the upper left corner.
    """
    height, width = images.shape[2:]
    (a, b, c), (d, e, f) = rows
    # torch counts places from -1 to 1 on both axes.
    b, d = b * (height / width), d * (width / height)
    c, f = a + b + 2 * c / width - 1, d + e + 2 * f / height - 1
    theta = torch.stack([torch.stack([a, b, c], dim=1), torch.stack([d, e, f], dim=1)], dim=1)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images - _FILL, grid, align_corners=False) + _FILL


def identity(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """The images as they are."""
    return images


def shear_x(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """Slants to the side; pixels a row, about the upper left corner."""
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    return _placed(images, [[one, strength, zero], [zero, one, zero]])


def shear_y(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """Slants up or down; pixels a column, about the upper left corner."""
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    return _placed(images, [[one, zero, zero], [strength, one, zero]])


def translate_x(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """Moves to the side, in pixels."""
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    return _placed(images, [[one, zero, strength], [zero, one, zero]])


def translate_y(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """Moves up or down, in pixels."""
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    return _placed(images, [[one, zero, zero], [zero, one, strength]])


def rotate(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """Turns about the centre, counterclockwise, in degrees."""
    height, width = images.shape[2:]
    angle = torch.deg2rad(strength)
    cos, sin = torch.cos(angle), torch.sin(angle)
    x, y = width / 2, height / 2
    rows = [[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y]]
    return _placed(images, rows)


def brightness(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """0 is black, 1 the image."""
    return (images * _each(strength)).clamp(0, 1)


def colour(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """0 is grey, 1 the image."""
    return torch.lerp(grey(images).expand_as(images), images, _each(strength)).clamp(0, 1)


def contrast(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """0 is the image's mean grey, 1 the image."""
    mean = grey(images).mean(dim=(2, 3), keepdim=True)
    return torch.lerp(mean.expand_as(images), images, _each(strength)).clamp(0, 1)


def sharpness(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """0 is blurred by a 3x3 kernel, 1 the image; the outermost pixels stay."""
    channels, height, width = images.shape[1:]
    if min(height, width) < 3:
        return images
    kernel = images.new_ones(channels, 1, 3, 3)
    kernel[:, :, 1, 1] = 5
    blurred = images.clone()
    blurred[:, :, 1:-1, 1:-1] = F.conv2d(images, kernel / 13, groups=channels)
    return torch.lerp(blurred, images, _each(strength)).clamp(0, 1)


def posterise(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """Keeps so many bits of each value."""
    step = _each(torch.exp2(8 - strength.round()))
    levels = (images * (_LEVELS - 1)).round()
    return torch.floor(levels / step) * step / (_LEVELS - 1)


def solarise(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """Inverts all values from a threshold on, 0 to 1."""
    return torch.where(images < _each(strength), images, 1 - images)


def auto_contrast(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """Stretches each channel to the whole range; the strength is of no account."""
    low, high = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
    # A channel of a single level has nothing to stretch.
    flat = high - low < 0.5 / (_LEVELS - 1)
    return torch.where(flat, images, (images - low) / (high - low).clamp(min=1e-6))


def equalise(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """Evens each channel's histogram; the strength is of no account."""
    n, channels, height, width = images.shape
    levels = (images * (_LEVELS - 1)).round().long().clamp(0, _LEVELS - 1)
    levels = levels.reshape(n * channels, height * width)
    # Not bincount: on a GPU it waits to learn the highest level.
    counts = levels.new_zeros(n * channels, _LEVELS)
    counts.scatter_add_(1, levels, levels.new_ones(()).expand_as(levels))
    # Pillow leaves the last level that occurs out of its step, and rounds as whole numbers do.
    last = counts.gather(1, levels.amax(dim=1, keepdim=True))
    step = (height * width - last) // (_LEVELS - 1)  # [N * C, 1]
    before = counts.cumsum(dim=1) - counts
    table = ((before + step // 2) // step.clamp(min=1)).clamp(max=_LEVELS - 1)
    changed = torch.where(step > 0, table.gather(1, levels), levels)
    return (changed / (_LEVELS - 1)).to(images.dtype).reshape(images.shape)


def invert(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """The negative; the strength is of no account."""
    return 1 - images


OPERATIONS: Mapping[str, Operation] = {
    operation.__name__: operation
    for operation in (
        identity,
        shear_x,
        shear_y,
        translate_x,
        translate_y,
        rotate,
        brightness,
        colour,
        contrast,
        sharpness,
        posterise,
        solarise,
        auto_contrast,
        equalise,
        invert,
    )
}
