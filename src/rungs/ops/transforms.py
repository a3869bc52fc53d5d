"""Random changes of whole batches of images at once.

All chance is drawn on the CPU whatever the device, so that every device sees the same images.
"""

import math

import torch
import torch.nn.functional as F

from rungs.ops.sending import sent

# Draws of a rectangle, of which the first that fits is taken: of the authors of random erasing, and
# of torchvision's random resized crop.
_ERASING_TRIES = 100
_CROP_TRIES = 10
# Shares of red, green and blue in a grey of the same brightness (ITU-R BT.601).
_GREY = (0.299, 0.587, 0.114)
# Knuth's multiplicative hash: neighbours in the data set fall on both sides alike.
_HASH = 2_654_435_761
# Of the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): shifts, and odd factors as
# int64 has them.
_MIXING = ((30, 0xBF58476D1CE4E5B9 - (1 << 64)), (27, 0x94D049BB133111EB - (1 << 64)))


def sample_affine(
    n: int, flip: float, rotation: float, zoom: float, generator: torch.Generator
) -> torch.Tensor:
    """Random parameters of ``n`` images: [N, 3] of flip sign (+1 or -1), angle (radians), zoom.

    Args:
        n: number of images.
        flip: probability of a flip.
        rotation: the angle is uniform in +- this, in radians.
        zoom: the factor is uniform in 1 +- this.
        generator: on the CPU.
    """
    draws = torch.rand(n, 3, generator=generator, dtype=torch.float64)
    sign = torch.where(draws[:, 0] < flip, -1.0, 1.0)
    angle = (2 * draws[:, 1] - 1) * rotation
    factor = 1 + (2 * draws[:, 2] - 1) * zoom
    return torch.stack([sign, angle, factor], dim=1)


def affine(images: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
    """Flip, then rotate, then zoom each image about its centre, in one bilinear resampling.

    Args:
        images: float [N, C, H, W].
        parameters: [N, 3] as `sample_affine` draws them, on the CPU.

    Returns:
        float [N, C, H, W]; what lies outside of an image is its reflection (d c b a | a b c d).
    """
    height, width = images.shape[-2:]
    sign, angle, zoom = parameters.unbind(dim=1)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    # From an output place to the input place that it shows: F R z, the inverse of "flip, rotate,
    # zoom" as pictures see it. Places run from -1 to 1 on both axes, hence the ratios of sides.
    rows = [
        torch.stack([sign * cos, -sign * sin * (height / width), torch.zeros_like(cos)], dim=1),
        torch.stack([sin * (width / height), cos, torch.zeros_like(cos)], dim=1),
    ]
    theta = sent(torch.stack(rows, dim=1).to(images.dtype), images.device)  # [N, 2, 3]
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def _flipped(images: torch.Tensor, which: torch.Tensor, axis: int = 3) -> torch.Tensor:
    """[N, C, H, W] with those mirrored for which ``which`` [N] is true: 3 left to right, 2 down."""
    return torch.where(which[:, None, None, None], images.flip(axis), images)


def random_flip(
    images: torch.Tensor, probability: float, generator: torch.Generator, axis: int = 3
) -> torch.Tensor:
    """Mirrors each image with a probability: left to right, or upside down along axis 2."""
    which = torch.rand(len(images), generator=generator) < probability
    return _flipped(images, sent(which, images.device), axis)


def alternating_flip(
    images: torch.Tensor, indices: torch.Tensor, epoch: int, seed: int | None
) -> torch.Tensor:
    """Mirrors each image in every second epoch; in which, is a hash of its index and the seed.

    Args:
        images: float [N, C, H, W].
        indices: of the images in the training set, int64 [N].
        epoch: from 1.
        seed: of the run, 63 bits; None for a hash of the index alone.
    """
    if seed is None:
        return _flipped(images, (((indices * _HASH) >> 16) + epoch) % 2 == 0)
    side = indices + seed  # beyond 64 bits, integers of torch begin anew
    for shift, factor in _MIXING:
        side = (side ^ (side >> shift)) * factor
    side = side ^ (side >> 31)
    return _flipped(images, (side + epoch) % 2 == 0)


def random_shift(images: torch.Tensor, pixels: int, generator: torch.Generator) -> torch.Tensor:
    """Moves each image by up to ``pixels`` on both axes; edges are reflected (d c b a | a b c d).

    Where it moves further than an image is long, it shows reflections of reflections.
    """
    n, _, height, width = images.shape
    drawn = sent(torch.randint(-pixels, pixels + 1, (2, n), generator=generator), images.device)
    rows = _reflected(torch.arange(height, device=images.device) + drawn[0, :, None], height)
    columns = _reflected(torch.arange(width, device=images.device) + drawn[1, :, None], width)
    whole = torch.arange(n, device=images.device)[:, None, None]
    # Indexing with three tensors around a slice would bring the channels to the end.
    by_pixel = images.permute(0, 2, 3, 1)
    return by_pixel[whole, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _reflected(places: torch.Tensor, length: int) -> torch.Tensor:
    """Places beyond the ends of an axis -> what the mirrors at its ends show."""
    places = places % (2 * length)
    return torch.where(places < length, places, 2 * length - 1 - places)


def cutout(images: torch.Tensor, pixels: int, generator: torch.Generator) -> torch.Tensor:
    """Fills a square of side ``pixels`` around a random pixel of each image with the mean colour.

    The mean is that of the batch; the part of a square beyond the image's edge is lost.
    """
    n, _, height, width = images.shape
    centre = sent(torch.rand(2, n, generator=generator), images.device)
    top = (centre[0] * height).long() - pixels // 2
    left = (centre[1] * width).long() - pixels // 2
    y = torch.arange(height, device=images.device)
    x = torch.arange(width, device=images.device)
    rows = (y >= top[:, None]) & (y < top[:, None] + pixels)
    columns = (x >= left[:, None]) & (x < left[:, None] + pixels)
    hole = rows[:, None, :, None] & columns[:, None, None, :]
    return torch.where(hole, images.mean(dim=(0, 2, 3), keepdim=True), images)


def _first_that_fits(fits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of tries [T, N], the number of each column's first that fits, and whether there is one."""
    return fits.int().argmax(dim=0), fits.any(dim=0)


def _picked(tries: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """Of tries [T, N], those of numbers [N]."""
    return tries.gather(0, first[None])[0]


def _placed(room: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A whole number for each image, uniform from 0 to its ``room``, int64 [N]."""
    drawn = torch.rand(len(room), generator=generator) * (room + 1)
    return drawn.long().minimum(room)  # rounding may reach the bound


def random_erasing(
    images: torch.Tensor,
    probability: float,
    area: tuple[float, float],
    aspect: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """Fills a random rectangle of images with noise (Zhong et al., AAAI 2020).

    Args:
        images: float [N, C, H, W] from 0 to 1.
        probability: that an image has one.
        area: its least and largest share of the image.
        aspect: least height / width; the largest is 1 / this.
        generator: of all chance.
    """
    n, _, height, width = images.shape
    erased = torch.rand(n, generator=generator) < probability
    drawn = torch.rand(2, _ERASING_TRIES, n, generator=generator)
    pixels = height * width * (area[0] + (area[1] - area[0]) * drawn[0])
    shape = aspect + (1 / aspect - aspect) * drawn[1]
    heights = (pixels * shape).sqrt().round().clamp(min=1)
    widths = (pixels / shape).sqrt().round().clamp(min=1)
    first, there = _first_that_fits((heights < height) & (widths < width))
    high, wide = (_picked(tries, first).long() for tries in (heights, widths))
    top, left = _placed(height - high, generator), _placed(width - wide, generator)
    y, x = torch.arange(height), torch.arange(width)
    rows = (y >= top[:, None]) & (y < (top + high)[:, None])
    columns = (x >= left[:, None]) & (x < (left + wide)[:, None])
    hole = rows[:, None, :, None] & columns[:, None, None, :]
    hole &= (erased & there)[:, None, None, None]
    noise = torch.rand(images.shape, generator=generator).to(images.dtype)
    return torch.where(sent(hole, images.device), sent(noise, images.device), images)


def sample_crops(
    n: int,
    size: tuple[int, ...],
    area: tuple[float, float],
    aspect: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """Random parts of ``n`` images as torchvision's ``RandomResizedCrop`` draws them.

    Args:
        n: number of images.
        size: height and width, in pixels.
        area: least and largest share of the image.
        aspect: least width / height, below 1; the largest is 1 / this.
        generator: of all chance.

    Returns:
        Top, left, height, width in pixels: int64 [N, 4].
    """
    height, width = size
    drawn = torch.rand(2, _CROP_TRIES, n, generator=generator)
    pixels = height * width * (area[0] + (area[1] - area[0]) * drawn[0])
    shape = torch.exp((2 * drawn[1] - 1) * math.log(aspect))
    heights, widths = (pixels / shape).sqrt().round(), (pixels * shape).sqrt().round()
    fits = (heights >= 1) & (heights <= height) & (widths >= 1) & (widths <= width)
    first, there = _first_that_fits(fits)
    high, wide = (_picked(tries, first).long() for tries in (heights, widths))
    top, left = (
        _placed((room - own).clamp(min=0), generator)
        for room, own in ((height, high), (width, wide))
    )
    # The middle, no wider or higher than it may be.
    most = min(height, round(width / aspect)), min(width, round(height / aspect))
    middle = (height - most[0]) // 2, (width - most[1]) // 2, *most
    boxes = torch.stack([top, left, high, wide], dim=1)
    return torch.where(there[:, None], boxes, torch.tensor(middle))


def resized_crop(images: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Parts of images, resized to the whole.

    Bilinear; pixels beyond a part's edges are its outermost ones.

    Args:
        images: float [N, C, H, W].
        boxes: of `sample_crops`.
    """
    n, _, height, width = images.shape
    top, left, high, wide = sent(boxes, images.device).to(images.dtype).unbind(1)
    y, x = _sources(top, high, height), _sources(left, wide, width)
    grid = torch.stack(
        [
            ((2 * x + 1) / width - 1)[:, None, :].expand(n, height, width),
            ((2 * y + 1) / height - 1)[:, :, None].expand(n, height, width),
        ],
        dim=-1,
    )
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _sources(start: torch.Tensor, length: torch.Tensor, size: int) -> torch.Tensor:
    """Where along an axis each of ``size`` new pixels lies among the old ones: [N, size]."""
    share = (torch.arange(size, device=start.device) + 0.5) / size
    inside = share * length[:, None] - 0.5
    return start[:, None] + inside.clamp(min=0).minimum(length[:, None] - 1)


def colour_jitter(
    images: torch.Tensor,
    brightness: float,
    contrast: float,
    saturation: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """Scales brightness, then contrast, then saturation of each image by random factors.

    Values are kept between the batch's smallest and largest. Grey images have no saturation.
    """
    shares = torch.rand(3, len(images), 1, 1, 1, generator=generator)
    drawn = 2 * sent(shares, images.device) - 1
    low, high = images.amin(), images.amax()
    changed = images * (1 + brightness * drawn[0])
    mean = grey(changed).mean(dim=(2, 3), keepdim=True)
    changed = mean + (changed - mean) * (1 + contrast * drawn[1])
    colourless = grey(changed)
    changed = colourless + (changed - colourless) * (1 + saturation * drawn[2])
    return changed.clamp(low, high)


def grey(images: torch.Tensor) -> torch.Tensor:
    """Brightness of each pixel: [N, C, H, W] -> [N, 1, H, W]."""
    if images.shape[1] != len(_GREY):
        return images.mean(dim=1, keepdim=True)
    weights = sent(torch.tensor(_GREY), images.device)[:, None, None]
    return (images * weights).sum(dim=1, keepdim=True)
