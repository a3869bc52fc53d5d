"""How alike two pictures are where one lies upon the other as well as it can."""

import torch
import torch.nn.functional as F

from rungs.data.audit.structure import SIDE

# Side of the square from the middle of one picture that is looked for in the other.
_WINDOW = 24
_REACH = (SIDE - _WINDOW) // 2
# By how much either picture is enlarged about its centre.
ZOOMS = (1.0, 1.06, 1.12)
# Beside a variance of a structure, which is about 0.5: what flat pictures have of noise.
_NOISE_VARIANCE = 0.02


def correlations(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """The highest normalised correlation over shifts and zooms, float32 [M] in -1 ... 1.

    Args:
        first: structures [M, 32, 32].
        second: those that they are held against, one each.
    """
    best = torch.full((len(first),), -1.0)
    for zoom in ZOOMS:
        best = torch.maximum(best, _best_shift(enlarged(first, zoom), second))
        if zoom != 1:
            best = torch.maximum(best, _best_shift(enlarged(second, zoom), first))
    return best


def enlarged(structures: torch.Tensor, zoom: float) -> torch.Tensor:
    """The middle of each structure [N, 32, 32], ``zoom`` times as large."""
    if zoom == 1:
        return structures
    scale = torch.tensor([[1 / zoom, 0, 0], [0, 1 / zoom, 0]]).expand(len(structures), 2, 3)
    grid = F.affine_grid(scale, [len(structures), 1, SIDE, SIDE], align_corners=False)
    sampled: torch.Tensor = F.grid_sample(structures[:, None], grid, align_corners=False)
    return sampled[:, 0]


def _best_shift(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Correlation of the middle of ``first`` with the best place of ``second``, [N]."""
    template = first[:, _REACH:-_REACH, _REACH:-_REACH]
    template = template - template.mean(dim=(1, 2), keepdim=True)
    # Every place at once, by Fourier transforms; places that wrap around are cut off.
    padded = F.pad(template, (0, SIDE - _WINDOW, 0, SIDE - _WINDOW))
    spectrum = torch.fft.rfft2(padded).conj() * torch.fft.rfft2(second)
    places = 2 * _REACH + 1
    covariance = torch.fft.irfft2(spectrum, s=(SIDE, SIDE))[:, :places, :places] / _WINDOW**2
    variance = _windows(second.square()) - _windows(second).square()
    own = template.square().mean(dim=(1, 2))[:, None, None]
    scale = (variance.clamp(min=0) + _NOISE_VARIANCE) * (own + _NOISE_VARIANCE)
    best: torch.Tensor = (covariance / scale.sqrt()).amax(dim=(1, 2))
    return best


def _windows(images: torch.Tensor) -> torch.Tensor:
    """The mean of the window at every place: [N, 32, 32] -> [N, places, places]."""
    across = F.avg_pool2d(images[:, None], (1, _WINDOW), 1)
    return F.avg_pool2d(across, (_WINDOW, 1), 1)[:, 0]
