"""A model's outputs for images. No labels come in here."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, ClassVar

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


class _Unrounded:
    """Of this process: how many threads are in `unrounded`, and what the first of them found."""

    lock: ClassVar[Lock] = Lock()
    inside: ClassVar[int] = 0
    before: ClassVar[tuple[str, ...]] = ()


def _gpu_kinds() -> tuple[Any, ...]:
    backends: Any = torch.backends  # whose annotations lack what its documentation has
    return backends.cudnn.conv, backends.cuda.matmul


@contextmanager
def unrounded() -> Iterator[None]:
    """While it lasts, a GPU's float32 is not rounded to TF32's 10 bits, as training's is not.

    Torch does round it in convolutions unless it is told otherwise, and a process that answers
    need not be one that trained. What torch is told holds for all threads: of several that answer
    at a time the first tells it, and the last puts back what the first has found.
    """
    with _Unrounded.lock:
        _Unrounded.inside += 1
        if _Unrounded.inside == 1:
            _Unrounded.before = tuple(kind.fp32_precision for kind in _gpu_kinds())
            for kind in _gpu_kinds():
                kind.fp32_precision = "ieee"
    try:
        yield
    finally:
        with _Unrounded.lock:
            _Unrounded.inside -= 1
            if _Unrounded.inside == 0:
                for kind, before in zip(_gpu_kinds(), _Unrounded.before, strict=True):
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
