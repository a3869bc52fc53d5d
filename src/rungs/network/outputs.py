"""A model's outputs for images. No labels come in here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from rungs.data.mapped import Pixels
from rungs.data.scaling import scale

# Images of 32x32 at a time: large enough that a step's fixed cost does not count. On a GPU small
# enough for one of 4 GB; a processor gains nothing by more images than training takes at a time,
# but would need twice the memory that training does.
EVALUATION_BATCH = {"cuda": 1000, "cpu": 250}
_IMAGE_PIXELS = 32 * 32


def arithmetic(precision: str, device: torch.device | str) -> torch.autocast:
    """The context in which a network computes.

    Args:
        precision: of a recipe, ``float32`` or ``bfloat16``.
        device: where it computes.
    """
    kind = torch.device(device).type
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=precision == "bfloat16")


@contextmanager
def unrounded() -> Iterator[None]:
    """While it lasts, a GPU's float32 is not rounded to TF32's 10 bits, as training's is not.

    Torch does round it in convolutions unless it is told otherwise, and a process that answers
    need not be one that trained.
    """
    backends: Any = torch.backends  # whose annotations lack what its documentation has
    kinds = (backends.cudnn.conv, backends.cuda.matmul)
    kept = [kind.fp32_precision for kind in kinds]
    for kind in kinds:
        kind.fp32_precision = "ieee"
    try:
        yield
    finally:
        for kind, before in zip(kinds, kept, strict=True):
            kind.fp32_precision = before


@torch.inference_mode()
def predict(
    model: nn.Module, pixels: Pixels, *, memory_format: Any, precision: str
) -> torch.Tensor:
    """Logits of every image, in batches that memory holds and in the arithmetic of training.

    Args:
        model: [N, C, H, W] float -> [N, classes]; put into evaluation mode here.
        pixels: uint8 [N, C, H, W] that give batches on the model's device.
        memory_format: layout in which the network computes, a ``torch.memory_format``.
        precision: of the recipe.

    Returns:
        float32 [N, classes] on the same device.
    """
    model.eval()
    with arithmetic(precision, pixels.device), unrounded():
        return torch.cat(
            [
                model(scale(batch).contiguous(memory_format=memory_format)).float()
                for batch in evaluation_batches(pixels)
            ]
        )


def evaluation_batches(pixels: Pixels) -> Iterator[torch.Tensor]:
    """All pixels in order, in batches [N, C, H, W] of a size that memory holds."""
    height, width = pixels.shape[2:]
    most = EVALUATION_BATCH[torch.device(pixels.device).type]
    step = max(1, min(most, most * _IMAGE_PIXELS // (height * width)))
    for start in range(0, len(pixels), step):
        yield pixels[start : start + step]
