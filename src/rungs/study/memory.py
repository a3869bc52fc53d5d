"""How much memory a training takes, roughly: known from the network's layers, before it begins."""

from collections.abc import Sequence
from math import prod

from rungs.study.costs import LayerRow

_BYTES = 4  # of a float32 value
# For each weight: itself, its gradient, two moments of an optimiser, and an average's.
_COPIES = 5


def training_bytes(layers: Sequence[LayerRow], images: int) -> int:
    """Bytes that one run takes beside its libraries and the pictures in their file.

    What each operation puts out is kept for the way back, for every image of a batch; on the way
    back the gradients of the two largest are there as well. Where operations share a result, as
    activations do that work in place, it is less; where a kernel needs room for itself, more.

    Args:
        layers: the operations of the network, on images of full size.
        images: of a batch.
    """
    outputs = sorted(prod(row.shape) for row in layers)
    values = sum(outputs) + sum(outputs[-2:])
    weights = sum(row.parameters for row in layers)
    return _BYTES * (images * values + _COPIES * weights)


def gigabytes(count: int) -> str:
    """``3.2 GB``, or ``320 MB`` where it is less than one."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
