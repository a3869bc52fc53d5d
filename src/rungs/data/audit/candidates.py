"""Which pairs of pictures are worth a closer look, out of all pairs."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F

# Numbers that describe a picture.
_NUMBERS = 64
# Rows and columns of the blocks in which all pairs are compared: small enough for a cache.
_ROWS, _COLUMNS = 512, 2048
# Of one block of columns, so that a set of pictures that are all alike does not fill the memory.
_MOST_PARTNERS = 8
_LITTLE = 1e-9


def directions(structures: torch.Tensor) -> torch.Tensor:
    """The directions in which the pictures of a set differ most, [256, numbers].

    Principal components of the structures at half their resolution, each divided by the fourth
    root of its variance: halfway between plain components, where the strongest decide alone, and
    whitened ones, where noise does.

    Args:
        structures: of the set, [N, 32, 32].
    """
    halved = _halved(structures).double()
    variances, found = torch.linalg.eigh(halved.T @ halved / len(halved))
    strongest = variances.argsort(descending=True)[:_NUMBERS]
    # The mean bounds the weight of directions in which a small set does not differ at all.
    scale = (variances[strongest] + variances.mean() + _LITTLE) ** -0.25
    scaled: torch.Tensor = found[:, strongest] * scale
    return scaled.float()


def descriptions(structures: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
    """Vectors [N, numbers] of length 1, whose products say how alike two pictures are."""
    return F.normalize(_halved(structures) @ along, dim=1)


def _halved(structures: torch.Tensor) -> torch.Tensor:
    halved = F.avg_pool2d(structures[:, None], 2).flatten(1)
    return halved - halved.mean(dim=1, keepdim=True)


def alike(
    queries: torch.Tensor, others: torch.Tensor, least: float
) -> Iterator[tuple[torch.Tensor, int]]:
    """Pairs (query, other) whose product is at least ``least``; of very many, the nearest.

    Yields:
        For every block of queries the pairs, int64 [2, M], and the number of queries.
    """
    buffer = torch.empty(_ROWS * _COLUMNS)
    for start in range(0, len(queries), _ROWS):
        rows = queries[start : start + _ROWS]
        found = [torch.empty(2, 0, dtype=torch.int64)]
        for first in range(0, len(others), _COLUMNS):
            columns = others[first : first + _COLUMNS]
            products = buffer[: len(rows) * len(columns)].view(len(rows), len(columns))
            torch.mm(rows, columns.T, out=products)
            # Most rows hold nothing: one pass for their maxima is quicker than a mask of all.
            hot = (products.amax(dim=1) >= least).nonzero()[:, 0]
            if len(hot):
                nearest = products[hot].topk(min(_MOST_PARTNERS, len(columns)), dim=1)
                row, rank = (nearest.values >= least).nonzero().unbind(dim=1)
                found.append(torch.stack([hot[row] + start, nearest.indices[row, rank] + first]))
        yield torch.cat(found, dim=1), len(rows)
