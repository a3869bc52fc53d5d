"""Which pairs of pictures are worth a closer look, out of all pairs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from rungs.data.audit.structure import SIDE

# Pixels by which pictures are shifted, one cell of the grid, and the cells along a side.
STEP = 4
_CELLS = SIDE // STEP
_DIRECTIONS = 8  # of edges
_WEIGHT_OF_BRIGHTNESS = 0.3  # of halved structures beside edges
# Numbers that describe a picture.
_NUMBERS = 96
# Images that the descriptor is learnt from; changed copies are made of them.
_SAMPLED = 4096
_RIDGE = 1e-3
# Images worked on at a time: few, so that what is in between stays in a cache.
_CHUNK = 64
# Rows and columns of the blocks in which all pairs are compared: small enough for a cache.
_ROWS, _COLUMNS = 512, 2048
# Of one block of columns, so that a set of pictures that are all alike does not fill the memory.
_MOST_PARTNERS = 8
# Pictures among which neighbours are looked for, and which of these count: from the third on, so
# that copies do not.
_NEIGHBOURHOOD = 16_384
_FIRST, _LAST = 3, 8


@dataclass(frozen=True)
class Descriptor:
    """Numbers in which pictures of a set differ much, and changed copies of one picture little.

    Attributes:
        mean: of the features, [features].
        along: [features, numbers].
    """

    mean: torch.Tensor
    along: torch.Tensor

    def views(
        self, structures: torch.Tensor, shifts: tuple[tuple[int, int], ...]
    ) -> Iterator[torch.Tensor]:
        """For each shift, in steps across and down of -1 to 1, vectors [N, numbers] of length 1.

        Their products say how alike two pictures are.

        Args:
            structures: [N, 32, 32].
            shifts: content moves to the right and down.
        """
        grids = [_grids(part) for part in torch.split(structures, _CHUNK)]
        for shift in shifts:
            described = [(_cut(*grid, shift) - self.mean) @ self.along for grid in grids]
            yield F.normalize(torch.cat(described), dim=1)


def learned(structures: torch.Tensor) -> Descriptor:
    """The descriptor for a set: linear discriminant analysis of edges (Fisher, 1936).

    A part of the set is changed as copies are: shifted, cropped, stretched, drawn over. What tells
    pictures apart but moves little under these changes weighs most. Each direction is divided by
    the fourth root of its share of variance: halfway between plain components, where the strongest
    decide alone, and whitened ones, where noise does.

    Args:
        structures: of the set, [N, 32, 32].
    """
    generator = torch.Generator().manual_seed(0)
    some = structures[torch.randperm(len(structures), generator=generator)[:_SAMPLED]]
    # Of few pictures more copies each: that there are few says nothing about how copies differ.
    some = some.repeat(-(-_SAMPLED // max(1, 8 * len(some))), 1, 1)
    features, copies = _features(some).double(), _features(_changed(some, generator)).double()
    mean = features.mean(dim=0)
    apart = (features - mean).T @ (features - mean) / len(some)
    moved = (features - copies).T @ (features - copies) / (2 * len(some))
    size = len(moved)
    moved += torch.eye(size, dtype=torch.float64) * (_RIDGE * moved.trace() / size + 1e-9)
    root = torch.linalg.inv(torch.linalg.cholesky(moved))
    shares, axes = torch.linalg.eigh(root @ apart @ root.T)
    strongest = shares.argsort(descending=True)[:_NUMBERS]
    share = shares[strongest].clamp(min=0)
    # Directions in which a small set does not differ at all count nothing.
    along = root.T @ axes[:, strongest] * (share.sqrt() / (share + 1) ** 0.75)
    return Descriptor(mean.float(), along.float())


def _changed(structures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Structures of copies: windows of 85 to 100 % of a side, moved, noisy, or with a bar."""
    count = len(structures)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.rand(count, *shape, generator=generator)

    window = 1 - 0.15 * drawn(2) * (drawn(2) < 0.7)
    reach = 1 - window + 0.15 * (drawn(1) < 0.4)
    centre = (2 * drawn(2) - 1) * reach
    scale = torch.where(drawn(1) < 0.3, 1 / window, window)
    grid = F.affine_grid(
        torch.cat([torch.diag_embed(scale), centre[:, :, None]], dim=2),
        [count, 1, SIDE, SIDE],
        align_corners=False,
    )
    moved = F.grid_sample(structures[:, None], grid, align_corners=False, padding_mode="border")[
        :, 0
    ]
    moved = moved + 0.2 * torch.randn(moved.shape, generator=generator)
    # A caption: a sixth each above and below.
    place, depth = drawn(1) * 6, 1 + 6 * drawn(1)
    row = torch.arange(SIDE)
    bar = ((place < 1) & (row < depth)) | ((place > 5) & (row >= SIDE - depth))
    return torch.where(bar[:, :, None], torch.randn(moved.shape, generator=generator), moved)


def _features(structures: torch.Tensor) -> torch.Tensor:
    parts = torch.split(structures, _CHUNK)
    return torch.cat([_cut(*_grids(part), (0, 0)) for part in parts])


def _grids(structures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Edges [N, 8, 10, 10] in cells, and brightness [N, 20, 20], with a step of margin all round.

    Histograms of oriented gradients (Dalal and Triggs, CVPR 2005): each edge counts by its
    direction, dark to bright, in the cells around it.
    """
    padded = F.pad(structures[:, None], (STEP + 1,) * 4, mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    angles = 2 * math.pi / _DIRECTIONS * torch.arange(_DIRECTIONS)[:, None, None]
    towards = (across * angles.cos() + down * angles.sin()).clamp(min=0)
    edges = towards.square() / (across.square() + down.square() + 1e-9).sqrt()
    weights = _cells(edges.shape[-1])
    cells = weights @ (edges @ weights.T)
    return cells, F.avg_pool2d(padded[..., 1:-1, 1:-1], 2)[:, 0]


def _cells(side: int) -> torch.Tensor:
    """How much each pixel counts in each cell, which overlap by half: [cells, side]."""
    centres = STEP * (torch.arange(side // STEP) + 0.5)
    pixels = torch.arange(side) + 0.5
    weights = (1 - (pixels - centres[:, None]).abs() / STEP).clamp(min=0)
    return weights / weights.sum(dim=1, keepdim=True)


def _cut(cells: torch.Tensor, bright: torch.Tensor, shift: tuple[int, int]) -> torch.Tensor:
    """The features [N, features] of pictures whose content is moved."""
    left, top = 1 - shift[0], 1 - shift[1]
    inner = cells[:, :, top : top + _CELLS, left : left + _CELLS]
    half = STEP // 2
    small = bright[:, half * top :, half * left :][:, : SIDE // 2, : SIDE // 2].flatten(1)
    small = small - small.mean(dim=1, keepdim=True)
    return torch.cat([inner.flatten(1), _WEIGHT_OF_BRIGHTNESS * small], dim=1)


def usual(described: torch.Tensor) -> torch.Tensor:
    """How alike a picture is to pictures that are merely like it, [N]; 0 in tiny sets.

    The mean product with its nearest in a part of the set, without the very nearest, which may be
    copies.
    """
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(described), generator=generator)[:_NEIGHBOURHOOD]
    if len(chosen) <= _LAST:
        return torch.zeros(len(described))
    among = described[chosen].T.contiguous()
    nearest = [
        (rows @ among).topk(_LAST + 1, dim=1).values for rows in torch.split(described, _ROWS)
    ]
    values = torch.cat(nearest)
    # A picture of that part meets itself first.
    itself = torch.isin(torch.arange(len(described)), chosen)
    with_itself = values[:, _FIRST : _LAST + 1].mean(dim=1)
    return torch.where(itself, with_itself, values[:, _FIRST - 1 : _LAST].mean(dim=1))


def alike(
    queries: torch.Tensor, others: torch.Tensor, least: torch.Tensor
) -> Iterator[tuple[torch.Tensor, int]]:
    """Pairs (query, other) whose product is at least the query's ``least``; of many the nearest.

    Args:
        queries: [M, numbers].
        others: [N, numbers].
        least: [M].

    Yields:
        For every block of queries the pairs, int64 [2, M], and the number of queries.
    """
    buffer = torch.empty(_ROWS * _COLUMNS)
    for start in range(0, len(queries), _ROWS):
        rows, wanted = queries[start : start + _ROWS], least[start : start + _ROWS]
        found = [torch.empty(2, 0, dtype=torch.int64)]
        for first in range(0, len(others), _COLUMNS):
            columns = others[first : first + _COLUMNS]
            products = buffer[: len(rows) * len(columns)].view(len(rows), len(columns))
            torch.mm(rows, columns.T, out=products)
            # Most rows hold nothing: one pass for their maxima is quicker than a mask of all.
            hot = (products.amax(dim=1) >= wanted).nonzero()[:, 0]
            if len(hot):
                nearest = products[hot].topk(min(_MOST_PARTNERS, len(columns)), dim=1)
                row, rank = (nearest.values >= wanted[hot, None]).nonzero().unbind(dim=1)
                found.append(torch.stack([hot[row] + start, nearest.indices[row, rank] + first]))
        yield torch.cat(found, dim=1), len(rows)
