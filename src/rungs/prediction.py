"""A model's outputs for images. No labels come in here."""

from typing import Any

import torch
from torch import nn

from rungs.data.transforms import scale

# Large enough that a step's fixed cost does not count, small enough for a GPU of 4 GB.
EVALUATION_BATCH = 1000


@torch.inference_mode()
def predict(model: nn.Module, pixels: torch.Tensor, *, memory_format: Any) -> torch.Tensor:
    """Logits of every image.

    Args:
        model: [N, C, H, W] float -> [N, classes]; put into evaluation mode here.
        pixels: uint8 [N, C, H, W], on the model's device.
        memory_format: layout in which the network computes, a ``torch.memory_format``.

    Returns:
        float32 [N, classes] on the same device.
    """
    model.eval()
    return torch.cat(
        [
            model(scale(batch).contiguous(memory_format=memory_format)).float()
            for batch in torch.split(pixels, EVALUATION_BATCH)
        ]
    )
