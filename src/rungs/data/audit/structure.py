"""What two pictures are compared by: their structure, which light and colours do not move."""

import torch
import torch.nn.functional as F

from rungs.data.mapped import Pixels

# Side of the small pictures that are compared, whatever the size of the images: shifts and crops
# are then shares of the picture.
SIDE = 32
# ITU-R BT.601: how bright red, green and blue look.
_BRIGHTNESS = (0.299, 0.587, 0.114)
# Side of the square that a pixel is held against.
_SURROUND = 7
# Grey levels: a spread of this size in a pixel's surroundings is half noise.
_NOISE = 6.0
_CHUNK = 2048  # images worked on at a time


def structures(pixels: Pixels) -> torch.Tensor:
    """Brightness with its contrast made even: where there are edges, and how they run.

    From every pixel the mean of its surroundings is taken, and the rest divided by their spread
    (local contrast normalisation; Jarrett et al., ICCV 2009). A strong edge then counts no more
    than fine texture: otherwise any two horizons would be alike. Neighbours are averaged last, so
    that half a pixel's shift and noise count little.

    Args:
        pixels: uint8 [N, C, H, W].

    Returns:
        float32 [N, SIDE, SIDE], without unit, mostly between -2 and 2.
    """
    found = torch.empty(len(pixels), SIDE, SIDE)
    # By slices: pixels may be in a file that memory does not hold.
    for start in range(0, len(pixels), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        found[chunk] = _structures(thumbnails(pixels[chunk]))
    return found


def thumbnails(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 [N, C, H, W] -> float32 [N, C, SIDE, SIDE], in grey levels of 0 to 255."""
    images = pixels.to(torch.float32)
    if images.shape[-2:] == (SIDE, SIDE):
        return images
    if min(images.shape[-2:]) >= SIDE:
        return F.interpolate(images, (SIDE, SIDE), mode="area")
    return F.interpolate(images, (SIDE, SIDE), mode="bilinear", align_corners=False)


def _structures(images: torch.Tensor) -> torch.Tensor:
    if images.shape[1] == len(_BRIGHTNESS):
        images = images * torch.tensor(_BRIGHTNESS)[:, None, None] * len(_BRIGHTNESS)
    bright = images.mean(dim=1, keepdim=True)
    around = torch.full((_SURROUND,), 1 / _SURROUND)
    mean = _averaged(bright, around)
    variance = (_averaged(bright.square(), around) - mean.square()).clamp(min=0)
    even = (bright - mean) / (variance + _NOISE**2).sqrt()
    return _averaged(even, torch.tensor([0.25, 0.5, 0.25]))[:, 0]


def _averaged(images: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean around every pixel, down and across; beyond the edge lies the reflection."""
    padded = F.pad(images, (len(weights) // 2,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))
