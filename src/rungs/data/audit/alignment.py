"""How far two pictures agree where one lies upon the other as well as it can."""

import torch
import torch.nn.functional as F

from rungs.data.audit.structure import SIDE

# Side of the square from the middle of one picture that is looked for in the other.
_WINDOW = 22
_REACH = (SIDE - _WINDOW) // 2
_PLACES = 2 * _REACH + 1
# By how much either picture is enlarged about its centre.
_ZOOM = 1.12
# Beside a variance of a structure, which is about 0.5: what flat pictures have of noise.
_NOISE_VARIANCE = 0.01
# Pairs that correlate less nowhere are not the same.
_LEAST_CORRELATION = 0.45
# Steps of the refinement, at half the resolution, and how far a step goes at most: shares of half
# a side.
_STEPS, _LONGEST_STEP = 5, 0.12
_LEAST_SCALE, _MOST_SCALE, _MOST_SHIFT = 0.7, 1.4, 0.5
# Blocks that are compared one by one; of what is on the pictures, the best part counts: captions,
# watermarks and borders spoil the rest.
_BLOCK, _BLOCK_STEP = 8, 4
_BLOCK_NOISE = 0.01
_KEPT = 0.7
_INSIDE = 0.7  # share of a block that both pictures show
# Of the correlation of the whole middle, beside the blocks.
_WEIGHT_OF_WHOLE = 0.3


def agreements(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """How far pairs of pictures agree, float32 [M], 1 for the same; below 0.45 roughly.

    The middle of one is laid on the other at every shift, as large and enlarged. From the best
    place, shift and both scales are refined (Lucas and Kanade, IJCAI 1981, with weights against
    outliers). There blocks are correlated one by one, and of the texture the 70 % that agree best
    count; the correlation of the whole middle counts beside them.

    Args:
        first: structures [M, 32, 32].
        second: those that they are held against, one each.
    """
    correlations, places = _best_places(first, second)
    found = correlations.clone()
    hot = (correlations >= _LEAST_CORRELATION).nonzero()[:, 0]
    if len(hot):
        one, other, place = first[hot], second[hot], places[hot]
        refined = _refined(_halved(one), _halved(other), place)
        blocks = torch.maximum(_agreeing(one, other, place), _agreeing(one, other, refined))
        found[hot] = torch.lerp(blocks, correlations[hot], _WEIGHT_OF_WHOLE)
    return found


def _best_places(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The highest correlations over shifts and zooms, [M], and where: [M, 4].

    A place says where ``first`` shows what ``second`` shows at (x, y), from -1 to 1: at
    (a x + c, b y + d) for the place (a, b, c, d).
    """
    best, shift = _best_shift(first, second)
    one = torch.ones(len(first), 2)
    places = torch.cat([one, -shift], dim=1)
    larger, shift = _best_shift(_enlarged(first), second)
    places = torch.where((larger > best)[:, None], _place(one / _ZOOM, -shift / _ZOOM), places)
    best = torch.maximum(best, larger)
    smaller, shift = _best_shift(first, _enlarged(second))
    places = torch.where((smaller > best)[:, None], _place(one * _ZOOM, -shift), places)
    return torch.maximum(best, smaller), places


def _place(scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    return torch.cat([scale, shift], dim=1)


def _enlarged(structures: torch.Tensor) -> torch.Tensor:
    """The middle of each structure [N, 32, 32], larger."""
    scale = torch.tensor([[1 / _ZOOM, 0, 0], [0, 1 / _ZOOM, 0]]).expand(len(structures), 2, 3)
    grid = F.affine_grid(scale, [len(structures), 1, SIDE, SIDE], align_corners=False)
    sampled: torch.Tensor = F.grid_sample(structures[:, None], grid, align_corners=False)
    return sampled[:, 0]


def _best_shift(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Correlation [M] of the middle of ``first`` with the best place of ``second``; the shift.

    The shift [M, 2] is across and down, in half sides.
    """
    template = first[:, _REACH:-_REACH, _REACH:-_REACH]
    template = template - template.mean(dim=(1, 2), keepdim=True)
    # Every place at once, by Fourier transforms; places that wrap around are cut off.
    padded = F.pad(template, (0, SIDE - _WINDOW, 0, SIDE - _WINDOW))
    spectrum = torch.fft.rfft2(padded).conj() * torch.fft.rfft2(second)
    covariance = torch.fft.irfft2(spectrum, s=(SIDE, SIDE))[:, :_PLACES, :_PLACES] / _WINDOW**2
    variance = _windows(second.square()) - _windows(second).square()
    own = template.square().mean(dim=(1, 2))[:, None, None]
    scale = (variance.clamp(min=0) + _NOISE_VARIANCE) * (own + _NOISE_VARIANCE)
    best, place = (covariance / scale.sqrt()).flatten(1).max(dim=1)
    down = torch.div(place, _PLACES, rounding_mode="floor")
    shift = torch.stack([place % _PLACES, down], dim=1) - _REACH
    return best, shift * (2 / SIDE)


def _windows(images: torch.Tensor) -> torch.Tensor:
    """The mean of the window at every place: [N, 32, 32] -> [N, places, places]."""
    across = F.avg_pool2d(images[:, None], (1, _WINDOW), 1)
    return F.avg_pool2d(across, (_WINDOW, 1), 1)[:, 0]


def _halved(structures: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(structures[:, None], 2)[:, 0]


def _coordinates(side: int) -> torch.Tensor:
    """(x, y) of every pixel's centre, from -1 to 1: [side, side, 2]."""
    along = (torch.arange(side) + 0.5) * 2 / side - 1
    return torch.stack(torch.meshgrid(along, along, indexing="xy"), dim=-1)


def _looked_up(maps: torch.Tensor, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Maps [M, C, side, side] at their places, and whether these are on the picture, 0 or 1."""
    where = _coordinates(maps.shape[-1]) * places[:, None, None, :2] + places[:, None, None, 2:]
    sampled = F.grid_sample(maps, where, align_corners=False, padding_mode="border")
    return sampled, (where.abs() < 1).all(dim=-1).float()


def _refined(first: torch.Tensor, second: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Places [M, 4] moved so that the structures [M, side, side] agree better."""
    side = first.shape[-1]
    padded = F.pad(first[:, None], (1, 1, 1, 1), mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) * (side / 4)
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) * (side / 4)
    maps = torch.cat([first[:, None], across, down], dim=1)
    x, y = _coordinates(side).unbind(dim=-1)
    target = second.flatten(1)
    # Against steps along which nothing changes: of gain, offset, two scales and two shifts.
    least = torch.tensor([1e-3, 1e-3, 0.3, 0.3, 0.3, 0.3]) * (side**2 / 100)
    for _ in range(_STEPS):
        sampled, inside = _looked_up(maps, places)
        shown, right, below = sampled.unbind(dim=1)
        columns = (shown, torch.ones_like(shown), right * x, below * y, right, below)
        design = torch.stack(columns, dim=-1).flatten(1, 2)
        inside = inside.flatten(1)
        apart = _standard(shown.flatten(1), inside) - _standard(target, inside)
        weighted = design * (inside / (1 + apart.square()))[:, :, None]
        normal = weighted.transpose(1, 2) @ design
        damped = normal.diagonal(dim1=1, dim2=2) * 1e-3 + least
        right_side = weighted.transpose(1, 2) @ target[:, :, None]
        solved = torch.linalg.solve(normal + torch.diag_embed(damped), right_side)[:, :, 0]
        step = solved[:, 2:] / solved[:, :1].clamp(min=0.3)
        places = places + step.clamp(-_LONGEST_STEP, _LONGEST_STEP)
        places = _place(
            places[:, :2].clamp(_LEAST_SCALE, _MOST_SCALE),
            places[:, 2:].clamp(-_MOST_SHIFT, _MOST_SHIFT),
        )
    return places


def _standard(values: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Values [M, pixels] less their mean, divided by their spread, both over what is inside."""
    weights = inside / inside.sum(dim=1, keepdim=True).clamp(min=1)
    centred = values - (values * weights).sum(dim=1, keepdim=True)
    variance = (centred.square() * weights).sum(dim=1, keepdim=True)
    return centred / (variance + _NOISE_VARIANCE).sqrt()


def _agreeing(first: torch.Tensor, second: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Mean correlation of the blocks that agree best, weighed by their texture, [M]."""
    sampled, inside = _looked_up(first[:, None], places)
    shown = sampled[:, 0]
    mean, other = _blocks(shown), _blocks(second)
    variance = (_blocks(shown.square()) - mean.square()).clamp(min=0)
    other_variance = (_blocks(second.square()) - other.square()).clamp(min=0)
    covariance = _blocks(shown * second) - mean * other
    noise = _BLOCK_NOISE
    correlations = covariance / ((variance + noise) * (other_variance + noise)).sqrt()
    texture = ((variance + other_variance) / 2).sqrt() * (_blocks(inside) > _INSIDE)
    correlations = correlations.masked_fill(texture == 0, -1)
    best, order = correlations.sort(dim=1, descending=True)
    texture = texture.gather(1, order)
    before = texture.cumsum(dim=1) - texture
    kept = texture * (before < _KEPT * texture.sum(dim=1, keepdim=True))
    return (best * kept).sum(dim=1) / kept.sum(dim=1).clamp(min=1e-6)


def _blocks(images: torch.Tensor) -> torch.Tensor:
    """The mean of every block: [M, 32, 32] -> [M, blocks]."""
    return F.avg_pool2d(images[:, None], _BLOCK, _BLOCK_STEP).flatten(1)
